import { describe, expect, it } from "vitest";

import { changes, diffLines, linesOf, wordMarks } from "./lineDiff";

const letters = (text: string) => [...text];

/** Puts the second list together from the first and the changes: what any difference must allow. */
function applied(from: readonly string[], to: readonly string[]): string[] {
  const out: string[] = [];
  let at = 0;
  for (const change of changes(from, to)) {
    out.push(...from.slice(at, change.fromStart), ...to.slice(change.toStart, change.toEnd));
    at = change.fromEnd;
  }
  return [...out, ...from.slice(at)];
}

describe("changes", () => {
  it("finds nothing between equal lists", () => {
    expect(changes(["a", "b"], ["a", "b"])).toEqual([]);
    expect(changes([], [])).toEqual([]);
  });

  it("finds an insertion, a removal and a replacement where they are", () => {
    expect(changes(letters("ac"), letters("abc"))).toEqual([{ fromStart: 1, fromEnd: 1, toStart: 1, toEnd: 2 }]);
    expect(changes(letters("abc"), letters("ac"))).toEqual([{ fromStart: 1, fromEnd: 2, toStart: 1, toEnd: 1 }]);
    expect(changes(letters("abc"), letters("aXc"))).toEqual([{ fromStart: 1, fromEnd: 2, toStart: 1, toEnd: 2 }]);
  });

  it("keeps changes apart that have something equal between them", () => {
    expect(changes(letters("abcdef"), letters("aXcdYf"))).toHaveLength(2);
  });

  it("leads from any list to any other", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 300; round += 1) {
      const list = () => Array.from({ length: random(12) }, () => "abcd".charAt(random(4)));
      const [from, to] = [list(), list()];
      expect(applied(from, to)).toEqual(to);
    }
  });

  it("gives up on two long lists without anything in common, and is still right", () => {
    const from = Array.from({ length: 3_000 }, (_, at) => `old ${at}`);
    const to = Array.from({ length: 3_000 }, (_, at) => `new ${at}`);
    expect(changes(from, to)).toHaveLength(1);
    expect(applied(from, to)).toEqual(to);
  });
});

describe("lines of a text", () => {
  it("do not count the end of the last line as a line", () => {
    expect(linesOf("a\nb\n")).toEqual(["a", "b"]);
    expect(linesOf("a\r\nb")).toEqual(["a", "b"]);
    expect(linesOf("")).toEqual([]);
    expect(linesOf("\n")).toEqual([""]);
  });

  it("are numbered on both sides", () => {
    const lines = diffLines("a\nb\nc\n", "a\nx\ny\nc\n");
    expect(lines.map(({ kind, text, fromLine, toLine }) => [kind, text, fromLine, toLine])).toEqual([
      ["same", "a", 1, 1],
      ["removed", "b", 2, undefined],
      ["added", "x", undefined, 2],
      ["added", "y", undefined, 3],
      ["same", "c", 3, 4],
    ]);
  });

  it("that were changed have the changed words marked", () => {
    const [removed, added] = diffLines("wait 30 seconds", "wait 60 seconds");
    expect(removed?.marks).toEqual([[5, 7]]);
    expect(added?.marks).toEqual([[5, 7]]);
  });

  it("that have nothing in common are not marked word by word", () => {
    expect(wordMarks("alpha", "omega beta gamma")).toEqual({ from: [], to: [] });
  });
});
