// Answers that are not sent yet. They are kept in the browser until they are, whatever happens to the page.
import type { Choice, Conflict, ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { lineEndFor, type Picks, type Side, withLineEnd } from "./hunks";
import { holdsKeyedList, holdsSealed, isOrder, textOf } from "./place";

export type Named = "ours" | "theirs" | "base" | "proposal";
export type Take = Named | "hunks" | "edit";

export type Answer = {
  take: Take;
  /** The path in words is made from it, also when the place is gone. */
  path: string;
  /** The chosen value as JSON, empty for none; absent while it is not complete. */
  value?: string;
  /** What is typed, with `edit`; what came of the hunks was changed by hand, with `hunks`. */
  text?: string;
  picks?: Picks;
  /** The values that were there to choose from. */
  seen: string;
};

export type Draft = {
  answers: Record<string, Answer>;
  message: string;
  release: boolean;
  /** The revisions that the answers were given for. */
  revisions: string[];
};

export type PlaceState = "open" | "answered" | "changed";

const PREFIX = "atoll.conflict.";
const NAMED: readonly Named[] = ["ours", "theirs", "base", "proposal"];

export function newDraft(conflict: Conflict): Draft {
  return { answers: {}, message: "", release: false, revisions: revisionsOf(conflict) };
}

export function revisionsOf(conflict: Conflict): string[] {
  return conflict.revisions.map((revision) => revision.id);
}

const marks = new WeakMap<ConflictPlace, string>();

/** A short mark of the values of a place: another one means that something else is asked now. */
export function markOf(place: ConflictPlace): string {
  const known = marks.get(place);
  if (known !== undefined) return known;
  const text = [place.base, place.ours, place.theirs, place.proposal].join("\u0000");
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at += 1) {
    one = Math.imul(one ^ text.charCodeAt(at), 2_654_435_761);
    other = Math.imul(other ^ text.charCodeAt(at), 1_597_334_677);
  }
  const mark = `${text.length}-${(one >>> 0).toString(36)}-${(other >>> 0).toString(36)}`;
  marks.set(place, mark);
  return mark;
}

export function valueOf(place: ConflictPlace, take: Named): string {
  return place[take];
}

export function stateOf(place: ConflictPlace, answer: Answer | undefined): PlaceState {
  if (answer?.value === undefined) return "open";
  return answer.seen === markOf(place) ? "answered" : "changed";
}

export function answeredCount(places: readonly ConflictPlace[], draft: Draft): number {
  return places.filter((place) => stateOf(place, draft.answers[place.key]) === "answered").length;
}

/** Takes a value that is there. */
export function named(place: ConflictPlace, take: Named): Answer {
  return { take, path: place.path, value: valueOf(place, take), seen: markOf(place) };
}

/**
 * Fits answers to a question that changed. An answer keeps the value that was chosen, under whatever name that value has
 * now; it counts again when a person has looked at it.
 */
export function fitted(places: readonly ConflictPlace[], answers: Draft["answers"]): Draft["answers"] {
  const out = { ...answers };
  for (const place of places) {
    const answer = out[place.key];
    if (!answer || answer.value === undefined || answer.seen === markOf(place)) continue;
    const chosen = answer.value;
    if (answer.take === "edit" || answer.take === "hunks") {
      const { picks: _, ...rest } = answer;
      out[place.key] = { ...rest, take: "edit", text: answer.text ?? asText(answer.value) };
      continue;
    }
    const now = NAMED.find((take) => place[take] === chosen && (take !== "proposal" || place.proposal !== ""));
    if (now) out[place.key] = { ...answer, take: now };
    else if (isEditable(place) && chosen !== "") out[place.key] = { ...answer, take: "edit", text: asText(chosen) };
    else delete out[place.key];
  }
  return out;
}

/** The same side for every place that has no answer yet. */
export function takeRest(places: readonly ConflictPlace[], draft: Draft, side: Side): Draft {
  const rest = places.filter((place) => stateOf(place, draft.answers[place.key]) !== "answered");
  return { ...draft, answers: { ...draft.answers, ...Object.fromEntries(rest.map((place) => [place.key, named(place, side)])) } };
}

/** The answers as they are sent. */
export function choicesOf(places: readonly ConflictPlace[], draft: Draft): Pick<Choice, "path" | "take" | "value">[] {
  return places.flatMap((place) => {
    const answer = draft.answers[place.key];
    if (!answer || stateOf(place, answer) !== "answered") return [];
    const isNamed = answer.take !== "hunks" && answer.take !== "edit";
    return [{ path: place.key, take: isNamed ? answer.take : answer.value ? "value" : "nothing", value: isNamed ? "" : (answer.value ?? "") }];
  });
}

/** Whether people may write a value here: not orders, not sealed values, not lists in the manager's own form. */
export function isEditable(place: ConflictPlace): boolean {
  const values = [place.base, place.ours, place.theirs];
  return !isOrder(place.path) && !values.some((value) => holdsSealed(value) || holdsKeyedList(value));
}

/** Whether the values are texts, which are typed without quotes. */
export function isText(place: ConflictPlace): boolean {
  const values = [place.base, place.ours, place.theirs].filter((value) => value !== "");
  return values.length > 0 && values.every((value) => textOf(value) !== undefined);
}

/** What was typed, as a value; without one while it is no JSON. Editors know one line end only: the text's own is put back. */
export function edited(place: ConflictPlace, text: string): Answer {
  const answer: Answer = { take: "edit", path: place.path, text, seen: markOf(place) };
  if (isText(place)) return { ...answer, value: textValue(place, text) };
  try {
    JSON.parse(text);
    return { ...answer, value: text.trim() };
  } catch {
    return answer;
  }
}

/** A text as JSON, with the line end of the texts it comes from. */
export function textValue(place: ConflictPlace, text: string): string {
  return JSON.stringify(withLineEnd(text, lineEndFor(textOf(place.base) ?? "", textOf(place.ours) ?? "", textOf(place.theirs) ?? "")));
}

/** A value as it is typed: a text without its quotes, everything else as JSON. */
export function asText(json: string): string {
  if (json === "") return "";
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
  } catch {
    return json;
  }
}

export function readDraft(id: string): Draft | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PREFIX + id) ?? "null");
    return typeof kept === "object" && kept !== null && "answers" in kept && "revisions" in kept ? (kept as Draft) : undefined;
  } catch {
    return undefined;
  }
}

export function keepDraft(id: string, draft: Draft): void {
  try {
    localStorage.setItem(PREFIX + id, JSON.stringify(draft));
  } catch {
    // The browser has no room for it: the answers live as long as the page.
  }
}

export function forgetDraft(id: string): void {
  localStorage.removeItem(PREFIX + id);
}
