// Places that differ, gathered to what a person thinks of as one: a sensitive value, or a variable that came or went.
import { saysSensitive } from "./sensitive";

/** One place that differs; values are JSON, empty where there is none. */
export type Place = { path: string; from: string; to: string };

/** A place as it is shown. `line` is a whole variable that was added or removed. */
export type ShownPlace = Place & { line?: VariableLine };

export type VariableLine = { name: string; scope: string; value: string };

const SECRET = "/$secret";
const VARIABLE = /^\/Variables\/[^/]+/;
/** Stands where a reference stood: what it says is of no use to a person. */
const SEALED = '{"$secret":{}}';

/** The manager names what is new leaf by leaf; here each thing is one place. */
export function gathered(places: readonly Place[]): ShownPlace[] {
  return withLines(withoutReferences(places));
}

function withoutReferences(places: readonly Place[]): Place[] {
  const out: Place[] = [];
  for (const place of places) {
    const at = place.path.indexOf(SECRET);
    if (at < 0) {
      out.push(place);
      continue;
    }
    const path = place.path.slice(0, at);
    const [from, to] = [place.from && SEALED, place.to && SEALED];
    const last = out.at(-1);
    // A part of a reference may be new while another one changed.
    if (last?.path === path) out[out.length - 1] = { path, from: last.from || from, to: last.to || to };
    else out.push({ path, from, to });
  }
  return out;
}

function withLines(places: readonly Place[]): ShownPlace[] {
  const out: ShownPlace[] = [];
  for (let at = 0; at < places.length; ) {
    const place = places[at]!;
    const path = VARIABLE.exec(place.path)?.[0];
    const leaves = path && place.path !== path ? leavesFrom(places, at, path) : [];
    if (path && isNew(places, path, leaves)) {
      out.push(...eachOf(leaves, path).map((own) => ({ path, from: "", to: "added", line: lineOf(assembled(own, path)) })));
      at += leaves.length;
    } else {
      const whole = path === place.path ? (objectOf(place.from) ?? objectOf(place.to)) : undefined;
      const isOneSided = (place.from === "") !== (place.to === "");
      out.push(whole && isOneSided && "Name" in whole ? { ...place, line: lineOf(whole) } : place);
      at += 1;
    }
  }
  return out;
}

function leavesFrom(places: readonly Place[], start: number, path: string): readonly Place[] {
  const end = places.findIndex((place, at) => at > start && !place.path.startsWith(`${path}/`));
  return places.slice(start, end < 0 ? undefined : end);
}

/** Whether leaves are all that the variable is. With a change among them nothing tells which value each is of. */
function isNew(places: readonly Place[], path: string, leaves: readonly Place[]): boolean {
  const hasOthers = places.filter((place) => place.path.startsWith(`${path}/`)).length !== leaves.length;
  return !hasOthers && leaves.every((leaf) => leaf.from === "") && leaves.some((leaf) => leaf.path === `${path}/Name`);
}

/** The leaves of each value: several values of one name follow each other. */
function eachOf(leaves: readonly Place[], path: string): Place[][] {
  const out: Place[][] = [];
  for (const leaf of leaves) {
    const last = out.at(-1);
    if (!last || last.some((known) => known.path === leaf.path || (leaf.path < known.path && known.path !== `${path}/Name`))) out.push([leaf]);
    else last.push(leaf);
  }
  return out;
}

function assembled(leaves: readonly Place[], path: string): Record<string, unknown> {
  const variable: Record<string, unknown> = {};
  const scope: Record<string, unknown> = {};
  for (const leaf of leaves) {
    const [field = "", inner] = leaf.path.slice(path.length + 1).split("/");
    if (field === "Scope" && inner !== undefined) scope[inner] = parsed(leaf.to);
    else variable[field] = parsed(leaf.to);
  }
  return { Scope: scope, ...variable };
}

function lineOf(variable: Record<string, unknown>): VariableLine {
  const value = variable["Value"];
  const isSensitive = saysSensitive(variable["Type"]) || variable["IsSensitive"] === true || isSealed(value);
  const shown = typeof value === "string" && !isSensitive && value !== "" ? value : readValue(value === undefined ? "" : JSON.stringify(value)).text;
  return { name: String(variable["Name"]), scope: scopeText(variable["Scope"]), value: isSensitive ? "sensitive, set" : shown };
}

function scopeText(scope: unknown): string {
  if (typeof scope !== "object" || scope === null) return "everywhere";
  const parts = Object.entries(scope).flatMap(([kind, names]) => (Array.isArray(names) && names.length > 0 ? [`${kind.toLowerCase()} ${names.join(" or ")}`] : []));
  return parts.length === 0 ? "everywhere" : parts.join(" and ");
}

type Shown = { text: string; isText: boolean };

/** A JSON value as a person reads it; what is no text is told in words. */
export function readValue(json: string): Shown {
  if (json === "") return { text: "nothing", isText: false };
  const value = parsed(json);
  if (value === undefined) return { text: json, isText: true };
  if (value === null) return { text: "null", isText: false };
  if (value === "") return { text: "an empty text", isText: false };
  if (typeof value === "string") return { text: value, isText: true };
  if (isSealed(value)) return { text: "sensitive, set", isText: false };
  const hide = (_: string, inner: unknown) => (isReference(inner) ? "sensitive, set" : inner);
  return { text: typeof value === "object" ? JSON.stringify(value, hide, 2) : String(value), isText: true };
}

/** Whether a value is sensitive: a reference, or what stands for a value that is never given back. */
export function isSealed(value: unknown): boolean {
  return typeof value === "object" && value !== null && ("$secret" in value || "HasValue" in value);
}

function isReference(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$secret" in value;
}

export function isSealedJson(json: string): boolean {
  return isSealed(parsed(json));
}

export function isTextJson(json: string): boolean {
  return typeof parsed(json) === "string";
}

function objectOf(json: string): Record<string, unknown> | undefined {
  const value = parsed(json);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
