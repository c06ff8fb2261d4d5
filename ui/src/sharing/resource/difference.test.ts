import { describe, expect, it } from "vitest";

import { differencesOf } from "./difference";

describe("a file and what is there", () => {
  it("are the same when only counters, ids of a server and export notes differ", () => {
    expect(differencesOf({ Name: "A", Version: 1, Id: "x" }, { Name: "A", Version: 9, $Meta: { ExportedAt: "now" } })).toEqual([]);
  });

  it("differ in named places, with parameters by their names", () => {
    const from = { Properties: { Body: "a" }, Parameters: [{ Name: "One", DefaultValue: "1" }, { Name: "Two" }] };
    const to = { Properties: { Body: "b" }, Parameters: [{ Name: "One", DefaultValue: "2" }] };
    expect(differencesOf(from, to)).toEqual([
      { path: "/Properties/Body", from: '"a"', to: '"b"' },
      { path: "/Parameters/One/DefaultValue", from: '"1"', to: '"2"' },
      { path: "/Parameters/Two", from: '{"Name":"Two"}', to: "" },
    ]);
  });

  it("differ when only the order of a list does", () => {
    const differences = differencesOf({ Parameters: [{ Name: "A" }, { Name: "B" }] }, { Parameters: [{ Name: "B" }, { Name: "A" }] });
    expect(differences.map((place) => place.path)).toEqual(["/Parameters/$order"]);
  });
});
