// What the answers would make, for looking at before they are sent. The manager makes the real one.
import type { ConflictPlace } from "../../api/generated/atoll/v1/sharing_pb";
import { type Draft, stateOf } from "./draft";
import { isOrder, outsideForm, parsed, segmentsOf } from "./place";

export type Preview = {
  /** The content; nothing where the resource would be deleted. */
  content: unknown;
  /** Answered places that cannot be shown in the content, such as one of two variables of the same name. */
  apart: ConflictPlace[];
};

/** Puts the answers into what the manager merged. `names` tells the names of list elements by the manager's keys. */
export function preview(merged: string, places: readonly ConflictPlace[], draft: Draft, names: ReadonlyMap<string, string>): Preview {
  let content = parsed(merged);
  const apart: ConflictPlace[] = [];
  for (const place of places) {
    const answer = draft.answers[place.key];
    if (answer?.value === undefined || stateOf(place, answer) !== "answered") continue;
    const value = outsideForm(parsed(answer.value));
    if (place.key === "") content = value;
    else if (!put(content, place, value, names)) apart.push(place);
  }
  return { content, apart };
}

function put(content: unknown, place: ConflictPlace, value: unknown, names: ReadonlyMap<string, string>): boolean {
  const segments = segmentsOf(place.path);
  if (isOrder(place.path)) return putOrder(at(content, segments.slice(0, -1)), parsedKeys(value), names);
  const before = JSON.stringify(outsideForm(parsed(place.base)));
  const holders = holdersOf(content, segments);
  const fitting = holders.length > 1 ? holders.filter(({ read }) => JSON.stringify(read()) === before) : holders;
  const [holder] = fitting;
  if (!holder || fitting.length > 1) return false;
  holder.write(value);
  return true;
}

type Holder = { read: () => unknown; write: (value: unknown) => void };

/** Everything that a path may mean: a name in a list may occur more than once. */
function holdersOf(within: unknown, [segment = "", ...rest]: readonly string[]): Holder[] {
  if (Array.isArray(within)) {
    const list: unknown[] = within;
    const found = list.flatMap((element, index) => (nameOf(element) === segment ? [index] : []));
    if (rest.length > 0) return found.flatMap((index) => holdersOf(list[index], rest));
    if (found.length === 0) return [{ read: () => undefined, write: (value) => void (value === undefined || list.push(value)) }];
    return found.map((index) => ({
      read: () => list[index],
      write: (value) => void (value === undefined ? list.splice(index, 1) : list.splice(index, 1, value)),
    }));
  }
  if (typeof within !== "object" || within === null) return [];
  const fields = within as Record<string, unknown>;
  if (rest.length > 0) return holdersOf(fields[segment], rest);
  return [
    {
      read: () => fields[segment],
      write: (value) => {
        if (value === undefined) delete fields[segment];
        else fields[segment] = value;
      },
    },
  ];
}

function at(content: unknown, segments: readonly string[]): unknown {
  return segments.reduce<unknown>((value, segment) => (value as Record<string, unknown> | undefined)?.[segment], content);
}

function nameOf(element: unknown): unknown {
  return typeof element === "object" && element !== null && "Name" in element ? element.Name : undefined;
}

function parsedKeys(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((key): key is string => typeof key === "string") : [];
}

function putOrder(list: unknown, keys: readonly string[], names: ReadonlyMap<string, string>): boolean {
  if (!Array.isArray(list)) return false;
  const wanted = keys.map((key) => names.get(key));
  const found = wanted.map((name) => list.find((element) => nameOf(element) === name));
  const isPlain = new Set(wanted).size === wanted.length && !found.includes(undefined) && found.length === list.length;
  if (isPlain) list.splice(0, list.length, ...found);
  return isPlain;
}

/** Names of the elements of a list by the manager's keys: the order lists keys, the content lists the elements in it. */
export function elementNames(content: string, path: string, order: string): Map<string, string> {
  const list = at(parsed(content), segmentsOf(path).slice(0, -1));
  const keys = parsedKeys(parsed(order));
  if (!Array.isArray(list) || list.length !== keys.length) return new Map();
  return new Map(keys.map((key, index) => [key, labelOf(list, index)]));
}

/** A name that occurs twice is told apart by where it applies. */
function labelOf(list: readonly unknown[], index: number): string {
  const element = list[index];
  const name = String(nameOf(element) ?? "without a name") || "without a name";
  const isTwice = list.filter((one) => nameOf(one) === nameOf(element)).length > 1;
  if (!isTwice) return name;
  const scope = typeof element === "object" && element !== null && "Scope" in element ? element.Scope : undefined;
  const words = typeof scope === "object" && scope !== null ? Object.entries(scope).map(([key, values]) => `${key}: ${String(values)}`) : [];
  return `${name} (${words.length > 0 ? words.join("; ") : "everywhere"})`;
}
