// Places of a resource in words, and the values that stand there.
import { isSealed } from "../../ui/Diff";

/** A part of a sentence; names come from people and may be written in any direction. */
export type Word = string | { name: string };

const LISTS: Record<string, string> = {
  Parameters: "parameter",
  Packages: "package",
  GitDependencies: "Git dependency",
  Variables: "variable",
  Properties: "property",
};
const ORDER = "$order";
const ITEMS = "$items";

/** A place as a person would say it: `Default value of parameter Timeout`. */
export function placeWords(path: string): Word[] {
  const segments = segmentsOf(path).filter((segment) => segment !== ITEMS);
  const [list = "", element, ...rest] = segments;
  if (segments.length === 0) return ["The whole resource"];
  if (element === ORDER) return [`Order of the ${plainName(list).toLowerCase()}`];
  const noun = LISTS[list];
  if (!noun || element === undefined) return joined(segments.map(fieldWord).reverse());
  const owner: Word[] = [`${noun} `, { name: element === "" ? "without a name" : element }];
  if (rest.length === 0) return capitalised(owner);
  return [...joined(rest.map(fieldWord).reverse()), " of ", ...owner];
}

/** The same as one text, where no names can be set apart. */
export function placeText(path: string): string {
  return placeWords(path)
    .map((word) => (typeof word === "string" ? word : word.name))
    .join("");
}

export function isOrder(path: string): boolean {
  return segmentsOf(path).at(-1) === ORDER;
}

export function segmentsOf(path: string): string[] {
  if (path === "") return [];
  return path
    .replace(/^\//, "")
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A field's own name in words, where it is one of the format's; a name that a person gave stays as it is. */
function fieldWord(segment: string): Word {
  return /^[A-Z][A-Za-z]*$/.test(segment) ? plainName(segment) : { name: segment };
}

function plainName(segment: string): string {
  const text = segment.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function joined(words: readonly Word[]): Word[] {
  return words.flatMap((word, at) => {
    const shown = at > 0 && typeof word === "string" ? word.toLowerCase() : word;
    return at === 0 ? [shown] : [" of ", shown];
  });
}

function capitalised([first, ...rest]: Word[]): Word[] {
  return typeof first === "string" ? [first.charAt(0).toUpperCase() + first.slice(1), ...rest] : [first ?? "", ...rest];
}

export function parsed(json: string): unknown {
  if (json === "") return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** A text value; nothing where the value is no text. */
export function textOf(json: string): string | undefined {
  const value = parsed(json);
  return typeof value === "string" && json !== "" ? value : undefined;
}

/** Whether a value holds a sealed value anywhere: such values are taken as they are and never typed here. */
export function holdsSealed(json: string): boolean {
  const look = (value: unknown): boolean =>
    typeof value === "object" && value !== null && (isSealed(value) || Object.values(value).some(look));
  return look(parsed(json));
}

/** Whether a value holds a list in the manager's own form, which people do not write. */
export function holdsKeyedList(json: string): boolean {
  return json.includes(`"${ITEMS}"`);
}

/** A value as people know it: lists as lists, without the manager's own keys. */
export function outsideForm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(outsideForm);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  const items = fields[ITEMS];
  const order = fields[ORDER];
  if (typeof items === "object" && items !== null && Array.isArray(order)) {
    const elements = items as Record<string, unknown>;
    return order.filter((key): key is string => typeof key === "string" && key in elements).map((key) => outsideForm(elements[key]));
  }
  return Object.fromEntries(Object.entries(fields).map(([key, one]) => [key, outsideForm(one)]));
}

/** JSON as it is shown. */
export function shownJson(json: string): string {
  const value = outsideForm(parsed(json));
  if (isSealed(value)) return "a sealed value";
  return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
}
