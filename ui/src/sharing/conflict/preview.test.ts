import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";

import { type ConflictPlace, ConflictPlaceSchema } from "../../api/generated/atoll/v1/sharing_pb";
import { type Draft, named } from "./draft";
import { elementNames, preview } from "./preview";

const place = (path: string, values: { base?: string; ours?: string; theirs?: string }) =>
  create(ConflictPlaceSchema, { path, key: path, reason: "both_changed", ...values });

const draftOf = (...places: ConflictPlace[]): Draft => ({
  answers: Object.fromEntries(places.map((one) => [one.key, named(one, "ours")])),
  message: "",
  release: false,
  revisions: [],
});

const shown = (merged: unknown, one: ConflictPlace, names = new Map<string, string>()) =>
  preview(JSON.stringify(merged), [one], draftOf(one), names);

describe("the preview", () => {
  it("shows an answer where it will stand", () => {
    const merged = { Name: "A", Parameters: [{ Name: "Timeout", DefaultValue: "30" }] };
    const one = place("/Parameters/Timeout/DefaultValue", { base: '"30"', ours: '"60"', theirs: '"90"' });
    expect(shown(merged, one)).toEqual({ content: { Name: "A", Parameters: [{ Name: "Timeout", DefaultValue: "60" }] }, apart: [] });
  });

  it("leaves out what was deleted, and adds what was kept", () => {
    const gone = place("/Parameters/Old", { base: '{"Name":"Old"}', theirs: '{"Name":"Old","Label":"x"}' });
    expect(shown({ Parameters: [{ Name: "Old" }] }, gone).content).toEqual({ Parameters: [] });
    const kept = place("/Parameters/New", { ours: '{"Name":"New"}' });
    expect(shown({ Parameters: [] }, kept).content).toEqual({ Parameters: [{ Name: "New" }] });
  });

  it("tells one of two variables of a name by its value, or says that it cannot", () => {
    const merged = (second: string) => ({ Variables: [{ Name: "Host", Value: "a" }, { Name: "Host", Value: second }] });
    const one = place("/Variables/Host/Value", { base: '"b"', ours: '"c"', theirs: '"d"' });
    expect(shown(merged("b"), one).content).toEqual(merged("c"));
    expect(shown(merged("a"), place(one.path, { base: '"a"', ours: '"c"' })).apart).toHaveLength(1);
  });

  it("puts a list into the chosen order", () => {
    const one = place("/Parameters/$order", { ours: '["k2","k1"]', theirs: '["k1","k2"]' });
    const names = new Map([["k1", "A"], ["k2", "B"]]);
    expect(shown({ Parameters: [{ Name: "A" }, { Name: "B" }] }, one, names).content).toEqual({ Parameters: [{ Name: "B" }, { Name: "A" }] });
  });

  it("is empty where the whole resource goes", () => {
    expect(shown({ Name: "A" }, place("", { base: '{"Name":"A"}', ours: "", theirs: '{"Name":"B"}' })).content).toBeUndefined();
  });
});

describe("names of list elements", () => {
  it("are found by their place in the content, and told apart by scope", () => {
    const content = JSON.stringify({ Variables: [{ Name: "Host" }, { Name: "Host", Scope: { Environment: ["production"] } }, { Name: "Port" }] });
    expect([...elementNames(content, "/Variables/$order", '["k1","k2","k3"]').values()]).toEqual([
      "Host (everywhere)",
      "Host (Environment: production)",
      "Port",
    ]);
  });

  it("are not guessed where the two do not fit", () => {
    expect(elementNames('{"Variables":[]}', "/Variables/$order", '["k1"]').size).toBe(0);
  });
});
