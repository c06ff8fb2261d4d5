import { describe, expect, it } from "vitest";

import { compose, cut, type Hunk, openHunks } from "./hunks";

const kinds = (hunks: readonly Hunk[]) => hunks.map((hunk) => hunk.kind);
const BASE = "one\ntwo\nthree\nfour\nfive\n";

describe("cutting three texts", () => {
  it("asks nothing where only one side changed something", () => {
    const found = cut(BASE, BASE.replace("two", "TWO"), BASE);
    expect(kinds(found.hunks)).toEqual(["same", "ours", "same"]);
    expect(compose(found, {}, "ours")).toBe(BASE.replace("two", "TWO"));
  });

  it("takes changes of different lines from both sides", () => {
    const found = cut(BASE, BASE.replace("one", "ONE"), BASE.replace("five", "FIVE"));
    expect(kinds(found.hunks)).toEqual(["ours", "same", "theirs"]);
    expect(compose(found, {}, "ours")).toBe("ONE\ntwo\nthree\nfour\nFIVE\n");
  });

  it("does not ask where both sides made the same change", () => {
    const found = cut(BASE, BASE.replace("two", "2"), BASE.replace("two", "2"));
    expect(openHunks(found.hunks)).toEqual([]);
    expect(compose(found, {}, "ours")).toBe(BASE.replace("two", "2"));
  });

  it("asks where both sides changed the same line", () => {
    const found = cut(BASE, BASE.replace("three", "node"), BASE.replace("three", "manager"));
    expect(found.hunks).toEqual([
      { kind: "same", lines: ["one\n", "two\n"] },
      { kind: "conflict", base: ["three\n"], ours: ["node\n"], theirs: ["manager\n"] },
      { kind: "same", lines: ["four\n", "five\n"] },
    ]);
    expect(openHunks(found.hunks)).toEqual([1]);
    expect(compose(found, {}, "ours")).toBeUndefined();
  });

  it("reads changes of neighbouring lines together", () => {
    const found = cut(BASE, BASE.replace("two", "TWO"), BASE.replace("three", "THREE"));
    expect(found.hunks[1]).toEqual({ kind: "conflict", base: ["two\n", "three\n"], ours: ["TWO\n", "three\n"], theirs: ["two\n", "THREE\n"] });
  });

  it("keeps the lines right after insertions and removals before them", () => {
    const ours = "zero\none\ntwo\nthree\nfour\nOURS\n";
    const theirs = "one\nthree\nfour\nTHEIRS\n";
    const found = cut(BASE, ours, theirs);
    expect(kinds(found.hunks)).toEqual(["ours", "same", "theirs", "same", "conflict"]);
    expect(compose(found, { 4: { take: "theirs" } }, "ours")).toBe("zero\none\nthree\nfour\nTHEIRS\n");
  });

  it("asks about what one side removed and the other changed", () => {
    const found = cut(BASE, "one\nthree\nfour\nfive\n", BASE.replace("two", "TWO"));
    const [open] = openHunks(found.hunks);
    expect(found.hunks[open ?? -1]).toEqual({ kind: "conflict", base: ["two\n"], ours: [], theirs: ["TWO\n"] });
  });

  it("finds what two texts have in common where there is no base", () => {
    const found = cut("", "a\nb\nc\n", "a\nx\nc\n");
    expect(kinds(found.hunks)).toEqual(["same", "conflict", "same"]);
  });

  it("takes either side whole when every question goes to it", () => {
    const [ours, theirs] = ["1\ntwo\n3\nfour", "one\n2\nthree\n4\n5\n"];
    const found = cut(BASE, ours, theirs);
    const all = (take: "ours" | "theirs") => Object.fromEntries(openHunks(found.hunks).map((at) => [at, { take }]));
    expect(compose(found, all("theirs"), "ours")).toContain("2\nthree\n4\n5\n");
    expect(compose(found, all("ours"), "ours")).toContain("1\ntwo\n3\nfour");
  });
});

describe("putting the answer together", () => {
  const found = cut("a\nb\nc\n", "a\nnode\nc\n", "a\nmanager\nc\n");

  it("puts both sides one after the other, in the order asked for", () => {
    expect(compose(found, { 1: { take: "both" } }, "ours")).toBe("a\nnode\nmanager\nc\n");
    expect(compose(found, { 1: { take: "both" } }, "theirs")).toBe("a\nmanager\nnode\nc\n");
  });

  it("takes lines that were written by hand, and ends them", () => {
    expect(compose(found, { 1: { take: "edit", text: "by hand" } }, "ours")).toBe("a\nby hand\nc\n");
    expect(compose(found, { 1: { take: "edit", text: "" } }, "ours")).toBe("a\nc\n");
  });

  it("does not run two lines together where a text has no last line end", () => {
    const tail = cut("a\nb", "a\nnode", "a\nmanager");
    expect(compose(tail, { 1: { take: "both" } }, "ours")).toBe("a\nnode\nmanager");
  });
});

describe("line ends", () => {
  it("that one side turned are no change of every line", () => {
    const found = cut("a\r\nb\r\nc\r\n", "a\nb\nc\n", "a\r\nB\r\nc\r\n");
    expect(openHunks(found.hunks)).toEqual([]);
    expect(compose(found, {}, "ours")).toBe("a\nB\nc\n");
  });

  it("stay what they were where nobody turned them", () => {
    const found = cut("a\r\nb\r\n", "a\r\nnode\r\n", "a\r\nmanager\r\n");
    expect(compose(found, { 1: { take: "edit", text: "x\ny" } }, "ours")).toBe("a\r\nx\r\ny\r\n");
  });
});
