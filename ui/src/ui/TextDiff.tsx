// Two texts as one list of lines: what went is marked with a minus, what came with a plus, and the changed words within.
import { UnstyledButton } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";

import { type DiffLine, diffLines, type Range } from "./lineDiff";

/** Unchanged lines shown around a change. */
const AROUND = 3;
/** Rows drawn at first; a person asks for more. */
const ROWS_AT_FIRST = 400;

type TextDiffProps = {
  /** What is compared, for readers. */
  label: string;
  from: string;
  to: string;
  /** Off where the texts are parts of longer ones. */
  hasNumbers?: boolean;
};

export function TextDiff({ label, from, to, hasNumbers = true }: TextDiffProps) {
  const lines = useMemo(() => diffLines(from, to), [from, to]);
  const [isWhole, setWhole] = useState(false);
  const [most, setMost] = useState(ROWS_AT_FIRST);
  const parts = useMemo(() => (isWhole ? lines : folded(lines)), [isWhole, lines]);
  // One line needs no number.
  const isNumbered = hasNumbers && lines.length > 2;
  if (lines.every((line) => line.kind === "same")) {
    return <p className="text-diff-none">{from === to ? "The same text." : "The same lines; only the line ends differ."}</p>;
  }
  return (
    <div className={`text-diff${isNumbered ? "" : " is-plain"}`} role="region" aria-label={label} tabIndex={0}>
      {parts.slice(0, most).map((part, at) =>
        typeof part === "number" ? (
          <UnstyledButton key={`fold-${at}`} className="text-diff-fold" onClick={() => setWhole(true)}>
            {part === 1 ? "1 unchanged line" : `${part.toLocaleString("en")} unchanged lines`}: show
          </UnstyledButton>
        ) : (
          <Line key={`${part.kind}-${part.fromLine ?? ""}-${part.toLine ?? ""}`} line={part} isNumbered={isNumbered} />
        ),
      )}
      {parts.length > most ? (
        <UnstyledButton className="text-diff-fold" onClick={() => setMost(Number.POSITIVE_INFINITY)}>
          {(parts.length - most).toLocaleString("en")} more lines: show
        </UnstyledButton>
      ) : null}
    </div>
  );
}

const SIGNS = { same: " ", removed: "−", added: "+" } as const;
const WORDS = { same: "", removed: "Removed: ", added: "Added: " } as const;

function Line({ line, isNumbered }: { line: DiffLine; isNumbered: boolean }) {
  return (
    <div className={`text-diff-line is-${line.kind}`}>
      {isNumbered ? (
        <span className="text-diff-number" aria-hidden>
          {line.toLine ?? line.fromLine}
        </span>
      ) : null}
      <span className="text-diff-sign" aria-hidden>
        {SIGNS[line.kind]}
      </span>
      <span className="text-diff-text">
        {line.kind === "same" ? null : <span className="visually-hidden">{WORDS[line.kind]}</span>}
        {marked(line.text, line.marks)}
      </span>
    </div>
  );
}

function marked(text: string, marks: readonly Range[]): ReactNode {
  if (marks.length === 0) return text;
  const out: ReactNode[] = [];
  let at = 0;
  for (const [start, end] of marks) {
    out.push(text.slice(at, start), <mark key={start}>{text.slice(start, end)}</mark>);
    at = end;
  }
  return [...out, text.slice(at)];
}

/** Long stretches without a change, as the number of their lines. */
function folded(lines: readonly DiffLine[]): (DiffLine | number)[] {
  const isNear = new Array<boolean>(lines.length).fill(false);
  lines.forEach((line, at) => {
    if (line.kind !== "same") isNear.fill(true, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const out: (DiffLine | number)[] = [];
  lines.forEach((line, at) => {
    const last = out.at(-1);
    if (isNear[at]) out.push(line);
    else if (typeof last === "number") out[out.length - 1] = last + 1;
    else out.push(1);
  });
  return out;
}
