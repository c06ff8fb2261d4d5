// What was typed and not saved, kept in this browser for each resource and revision. Sensitive values are never kept.
import type { Content } from "./read";
import { saysSensitive } from "../../ui/sensitive";

export type Draft = { resource: string; revision: string; content: Content; message: string; atMs: number };

const PREFIX = "atoll.draft.";
/** Stands where a sensitive text was typed. */
const LEFT_OUT = { "$left-out": true };

function keyOf(resource: string, revision: string): string {
  return `${PREFIX}${resource}.${revision}`;
}

export function keepDraft(draft: Draft): void {
  const kept = { ...draft, content: withoutSecrets(draft.content) };
  try {
    localStorage.setItem(keyOf(draft.resource, draft.revision), JSON.stringify(kept));
  } catch {
    // A full store loses the copy, not what stands in the form.
  }
}

export function dropDraft(resource: string, revision: string): void {
  localStorage.removeItem(keyOf(resource, revision));
}

/** The newest draft of a resource, whichever revision it was begun from. */
export function findDraft(resource: string): Draft | undefined {
  const drafts = Object.keys(localStorage)
    .filter((key) => key.startsWith(`${PREFIX}${resource}.`))
    .flatMap((key) => readDraft(localStorage.getItem(key)));
  return drafts.sort((one, other) => other.atMs - one.atMs)[0];
}

function readDraft(text: string | null): Draft[] {
  try {
    const draft: unknown = JSON.parse(text ?? "");
    return typeof draft === "object" && draft !== null && "content" in draft && "revision" in draft ? [draft as Draft] : [];
  } catch {
    return [];
  }
}

/** A copy in which every sensitive text that was typed is replaced by a mark. */
export function withoutSecrets(content: Content): Content {
  return strip(content) as Content;
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (!isObject(value)) return value;
  const hidden = hiddenFields(value);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, hidden.has(key) ? LEFT_OUT : strip(field)]));
}

/** Fields of an object that hold a sensitive text in the clear. */
function hiddenFields(value: Content): Set<string> {
  const control = isObject(value["DisplaySettings"]) ? value["DisplaySettings"]["Octopus.ControlType"] : undefined;
  const hidden = new Set<string>();
  const hide = (key: string, isSensitive: boolean) => {
    if (isSensitive && typeof value[key] === "string" && value[key] !== "") hidden.add(key);
  };
  hide("NewValue", "HasValue" in value);
  hide("Value", saysSensitive(value["Type"]) || value["IsSensitive"] === true);
  hide("DefaultValue", saysSensitive(control));
  return hidden;
}

/** Puts a draft back on what it was begun from: where a sensitive text was left out, what was there stays. */
export function withBase(draft: Content, base: Content): Content {
  return fill(draft, base) as Content;
}

function fill(value: unknown, base: unknown): unknown {
  if (isObject(value) && "$left-out" in value) return base ?? null;
  if (Array.isArray(value)) return value.map((element) => fill(element, elementLike(element, base)));
  if (!isObject(value)) return value;
  const before = isObject(base) ? base : {};
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fill(field, before[key])]));
}

function elementLike(element: unknown, base: unknown): unknown {
  if (!isObject(element) || !Array.isArray(base)) return undefined;
  const elements = base.filter(isObject);
  const id = element["Id"];
  return (id !== undefined && elements.find((one) => one["Id"] === id)) || elements.find((one) => one["Name"] === element["Name"]);
}

export function hasLeftOut(content: unknown): boolean {
  return JSON.stringify(content).includes('"$left-out":true');
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
