import { describe, expect, it } from "vitest";

import { childrenFirst, graphOf } from "./graph";

const node = (id: string, ...parents: string[]) => ({ id, parents });

describe("the history graph", () => {
  it("draws one line in one lane", () => {
    const rows = graphOf([node("c", "b"), node("b", "a"), node("a")]);
    expect(rows.map((row) => [row.lane, row.lanes])).toEqual([[0, 1], [0, 1], [0, 1]]);
    expect(rows[2]?.below).toEqual([]);
  });

  it("opens a lane for the second parent of a merge, and closes it where both come from", () => {
    const rows = graphOf([node("m", "x", "y"), node("x", "a"), node("y", "a"), node("a")]);
    expect(rows.map((row) => row.lane)).toEqual([0, 0, 1, 0]);
    expect(rows[0]?.below).toEqual([{ from: 0, to: 0 }, { from: 0, to: 1 }]);
    expect(rows[2]?.below).toEqual([{ from: 0, to: 0 }, { from: 1, to: 0 }]);
  });

  it("gives two heads of a conflict a lane each", () => {
    const rows = graphOf([node("x", "a"), node("y", "a"), node("a")]);
    expect(rows.map((row) => row.lane)).toEqual([0, 1, 0]);
  });

  it("puts a merge before what it merged although all were stored in one go", () => {
    const order = childrenFirst([node("x", "a"), node("m", "x", "y"), node("y", "a"), node("a")]).map((one) => one.id);
    expect(order).toEqual(["m", "x", "y", "a"]);
  });

  it("loses nothing when only a part of the history is there", () => {
    expect(childrenFirst([node("c", "b"), node("b", "gone")]).map((one) => one.id)).toEqual(["c", "b"]);
    expect(graphOf([node("b", "gone")])[0]?.below).toEqual([{ from: 0, to: 0 }]);
  });
});
