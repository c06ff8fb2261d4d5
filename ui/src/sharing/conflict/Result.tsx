// What comes of the answers, and what merged without a question.
import type { Conflict } from "../../api/generated/atoll/v1/sharing_pb";
import { Folded } from "../../ui/Folded";
import { TextDiff } from "../../ui/TextDiff";
import { type Draft, stateOf } from "./draft";
import { outsideForm, parsed } from "./place";
import { PlaceName } from "./PlaceName";
import { preview } from "./preview";

type ResultProps = { conflict: Conflict; draft: Draft; names: ReadonlyMap<string, string> };

export function Result({ conflict, draft, names }: ResultProps) {
  return (
    <div className="conflict-result">
      <Folded title="Preview of the result, with your answers">{() => <Preview conflict={conflict} draft={draft} names={names} />}</Folded>
      <Folded title="Merged content: everything that merged automatically">
        {() => (
          <>
            <p className="conflict-author">At the open places it holds what was there before.</p>
            <pre className="conflict-value" tabIndex={0} role="region" aria-label="Merged content">
              {json(outsideForm(parsed(conflict.merged)))}
            </pre>
          </>
        )}
      </Folded>
    </div>
  );
}

function Preview({ conflict, draft, names }: ResultProps) {
  const { content, apart } = preview(conflict.merged, conflict.places, draft, names);
  const open = conflict.places.filter((place) => stateOf(place, draft.answers[place.key]) !== "answered").length;
  return (
    <>
      <p className="conflict-author">
        {open > 0 ? `${open === 1 ? "One place is" : `${open} places are`} still open and shown as before. ` : ""}
        Compared with the merged content. The manager checks the result when you send it.
      </p>
      {apart.length > 0 ? (
        <p className="conflict-author">
          Sent, but not shown in this preview:{" "}
          {apart.map((place, at) => (
            <span key={place.key}>
              {at > 0 ? "; " : ""}
              <PlaceName path={place.path} />
            </span>
          ))}
        </p>
      ) : null}
      {content === undefined ? (
        <p className="conflict-absent">The resource is deleted. Its history stays.</p>
      ) : (
        <TextDiff label="Preview of the result" from={json(outsideForm(parsed(conflict.merged)))} to={json(content)} />
      )}
    </>
  );
}

function json(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, undefined, 2);
}
