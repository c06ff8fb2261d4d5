// A text that both sides changed, put together change by change. What only one side changed is taken without a question.
import { Title } from "@mantine/core";
import { useMemo } from "react";

import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { CodeEditor } from "../../ui/CodeEditor";
import { Segments, TextArea } from "../../ui/fields";
import { Folded } from "../../ui/Folded";
import { TextDiff } from "../../ui/TextDiff";
import { type Answer, markOf, textValue } from "./draft";
import { compose, cut, type Hunk, openHunks, type Pick, type Picks } from "./hunks";
import { textOf } from "./place";
import { other, type SideNames } from "./sides";

type TextMergeProps = {
  place: ConflictPlace;
  sides: SideNames;
  answer: Answer;
  syntax: string;
  onAnswer: (answer: Answer) => void;
};

export function cutPlace(place: ConflictPlace) {
  return cut(textOf(place.base) ?? "", textOf(place.ours) ?? "", textOf(place.theirs) ?? "");
}

/** The answer that picks make; it has no value until each change has one. */
export function merged(place: ConflictPlace, picks: Picks, first: "ours" | "theirs"): Answer {
  const text = compose(cutPlace(place), picks, first);
  const answer: Answer = { take: "hunks", path: place.path, picks, seen: markOf(place) };
  return text === undefined ? answer : { ...answer, value: JSON.stringify(text) };
}

export function TextMerge({ place, sides, answer, syntax, onAnswer }: TextMergeProps) {
  const { hunks } = useMemo(() => cutPlace(place), [place]);
  const open = openHunks(hunks);
  const picks = answer.picks ?? {};
  const answered = open.filter((at) => picks[at] !== undefined).length;
  const pick = (at: number, next: Pick) => onAnswer(merged(place, { ...picks, [at]: next }, sides.first));
  const value = answer.value === undefined ? undefined : (answer.text ?? textOf(answer.value) ?? "");
  const write = (text: string) => onAnswer({ ...answer, text, value: textValue(place, text) });
  return (
    <div className="conflict-merge">
      <p role="status" className="conflict-merge-progress">
        {open.length === 0
          ? "The changes are in different lines: all of them are taken."
          : `${answered} of ${open.length} changes decided. Lines that only one side changed are taken.`}
      </p>
      {hunks.map((hunk, at) => (
        <HunkView key={at} hunk={hunk} number={open.indexOf(at) + 1} count={open.length} sides={sides} pick={picks[at]} onPick={(next) => pick(at, next)} />
      ))}
      {value === undefined ? null : (
        <section className="conflict-merge-result" aria-label="The merged text">
          <Title order={3} size="h5">
            The merged text
          </Title>
          {syntax ? (
            <CodeEditor label="Result, editable" value={value} onChange={write} syntax={syntax} />
          ) : (
            <TextArea label="Result, editable" value={value} onChange={write} rows={4} monospace />
          )}
          {answer.text !== undefined ? (
            <Button size="xs" onClick={() => onAnswer(merged(place, picks, sides.first))}>
              Undo manual changes
            </Button>
          ) : null}
        </section>
      )}
    </div>
  );
}

type HunkProps = { hunk: Hunk; number: number; count: number; sides: SideNames; pick: Pick | undefined; onPick: (pick: Pick) => void };

function HunkView({ hunk, sides, ...question }: HunkProps) {
  if (hunk.kind === "same") {
    const count = hunk.lines.length;
    return (
      <Folded title={count === 1 ? "1 line that is settled" : `${count.toLocaleString("en")} lines that are settled`}>
        {() => <pre className="conflict-value">{hunk.lines.join("")}</pre>}
      </Folded>
    );
  }
  if (hunk.kind !== "conflict") {
    return (
      <div className="conflict-hunk is-taken">
        <p className="conflict-author">
          Taken from <bdi>{sides[hunk.kind].name}</bdi>: only this side changed these lines
        </p>
        <TextDiff hasNumbers={false} label={`Lines taken from ${sides[hunk.kind].name}`} from={hunk.base.join("")} to={hunk.lines.join("")} />
      </div>
    );
  }
  return <OpenHunk hunk={hunk} sides={sides} {...question} />;
}

type OpenHunkProps = Omit<HunkProps, "hunk"> & { hunk: Extract<Hunk, { kind: "conflict" }> };

function OpenHunk({ hunk, number, count, sides, pick, onPick }: OpenHunkProps) {
  const title = `Change ${number} of ${count}`;
  const [first, second] = [sides.first, other(sides.first)];
  const both = hunk[first].join("") + hunk[second].join("");
  const choose = (take: string) => {
    if (take === "edit") onPick({ take, text: pick?.take === "ours" || pick?.take === "theirs" ? hunk[pick.take].join("") : both });
    else if (take === "ours" || take === "theirs" || take === "both") onPick({ take });
  };
  return (
    <section className="conflict-hunk is-open" aria-label={title}>
      <Title order={4} size="h6">
        {title}
      </Title>
      <div className="conflict-hunk-sides">
        {[first, second].map((side) => (
          <div key={side}>
            <p className="conflict-author">
              <bdi>{sides[side].title}</bdi>
            </p>
            {hunk[side].length === 0 ? (
              <p className="conflict-absent">Removed these lines</p>
            ) : (
              <TextDiff hasNumbers={false} label={`${title}, ${sides[side].name}`} from={hunk.base.join("")} to={hunk[side].join("")} />
            )}
          </div>
        ))}
      </div>
      <Segments
        label={`${title}: whose lines`}
        value={pick?.take ?? ""}
        onChange={choose}
        choices={[
          { value: first, label: sides[first].title },
          { value: second, label: sides[second].title },
          { value: "both", label: "Both" },
          { value: "edit", label: "Edit" },
        ]}
      />
      {pick?.take === "edit" ? (
        <TextArea label={`${title}: the lines`} value={pick.text} onChange={(text) => onPick({ take: "edit", text })} rows={3} monospace />
      ) : null}
    </section>
  );
}
