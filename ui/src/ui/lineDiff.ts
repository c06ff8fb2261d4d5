// What differs between two texts, by lines and within lines. Bounded: two huge texts that share little are shown as one
// change instead of holding up the page.

/** A stretch of `from` that became a stretch of `to`; either may be empty. Ends are exclusive. */
export type Change = { fromStart: number; fromEnd: number; toStart: number; toEnd: number };

export type Range = readonly [start: number, end: number];

export type DiffLine = {
  kind: "same" | "removed" | "added";
  /** Without its line end. */
  text: string;
  /** Counted from one; absent on the side that does not have the line. */
  fromLine?: number;
  toLine?: number;
  /** What differs within the line, where it was changed rather than replaced. */
  marks: readonly Range[];
};

/** Most insertions and deletions that are searched for; the search needs memory for the square of it. */
const DISTANCE_LIMIT = 1_500;
const LENGTH_LIMIT = 40_000;
/** Longest line that is compared word by word. */
const MARKED_LENGTH_LIMIT = 2_000;
/** Two lines that share less than this are another line, not a changed one. */
const SHARED_LEAST = 0.3;

/** The stretches in which two lists differ, in order. */
export function changes(from: readonly string[], to: readonly string[]): Change[] {
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start += 1;
  let fromEnd = from.length;
  let toEnd = to.length;
  while (fromEnd > start && toEnd > start && from[fromEnd - 1] === to[toEnd - 1]) {
    fromEnd -= 1;
    toEnd -= 1;
  }
  if (fromEnd === start && toEnd === start) return [];
  const whole = { fromStart: start, fromEnd, toStart: start, toEnd };
  if (fromEnd === start || toEnd === start || fromEnd + toEnd - 2 * start > LENGTH_LIMIT) return [whole];
  const numbers = new Map<string, number>();
  const numbered = (lines: readonly string[]) =>
    lines.map((line) => {
      const known = numbers.get(line) ?? numbers.size;
      numbers.set(line, known);
      return known;
    });
  const steps = shortestEdit(numbered(from.slice(start, fromEnd)), numbered(to.slice(start, toEnd)));
  return steps?.map((step) => moved(step, start)) ?? [whole];
}

function moved(change: Change, by: number): Change {
  return { fromStart: change.fromStart + by, fromEnd: change.fromEnd + by, toStart: change.toStart + by, toEnd: change.toEnd + by };
}

/** Myers' greedy search for the fewest insertions and deletions; nothing if there are too many. */
function shortestEdit(from: readonly number[], to: readonly number[]): Change[] | undefined {
  const most = Math.min(from.length + to.length, DISTANCE_LIMIT);
  const reach = new Int32Array(2 * most + 2);
  const trace: Int32Array[] = [];
  for (let distance = 0; distance <= most; distance += 1) {
    trace.push(reach.slice(most - distance, most + distance + 2));
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const at = most + diagonal;
      const isDown = diagonal === -distance || (diagonal !== distance && (reach[at - 1] ?? 0) < (reach[at + 1] ?? 0));
      let x = isDown ? (reach[at + 1] ?? 0) : (reach[at - 1] ?? 0) + 1;
      let y = x - diagonal;
      while (x < from.length && y < to.length && from[x] === to[y]) {
        x += 1;
        y += 1;
      }
      reach[at] = x;
      if (x >= from.length && y >= to.length) return wayBack(trace, from.length, to.length);
    }
  }
  return undefined;
}

