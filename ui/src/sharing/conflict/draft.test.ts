import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";

import { type Conflict, ConflictPlaceSchema, ConflictSchema } from "../../api/generated/atoll/v1/sharing_pb";
import { resolveCommand } from "./command";
import { answeredCount, choicesOf, edited, fitted, forgetDraft, keepDraft, isEditable, named, newDraft, readDraft, stateOf, takeRest } from "./draft";
import { authors, sideNames } from "./sides";

const timeout = create(ConflictPlaceSchema, {
  path: "/Parameters/Timeout/DefaultValue",
  key: "/Parameters/$items/k1/DefaultValue",
  reason: "both_changed",
  base: '"30"',
  ours: '"60"',
  theirs: '"90"',
});
const description = create(ConflictPlaceSchema, { path: "/Description", key: "/Description", reason: "text", base: '"a"', ours: '"b"', theirs: '"c"' });

function conflict(over: Partial<Conflict> = {}): Conflict {
  const made = create(ConflictSchema, {
    id: "0190-1",
    node: "prod-1",
    nodeSide: "ours",
    revisions: [
      { id: "r1", author: "files", atMs: 20n },
      { id: "r2", author: "alice", atMs: 10n },
    ],
    places: [timeout, description],
  });
  return { ...made, ...over };
}

describe("answers", () => {
  it("are sent by key, each as the side it takes or as a value", () => {
    const asked = conflict();
    const draft = newDraft(asked);
    draft.answers[timeout.key] = named(timeout, "theirs");
    draft.answers[description.key] = { take: "edit", path: "/Description", text: "by hand", value: '"by hand"', seen: named(description, "ours").seen };
    expect(answeredCount(asked.places, draft)).toBe(2);
    expect(choicesOf(asked.places, draft)).toEqual([
      { path: timeout.key, take: "theirs", value: "" },
      { path: "/Description", take: "value", value: '"by hand"' },
    ]);
  });

  it("for the rest leave alone what is answered", () => {
    const asked = conflict();
    const draft = { ...newDraft(asked), answers: { [timeout.key]: named(timeout, "base") } };
    const all = takeRest(asked.places, draft, "ours");
    expect(choicesOf(asked.places, all).map((choice) => choice.take)).toEqual(["base", "ours"]);
  });

  it("stay when the question changes, and count again after another look", () => {
    const draft = { ...newDraft(conflict()), answers: { [timeout.key]: named(timeout, "ours") } };
    // The node went on to 70, and the sides changed places: what was chosen is nobody's value any more.
    const now = create(ConflictPlaceSchema, { ...timeout, ours: '"90"', theirs: '"70"' });
    const kept = fitted([now], draft.answers)[now.key];
    expect(kept).toMatchObject({ take: "edit", text: "60", value: '"60"' });
    expect(stateOf(now, kept)).toBe("changed");
    expect(choicesOf([now], { ...draft, answers: fitted([now], draft.answers) })).toEqual([]);
  });

  it("follow their value when only the sides changed places", () => {
    const now = create(ConflictPlaceSchema, { ...timeout, ours: '"90"', theirs: '"60"' });
    expect(fitted([now], { [timeout.key]: named(timeout, "ours") })[now.key]?.take).toBe("theirs");
  });

  it("written by hand are texts without quotes, or JSON that is checked", () => {
    expect(edited(timeout, 'say "hi"').value).toBe('"say \\"hi\\""');
    const number = create(ConflictPlaceSchema, { ...timeout, base: "1", ours: "2", theirs: "3" });
    expect(edited(number, " 42 ").value).toBe("42");
    expect(edited(number, "forty-two").value).toBeUndefined();
    expect(stateOf(number, edited(number, "forty-two"))).toBe("open");
  });

  it("written by hand keep the line ends of the text", () => {
    const windows = create(ConflictPlaceSchema, { ...description, base: '"a\\r\\nb"', ours: '"a\\r\\nc"', theirs: '"a\\r\\nd"' });
    expect(edited(windows, "x\ny").value).toBe('"x\\r\\ny"');
  });

  it("are never written by hand where a sealed value or an order is asked about", () => {
    expect(isEditable(create(ConflictPlaceSchema, { ...timeout, ours: '{"$secret":{"version":"1"}}' }))).toBe(false);
    expect(isEditable(create(ConflictPlaceSchema, { ...timeout, path: "/Parameters/$order" }))).toBe(false);
  });

  describe("that are not sent", () => {
    beforeEach(() => localStorage.clear());

    it("are there again when the page is", () => {
      const draft = { ...newDraft(conflict()), message: "why" };
      keepDraft("0190-1", draft);
      expect(readDraft("0190-1")).toEqual(draft);
      forgetDraft("0190-1");
      expect(readDraft("0190-1")).toBeUndefined();
    });

    it("do no harm when they cannot be read", () => {
      localStorage.setItem("atoll.conflict.0190-1", "{broken");
      expect(readDraft("0190-1")).toBeUndefined();
    });
  });
});

describe("the command line", () => {
  it("names sides as people do, and one for all where it is one", () => {
    const asked = conflict();
    const draft = { ...takeRest(asked.places, newDraft(asked), "ours"), message: "it's right", release: true };
    expect(resolveCommand(asked, draft)).toBe("atoll conflict resolve 0190-1 --take node -m 'it'\\''s right' --publish");
    draft.answers[description.key] = named(description, "theirs");
    expect(resolveCommand(asked, draft)).toContain("--choose /Parameters/Timeout/DefaultValue=node --choose /Description=manager");
  });
});

describe("sides", () => {
  it("are a node and the manager, wherever the node stands", () => {
    expect(sideNames(conflict()).ours.title).toBe("Node prod-1");
    expect(sideNames(conflict({ nodeSide: "theirs" })).ours.title).toBe("Manager");
    expect(authors(conflict())).toBe("alice at the manager and prod-1 (claims: files)");
  });

  it("are two people, or two edits of one in their order", () => {
    const people = conflict({ nodeSide: "", node: "" });
    expect(sideNames(people).ours.title).toBe("files's edit");
    const [one, two] = people.revisions;
    if (one && two) people.revisions = [{ ...one, author: "alice" }, two];
    expect(sideNames(people)).toMatchObject({ first: "theirs", theirs: { title: "The earlier edit by alice" } });
  });
});
