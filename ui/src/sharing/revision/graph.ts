// Which lane of the history graph each revision stands in, and which lines pass it. Newest first, as the list is.

/** A line between a row and the next one: from a lane at the upper edge to a lane at the lower edge. */
export type Edge = { from: number; to: number };

export type GraphRow = {
  lane: number;
  /** Lines that come in from the row above, to this revision or past it. */
  above: Edge[];
  /** Lines that go on to the row below. */
  below: Edge[];
  lanes: number;
};

type Node = { id: string; parents: readonly string[] };

/** `lanes` hold, for each lane, the revision that its line leads to. */
export function graphOf(nodes: readonly Node[]): GraphRow[] {
  let lanes: (string | undefined)[] = [];
  return nodes.map((node) => {
    const before = [...lanes];
    const found = before.indexOf(node.id);
    const lane = found >= 0 ? found : firstFree(before);
    // Several children may wait for the same revision: their lines meet here.
    const above = before.flatMap((waiting, index) => (waiting === undefined ? [] : [{ from: index, to: waiting === node.id ? lane : index }]));
    const after = before.map((waiting) => (waiting === node.id ? undefined : waiting));
    const outgoing = node.parents.map((parent, index) => {
      const known = after.indexOf(parent);
      const to = known >= 0 ? known : index === 0 ? lane : firstFree(after, lane);
      after[to] = parent;
      return { from: lane, to };
    });
    const passing = before.flatMap((waiting, index) => (waiting === undefined || waiting === node.id ? [] : [{ from: index, to: index }]));
    lanes = trimmed(after);
    return { lane, above, below: [...passing, ...outgoing], lanes: Math.max(before.length, after.length, lane + 1) };
  });
}

/** The first lane without a line, but not the one that is kept for the first parent. */
function firstFree(lanes: readonly (string | undefined)[], kept = -1): number {
  const free = lanes.findIndex((waiting, index) => waiting === undefined && index !== kept);
  if (free >= 0) return free;
  return lanes.length === kept ? kept + 1 : lanes.length;
}

function trimmed(lanes: (string | undefined)[]): (string | undefined)[] {
  const last = lanes.findLastIndex((waiting) => waiting !== undefined);
  return lanes.slice(0, last + 1);
}

/** The same list with every revision before what it was made from. Revisions that were stored in one go come in no such order. */
export function childrenFirst<T extends Node>(nodes: readonly T[]): T[] {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const waiting = new Map<string, number>();
  for (const parent of nodes.flatMap((node) => node.parents)) waiting.set(parent, (waiting.get(parent) ?? 0) + 1);
  const out: T[] = [];
  const done = new Set<string>();
  const place = (node: T) => {
    if (done.has(node.id) || (waiting.get(node.id) ?? 0) > 0) return;
    done.add(node.id);
    out.push(node);
    for (const parent of node.parents) waiting.set(parent, (waiting.get(parent) ?? 0) - 1);
    // One that stood before its child in the list could not be placed there; it comes as soon as it can.
    for (const parent of node.parents.map((id) => known.get(id))) if (parent && passed.has(parent.id)) place(parent);
  };
  const passed = new Set<string>();
  for (const node of nodes) {
    passed.add(node.id);
    place(node);
  }
  return out;
}
