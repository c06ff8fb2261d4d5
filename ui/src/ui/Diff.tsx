// What differs: place by place, and inside texts line by line. Told by signs and words, not by colour alone.
import type { ReactNode } from "react";

import { Empty } from "./feedback";
import { TextDiff } from "./TextDiff";

/** One place that differs; values are JSON, empty where there is none. */
export type Place = { path: string; from: string; to: string };

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
  return (
    <ul className="diff" aria-label={`${of.length.toLocaleString("en")} ${of.length === 1 ? "place differs" : "places differ"}`}>
      {of.map((place) => (
        <li key={place.path} className="diff-place">
          <p className="diff-path">
            <bdi>{placeName(place.path)}</bdi>
          </p>
          <Difference place={place} from={from} to={to} />
        </li>
      ))}
    </ul>
  );
}

function Difference({ place, from, to }: { place: Place; from: string; to: string }) {
  if (place.path.endsWith("/$order")) return <p className="diff-word">The order of the list changed.</p>;
  const before = readValue(place.from);
  const after = readValue(place.to);
  const isLong = [before, after].some(({ text }) => text.includes("\n") || text.length > SHORT);
  if (isLong && before.isText && after.isText) {
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

type Shown = { text: string; isText: boolean };

/** A JSON value as a person reads it; what is no text is told in words. */
export function readValue(json: string): Shown {
  if (json === "") return { text: "nothing", isText: false };
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { text: json, isText: true };
  }
  if (value === null) return { text: "null", isText: false };
  if (value === "") return { text: "an empty text", isText: false };
  if (typeof value === "string") return { text: value, isText: true };
  if (isSealed(value)) return { text: "a sealed value", isText: false };
  return { text: typeof value === "object" ? JSON.stringify(value, undefined, 2) : String(value), isText: true };
}

/** Whether a value is sensitive: a reference, or what stands for a value that is never given back. */
export function isSealed(value: unknown): boolean {
  return typeof value === "object" && value !== null && ("$secret" in value || "HasValue" in value);
}

/** A JSON pointer as a person reads it. */
export function placeName(path: string): string {
  if (path === "" || path === "/") return "Everything";
  const segments = path.slice(1).split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~")).join(" › ");
}