function wayBack(trace: readonly Int32Array[], fromLength: number, toLength: number): Change[] {
  const found: Change[] = [];
  let x = fromLength;
  let y = toLength;
  for (let distance = trace.length - 1; distance > 0; distance -= 1) {
    const row = trace[distance];
    const reach = (diagonal: number) => row?.[diagonal + distance] ?? 0;
    const diagonal = x - y;
    const isDown = diagonal === -distance || (diagonal !== distance && reach(diagonal - 1) < reach(diagonal + 1));
    const before = isDown ? diagonal + 1 : diagonal - 1;
    const fromX = reach(before);
    const fromY = fromX - before;
    const next = isDown
      ? { fromStart: fromX, fromEnd: fromX, toStart: fromY, toEnd: fromY + 1 }
      : { fromStart: fromX, fromEnd: fromX + 1, toStart: fromY, toEnd: fromY };
    const last = found.at(-1);
    if (last && next.fromEnd === last.fromStart && next.toEnd === last.toStart) {
      last.fromStart = next.fromStart;
      last.toStart = next.toStart;
    } else found.push(next);
    x = fromX;
    y = fromY;
  }
  return found.reverse();
}

/** Lines without their ends. A text that ends with a line end has no empty line after it. */
export function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Two texts as one list of lines. */
export function diffLines(from: string, to: string): DiffLine[] {
  const before = linesOf(from);
  const after = linesOf(to);
  const lines: DiffLine[] = [];
  let fromAt = 0;
  let toAt = 0;
  const same = (until: number) => {
    while (fromAt < until) {
      lines.push({ kind: "same", text: before[fromAt] ?? "", fromLine: fromAt + 1, toLine: toAt + 1, marks: [] });
      fromAt += 1;
      toAt += 1;
    }
  };
  for (const change of changes(before, after)) {
    same(change.fromStart);
    lines.push(...changedLines(before, after, change));
    fromAt = change.fromEnd;
    toAt = change.toEnd;
  }
  same(before.length);
  return lines;
}

function changedLines(before: readonly string[], after: readonly string[], change: Change): DiffLine[] {
  const removed: DiffLine[] = [];
  const added: DiffLine[] = [];
  const pairs = Math.min(change.fromEnd - change.fromStart, change.toEnd - change.toStart);
  for (let at = change.fromStart; at < change.fromEnd; at += 1) {
    removed.push({ kind: "removed", text: before[at] ?? "", fromLine: at + 1, marks: [] });
  }
  for (let at = change.toStart; at < change.toEnd; at += 1) {
    added.push({ kind: "added", text: after[at] ?? "", toLine: at + 1, marks: [] });
  }
  for (let at = 0; at < pairs; at += 1) {
    const [old, young] = [removed[at], added[at]];
    if (!old || !young) continue;
    const marks = wordMarks(old.text, young.text);
    old.marks = marks.from;
    young.marks = marks.to;
  }
  return [...removed, ...added];
}

/** What differs within two lines; nothing where they have too little in common to be read side by side. */
export function wordMarks(from: string, to: string): { from: Range[]; to: Range[] } {
  const none = { from: [], to: [] };
  if (from.length > MARKED_LENGTH_LIMIT || to.length > MARKED_LENGTH_LIMIT) return none;
  const [before, after] = [words(from), words(to)];
  const found = changes(before, after);
  const removed = found.reduce((sum, change) => sum + length(before, change.fromStart, change.fromEnd), 0);
  const added = found.reduce((sum, change) => sum + length(after, change.toStart, change.toEnd), 0);
  const shared = from.length + to.length - removed - added;
  if (shared < SHARED_LEAST * (from.length + to.length)) return none;
  return {
    from: ranges(before, found.map((change) => [change.fromStart, change.fromEnd])),
    to: ranges(after, found.map((change) => [change.toStart, change.toEnd])),
  };
}

function words(line: string): string[] {
  return line.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

function length(parts: readonly string[], start: number, end: number): number {
  return parts.slice(start, end).reduce((sum, part) => sum + part.length, 0);
}

function ranges(parts: readonly string[], stretches: readonly Range[]): Range[] {
  return stretches
    .filter(([start, end]) => end > start)
    .map(([start, end]) => {
      const from = length(parts, 0, start);
      return [from, from + length(parts, start, end)] as const;
    });
}
