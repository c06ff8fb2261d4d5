// One open place: what it is about, what both sides say, and what may be answered.
import { Title } from "@mantine/core";
import { type Ref, useMemo } from "react";

import type { Conflict, ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { Choices, type DescribedChoice } from "../../ui/Choices";
import { Note } from "../../ui/feedback";
import { TextDiff } from "../../ui/TextDiff";
import { type Answer, asText, edited, isEditable, isText, markOf, named, stateOf, type Take } from "./draft";
import { FreeEdit } from "./FreeEdit";
import { openHunks } from "./hunks";
import { parsed, placeText, shownJson, textOf } from "./place";
import { PlaceName } from "./PlaceName";
import { reasonWords } from "./reason";
import { Sides } from "./Sides";
import { other, type SideNames, sideNames } from "./sides";
import { cutPlace, merged, TextMerge } from "./TextMerge";

type QuestionProps = {
  conflict: Conflict;
  place: ConflictPlace;
  number: number;
  answer: Answer | undefined;
  onAnswer: (answer: Answer) => void;
  names: ReadonlyMap<string, string>;
  headingRef: Ref<HTMLHeadingElement>;
};

export function Question({ conflict, place, number, answer, onAnswer, names, headingRef }: QuestionProps) {
  const sides = sideNames(conflict);
  const syntax = useMemo(() => syntaxOf(conflict, place), [conflict, place]);
  const isMerging = useMemo(() => mergesByLine(place), [place]);
  const take = (chosen: string) => onAnswer(answerFor(place, chosen as Take, answer, sides));
  return (
    <section className="conflict-question" aria-label={`Field ${number}: ${placeText(place.path)}`}>
      <Title order={2} size="h4" ref={headingRef} tabIndex={-1} className="conflict-question-title">
        {conflict.places.length > 1 ? `${number}. ` : ""}
        <PlaceName path={place.path} />
      </Title>
      <p className="conflict-reason">
        {reasonWords(place, sides)}
        {place.message && place.reason === "semantic" ? ` ${sentence(place.message)}` : ""}
      </p>
      <Sides place={place} sides={sides} names={names} />
      {place.proposal !== "" ? <Proposal place={place} /> : null}
      {answer && stateOf(place, answer) === "changed" ? (
        <Note title="This place has changed since you answered">
          Your answer is kept. Review the values above, then keep it or choose again.
          <div className="note-actions">
            <Button size="xs" onClick={() => onAnswer({ ...answer, seen: markOf(place) })}>
              Keep my answer
            </Button>
          </div>
        </Note>
      ) : null}
      <Choices label="Your answer" value={answer?.take ?? ""} onChange={take} choices={choicesFor(place, sides, isMerging)} />
      {answer?.take === "hunks" ? <TextMerge place={place} sides={sides} answer={answer} syntax={syntax} onAnswer={onAnswer} /> : null}
      {answer?.take === "edit" ? <FreeEdit place={place} answer={answer} syntax={syntax} onAnswer={onAnswer} /> : null}
    </section>
  );
}

function Proposal({ place }: { place: ConflictPlace }) {
  return (
    <section className="conflict-side" aria-label="The proposed merge">
      <Title order={3} size="h5" className="conflict-side-title">
        The proposed merge, compared with before
      </Title>
      <TextDiff label="The proposed merge" from={shownJson(place.base)} to={shownJson(place.proposal)} />
    </section>
  );
}

function choicesFor(place: ConflictPlace, sides: SideNames, isMerging: boolean): DescribedChoice[] {
  const side = (which: "ours" | "theirs"): DescribedChoice => ({
    value: which,
    label: <>Take {<bdi>{sides[which].name}</bdi>}</>,
    description: glance(place, place[which]),
  });
  return [
    side(sides.first),
    side(other(sides.first)),
    { value: "base", label: "Keep the previous value", description: glance(place, place.base) },
    ...(place.proposal !== "" ? [{ value: "proposal", label: "Take the proposed merge", description: "The lines of both sides, merged by the manager." }] : []),
    ...(isMerging ? [{ value: "hunks", label: "Merge change by change", description: "Decide on each change of the text separately." }] : []),
    ...(isEditable(place) ? [{ value: "edit", label: "Enter another value" }] : []),
  ];
}

/** A short value beside its choice; a long one is shown above. */
function glance(place: ConflictPlace, json: string) {
  if (json === "") return place.key === "" ? "The resource is deleted." : "It is not there.";
  const text = textOf(json);
  if (text === "") return "An empty text.";
  const value = parsed(json);
  const short = text ?? (typeof value === "object" && value !== null ? undefined : String(value));
  return short !== undefined && short.length <= 60 && !short.includes("\n") ? <bdi className="monospace">{short}</bdi> : undefined;
}

/** Texts with changes to decide one by one, or that merge by lines where the resource proposes nothing by itself. */
function mergesByLine(place: ConflictPlace): boolean {
  if (textOf(place.ours) === undefined || textOf(place.theirs) === undefined || !isText(place) || !isEditable(place)) return false;
  if (!`${place.ours}${place.theirs}`.includes("\\n")) return false;
  return openHunks(cutPlace(place).hunks).length > 0 || place.proposal === "";
}

function answerFor(place: ConflictPlace, take: Take, before: Answer | undefined, sides: SideNames): Answer {
  if (take === "hunks") return merged(place, before?.picks ?? {}, sides.first);
  const picks = before?.picks ? { picks: before.picks } : {};
  if (take === "edit") return { ...edited(place, asText(before?.value ?? (place[sides.first] || place[other(sides.first)]))), ...picks };
  return { ...named(place, take), ...picks };
}

/** The language of a script, as its template names it. */
function syntaxOf(conflict: Conflict, place: ConflictPlace): string {
  if (!place.path.endsWith("ScriptBody")) return "";
  const content = parsed(conflict.merged) as { Properties?: Record<string, unknown> } | undefined;
  const syntax = content?.Properties?.["Octopus.Action.Script.Syntax"];
  return typeof syntax === "string" ? syntax : "PowerShell";
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
