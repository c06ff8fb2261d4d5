// Three texts cut into hunks: what nobody changed, what one side changed, and what both changed differently. Only the
// last needs a person.
import { type Change, changes } from "../../ui/lineDiff";

export type Side = "ours" | "theirs";

export type Hunk =
  /** Unchanged, or changed on both sides to the same. */
  | { kind: "same"; lines: string[] }
  /** Changed on one side only, whose lines are taken. */
  | { kind: Side; base: string[]; lines: string[] }
  /** Changed on both sides: a question. */
  | { kind: "conflict"; base: string[]; ours: string[]; theirs: string[] };

/** Lines carry their ends, so that putting hunks together gives the text back to the last byte. */
export type Hunks = { hunks: Hunk[]; lineEnd: LineEnd };

export type LineEnd = "" | "\n" | "\r\n" | "\r" | "mixed";

export type Pick = { take: Side | "both" } | { take: "edit"; text: string };
/** Answers by the number of the hunk. */
export type Picks = Record<number, Pick>;

/**
 * Cuts three texts. Line ends are set apart first, as the manager does: a side that only turned them has not changed
 * every line. Without a base, what the two sides have in common is taken as unchanged.
 */
export function cut(base: string, ours: string, theirs: string): Hunks {
  const lineEnd = lineEndFor(base, ours, theirs);
  const lines = (text: string) => split(lineEnd === "mixed" ? text : plainEnds(text));
  const [baseLines, ourLines, theirLines] = [lines(base), lines(ours), lines(theirs)];
  return { hunks: base === "" ? twoWay(ourLines, theirLines) : threeWay(baseLines, ourLines, theirLines), lineEnd };
}

function twoWay(ours: readonly string[], theirs: readonly string[]): Hunk[] {
  const out: Hunk[] = [];
  let at = 0;
  for (const change of changes(ours, theirs)) {
    pushSame(out, ours.slice(at, change.fromStart));
    const [one, other] = [ours.slice(change.fromStart, change.fromEnd), theirs.slice(change.toStart, change.toEnd)];
    out.push({ kind: "conflict", base: [], ours: one, theirs: other });
    at = change.fromEnd;
  }
  pushSame(out, ours.slice(at));
  return out;
}

function threeWay(base: readonly string[], ours: readonly string[], theirs: readonly string[]): Hunk[] {
  const out: Hunk[] = [];
  let at = 0;
  let ourShift = 0;
  let theirShift = 0;
  for (const region of regions(changes(base, ours), changes(base, theirs))) {
    pushSame(out, base.slice(at, region.start));
    const ourLines = ours.slice(region.start + ourShift, region.end + ourShift + grown(region.ours));
    const theirLines = theirs.slice(region.start + theirShift, region.end + theirShift + grown(region.theirs));
    pushChanged(out, base.slice(region.start, region.end), ourLines, theirLines, region);
    ourShift += grown(region.ours);
    theirShift += grown(region.theirs);
    at = region.end;
  }
  pushSame(out, base.slice(at));
  return out;
}

type Region = { start: number; end: number; ours: Change[]; theirs: Change[] };

/** Changes that overlap or touch are one region: lines next to each other are read together. */
function regions(ours: readonly Change[], theirs: readonly Change[]): Region[] {
  const all = [...ours.map((change) => ({ change, side: "ours" as const })), ...theirs.map((change) => ({ change, side: "theirs" as const }))];
  all.sort((one, other) => one.change.fromStart - other.change.fromStart || one.change.fromEnd - other.change.fromEnd);
  const out: Region[] = [];
  for (const { change, side } of all) {
    let last = out.at(-1);
    if (!last || change.fromStart > last.end) {
      last = { start: change.fromStart, end: change.fromEnd, ours: [], theirs: [] };
      out.push(last);
    }
    last.end = Math.max(last.end, change.fromEnd);
    last[side].push(change);
  }
  return out;
}

/** By how many lines a side is longer than the base within a region. */
function grown(own: readonly Change[]): number {
  return own.reduce((sum, change) => sum + (change.toEnd - change.toStart) - (change.fromEnd - change.fromStart), 0);
}

function pushChanged(out: Hunk[], base: string[], ours: string[], theirs: string[], region: Region): void {
  if (region.theirs.length === 0) out.push({ kind: "ours", base, lines: ours });
  else if (region.ours.length === 0) out.push({ kind: "theirs", base, lines: theirs });
  else if (ours.length === theirs.length && ours.every((line, at) => line === theirs[at])) pushSame(out, ours);
  else out.push({ kind: "conflict", base, ours, theirs });
}

function pushSame(out: Hunk[], lines: string[]): void {
  if (lines.length === 0) return;
  const last = out.at(-1);
  if (last?.kind === "same") last.lines.push(...lines);
  else out.push({ kind: "same", lines });
}

/** Numbers of the hunks that need a person. */
export function openHunks(hunks: readonly Hunk[]): number[] {
  return hunks.flatMap((hunk, at) => (hunk.kind === "conflict" ? [at] : []));
}

/** The whole text, once every question in it is answered. `first` says whose lines come first where both are taken. */
export function compose({ hunks, lineEnd }: Hunks, picks: Picks, first: Side): string | undefined {
  const parts: string[] = [];
  for (const [at, hunk] of hunks.entries()) {
    const part = hunk.kind === "conflict" ? picked(hunk, picks[at], first) : hunk.lines.join("");
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const text = parts.reduce((whole, part) => (part === "" ? whole : ended(whole) + part), "");
  return lineEnd === "mixed" ? text : withLineEnd(text, lineEnd);
}

/** A text with one kind of line end. Texts that mix them keep plain ones: nobody can say which was meant. */
export function withLineEnd(text: string, lineEnd: LineEnd): string {
  const plain = plainEnds(text);
  return lineEnd === "\r\n" || lineEnd === "\r" ? plain.replaceAll("\n", lineEnd) : plain;
}

function picked(hunk: Extract<Hunk, { kind: "conflict" }>, pick: Pick | undefined, first: Side): string | undefined {
  if (!pick) return undefined;
  if (pick.take === "edit") return asEnded(plainEnds(pick.text), hunk);
  if (pick.take !== "both") return hunk[pick.take].join("");
  const [one, other] = [hunk[first].join(""), hunk[first === "ours" ? "theirs" : "ours"].join("")];
  return other === "" ? one : ended(one) + other;
}

/** Lines written by hand end as those do whose place they take. */
function asEnded(text: string, hunk: { ours: string[]; theirs: string[] }): string {
  return [...hunk.ours.slice(-1), ...hunk.theirs.slice(-1)].some((line) => line.endsWith("\n")) ? ended(text) : text;
}

/** A text to which more lines can be added. */
function ended(text: string): string {
  return text === "" || /[\r\n]$/.test(text) ? text : `${text}\n`;
}

function split(text: string): string[] {
  return text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
}

function plainEnds(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

function lineEndOf(text: string): LineEnd {
  const found = new Set(text.match(/\r\n|\r|\n/g) ?? []);
  return found.size > 1 ? "mixed" : (([...found][0] ?? "") as LineEnd);
}

/** The line end of the result: a side that changed it wins over one that did not; two different changes fall to the first. */
export function lineEndFor(base: string, ours: string, theirs: string): LineEnd {
  const [was, our, their] = [lineEndOf(base), lineEndOf(ours), lineEndOf(theirs)];
  if (was === "mixed" || our === "mixed" || their === "mixed") return "mixed";
  return our === was || our === "" ? their || our || was : our;
}
