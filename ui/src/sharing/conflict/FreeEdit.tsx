// An answer that is nobody's value: written by hand and checked before it is sent.
import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { CodeEditor } from "../../ui/CodeEditor";
import { TextArea, TextField } from "../../ui/fields";
import { type Answer, edited, isText } from "./draft";

type FreeEditProps = { place: ConflictPlace; answer: Answer; syntax: string; onAnswer: (answer: Answer) => void };

export function FreeEdit({ place, answer, syntax, onAnswer }: FreeEditProps) {
  const text = answer.text ?? "";
  const write = (next: string) => onAnswer(edited(place, next));
  if (!isText(place)) {
    const problem = edited(place, text).value === undefined ? "Not valid JSON yet. Text needs double quotes." : undefined;
    return <CodeEditor label="The value, as JSON" value={text} onChange={write} syntax="JSON" error={problem} />;
  }
  if (syntax !== "") return <CodeEditor label="The text" value={text} onChange={write} syntax={syntax} />;
  if (isManyLines(place, text)) return <TextArea label="The text" value={text} onChange={write} rows={6} monospace />;
  return <TextField label="The value" value={text} onChange={write} />;
}

function isManyLines(place: ConflictPlace, text: string): boolean {
  return text.includes("\n") || [place.base, place.ours, place.theirs].some((json) => json.includes("\\n"));
}
