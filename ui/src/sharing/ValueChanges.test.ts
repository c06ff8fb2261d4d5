import { describe, expect, it } from "vitest";

import { valueWords } from "./ValueChanges";

describe("what a preview says of a value", () => {
  it("names both values of a plain one", () => {
    expect(valueWords({ before: "a", after: "b", sealed: false, access: "" })).toBe('would be "b" instead of "a"');
    expect(valueWords({ after: "b", sealed: false, access: "" })).toBe('would be "b" (no value now)');
    expect(valueWords({ before: "a", sealed: false, access: "" })).toBe('would be lost (now "a")');
  });

  it("shows nothing of a sensitive one but that it comes, goes or is another", () => {
    expect(valueWords({ after: "(sealed)", sealed: true, access: "gained" })).toBe("would be gained (sensitive)");
    expect(valueWords({ before: "(sealed)", sealed: true, access: "lost" })).toBe("would be lost (sensitive)");
    expect(valueWords({ before: "(sealed)", after: "(sealed)", sealed: true, access: "replaced" })).toBe("would change (sensitive)");
    expect(valueWords({ before: "a", after: "(sealed)", sealed: true, access: "gained" })).toBe('would be a sensitive value instead of "a"');
  });

  it("says that what is required would be missing", () => {
    expect(valueWords({ sealed: false, access: "", requiredMissing: true })).toBe("is required and would have no value");
    expect(valueWords({ before: "a", sealed: false, access: "", requiredMissing: true })).toBe('would be lost (now "a"), although it is required');
  });

  it("tells a sensitive one that can be read from one that applies", () => {
    expect(valueWords({ sealed: true, access: "gained" })).toBe("could be read there (sensitive)");
    expect(valueWords({ sealed: true, access: "lost" })).toBe("could no longer be read there (sensitive)");
    expect(valueWords({ after: "(sealed)", sealed: true, access: "" })).toBe("would apply (sensitive)");
    expect(valueWords({ before: "(sealed)", sealed: true, access: "" })).toBe("would no longer apply (sensitive)");
  });
});
