import { describe, expect, it } from "vitest";

import { gathered, readValue } from "./difference";

describe("what differs", () => {
  it("never shows the reference of a sensitive value", () => {
    const places = ["ciphertext", "version"].map((part) => ({ path: `/Variables/Key/Value/$secret/${part}`, from: '"1"', to: '"2"' }));
    const shown = gathered(places);
    expect(shown).toHaveLength(1);
    expect(shown[0]?.path).toBe("/Variables/Key/Value");
    expect(readValue(shown[0]?.to ?? "").text).toBe("sensitive, set");
    expect(readValue('{"Name":"A","DefaultValue":{"$secret":{"version":"7"}}}').text).not.toContain("version");
  });

  it("tells a variable that went in one line", () => {
    const from = '{"Name":"Db.Host","Value":"db","Scope":{"Environment":["production"]}}';
    expect(gathered([{ path: "/Variables/Db.Host", from, to: "" }])[0]?.line).toEqual({ name: "Db.Host", scope: "environment production", value: "db" });
  });

  it("tells variables that came in one line each, though they are named leaf by leaf", () => {
    const leaf = (field: string, value: unknown) => ({ path: `/Variables/Db.Host/${field}`, from: "", to: JSON.stringify(value) });
    const places = [leaf("Name", "Db.Host"), leaf("Value", "db"), leaf("Name", "Db.Host"), leaf("Scope/Environment", ["test"]), leaf("Value/$secret/version", "1")];
    expect(gathered(places).map((place) => place.line)).toEqual([
      { name: "Db.Host", scope: "everywhere", value: "db" },
      { name: "Db.Host", scope: "environment test", value: "sensitive, set" },
    ]);
  });

  it("leaves a change of one field as it is", () => {
    const place = { path: "/Variables/Db.Host/Value", from: '"a"', to: '"b"' };
    expect(gathered([place])).toEqual([place]);
  });
});
