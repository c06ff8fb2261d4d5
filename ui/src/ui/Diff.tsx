// What differs: place by place, and inside texts line by line. Told by signs and words, not by colour alone.
import type { ReactNode } from "react";

import { gathered, isSealedJson, isTextJson, type Place, readValue, type ShownPlace } from "./difference";
import { Empty } from "./feedback";
import { TextDiff } from "./TextDiff";

export { isSealed, type Place, readValue } from "./difference";

/** Texts up to this length without line breaks stand side by side. */
const SHORT = 160;

type DifferencesProps = {
  of: readonly Place[];
  /** What the sides are called. */
  from?: string;
  to?: string;
  empty?: ReactNode;
};

/** Every place that differs, with what stands there on both sides. */
export function Differences({ of, from = "Before", to = "After", empty }: DifferencesProps) {
  if (of.length === 0) return <>{empty ?? <Empty title="No difference">Both have the same content.</Empty>}</>;
  const places = gathered(of);
  return (
    <ul className="diff" aria-label={`${places.length.toLocaleString("en")} ${places.length === 1 ? "place differs" : "places differ"}`}>
      {places.map((place, at) => (
        // Values of one name in several scopes have the same path.
        <li key={`${place.path} ${at}`} className="diff-place">
          <p className="diff-path">
            <bdi>{placeName(place.path)}</bdi>
          </p>
          <Difference place={place} from={from} to={to} />
        </li>
      ))}
    </ul>
  );
}

function Difference({ place, from, to }: { place: ShownPlace; from: string; to: string }) {
  if (place.path.endsWith("/$order")) return <p className="diff-word">The order of the list changed.</p>;
  if (place.line) return <VariableSide place={place} line={place.line} />;
  const before = readValue(place.from);
  const after = isSealedJson(place.from) && isSealedJson(place.to) ? { text: "sensitive, replaced", isText: false } : readValue(place.to);
  const areTexts = isTextJson(place.from) && isTextJson(place.to);
  const isLong = [before, after].some(({ text }) => text.includes("\n") || text.length > SHORT);
  if ((isLong || areTexts) && before.isText && after.isText) {
    return <TextDiff from={before.text} to={after.text} label={`${placeName(place.path)}, line by line`} />;
  }
  return (
    <dl className="diff-sides">
      <dt>{from}</dt>
      <dd>{before.isText ? <del className="diff-value">{before.text}</del> : <span className="diff-word">{before.text}</span>}</dd>
      <dt>{to}</dt>
      <dd>{after.isText ? <ins className="diff-value">{after.text}</ins> : <span className="diff-word">{after.text}</span>}</dd>
    </dl>
  );
}

/** A value that came or went as a whole: which, where it applies, and what it is. */
function VariableSide({ place, line }: { place: ShownPlace; line: NonNullable<ShownPlace["line"]> }) {
  const text = `${line.name}, ${line.scope}: ${line.value}`;
  const isAdded = place.from === "";
  return (
    <dl className="diff-sides">
      <dt>{isAdded ? "Added" : "Removed"}</dt>
      <dd>{isAdded ? <ins className="diff-value">{text}</ins> : <del className="diff-value">{text}</del>}</dd>
    </dl>
  );
}

/** A JSON pointer as a person reads it. */
export function placeName(path: string): string {
  if (path === "" || path === "/") return "Everything";
  const segments = path.slice(1).split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~")).join(" › ");
}
