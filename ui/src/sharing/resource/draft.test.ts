import { beforeEach, describe, expect, it } from "vitest";

import { dropDraft, findDraft, hasLeftOut, keepDraft, withBase } from "./draft";

beforeEach(() => localStorage.clear());

const draft = (content: Record<string, unknown>, revision = "r1", atMs = 1) => ({ resource: "one", revision, content, message: "", atMs });

describe("what was typed and not saved", () => {
  it("is offered again, the newest first, until it is dropped", () => {
    keepDraft(draft({ Name: "old" }, "r1", 1));
    keepDraft(draft({ Name: "new" }, "r2", 2));
    expect(findDraft("one")?.content).toEqual({ Name: "new" });
    expect(findDraft("other")).toBeUndefined();
    dropDraft("one", "r2");
    expect(findDraft("one")?.content).toEqual({ Name: "old" });
  });

  it("never holds a sensitive value", () => {
    keepDraft(
      draft({
        Properties: { Password: { HasValue: true, NewValue: "typed-secret" }, Plain: "shown" },
        Parameters: [{ Name: "Key", DefaultValue: "default-secret", DisplaySettings: { "Octopus.ControlType": "Sensitive" } }, { Name: "Other", DefaultValue: "small-secret", DisplaySettings: { "Octopus.ControlType": "sensitive" } }],
        Variables: [
          { Name: "A", Type: "Sensitive", Value: "value-secret" },
          { Name: "B", Type: " sensitive", Value: "other-secret" },
        ],
      }),
    );
    const kept = JSON.stringify({ ...localStorage });
    expect(kept).not.toContain("secret\"");
    expect(kept).toContain("shown");
    expect(hasLeftOut(findDraft("one")?.content)).toBe(true);
  });

  it("takes over what was there where a sensitive value was left out", () => {
    const sealed = { HasValue: true, NewValue: null, $secret: { version: "1" } };
    keepDraft(
      draft({
        Name: "renamed",
        Properties: { Password: { ...sealed, NewValue: "typed" } },
        Parameters: [{ Name: "Other" }, { Name: "Key", DefaultValue: { HasValue: true, NewValue: "typed" } }],
      }),
    );
    const back = withBase(findDraft("one")?.content ?? {}, {
      Properties: { Password: sealed },
      Parameters: [{ Name: "Key", DefaultValue: { HasValue: true, NewValue: null } }],
    });
    expect(back).toEqual({
      Name: "renamed",
      Properties: { Password: sealed },
      Parameters: [{ Name: "Other" }, { Name: "Key", DefaultValue: { HasValue: true, NewValue: null } }],
    });
  });
});
