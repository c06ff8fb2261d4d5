// What differs between two contents that the manager does not both have, such as a file and the newest revision. Elements
// of lists are known by id, then by name, and not by position.
import type { Place } from "../../ui/Diff";
import type { Content } from "./read";

/** Fields that change without the content changing: the manager keeps them apart too. */
const VOLATILE = new Set(["$Meta", "$revision", "Id", "LastModifiedAt", "LastModifiedBy", "LastModifiedOn", "Links", "SpaceId", "VariableSetId", "Version"]);

export function differencesOf(from: Content, to: Content): Place[] {
  const without = (content: Content) => Object.fromEntries(Object.entries(content).filter(([key]) => !VOLATILE.has(key)));
  return compare("", without(from), without(to));
}

function compare(path: string, from: unknown, to: unknown): Place[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (isObject(from) && isObject(to)) return compareFields(path, from, to);
  const one = elementsOf(from);
  const other = elementsOf(to);
  if (!one || !other) return [{ path, from: textOf(from), to: textOf(to) }];
  const places = compareFields(path, one, other);
  const isSameOrder = shared(one, other).join("\n") === shared(other, one).join("\n");
  return isSameOrder ? places : [...places, { path: `${path}/$order`, from: "", to: "" }];
}

function compareFields(path: string, from: Content, to: Content): Place[] {
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].flatMap((key) => compare(`${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, from[key], to[key]));
}

function shared(one: Content, other: Content): string[] {
  return Object.keys(one).filter((key) => key in other);
}

/** A list of named elements as an object; nothing for any other value. */
function elementsOf(value: unknown): Content | undefined {
  if (!Array.isArray(value) || !value.every((element) => isObject(element) && typeof element["Name"] === "string")) return undefined;
  const elements: Content = {};
  for (const element of value as Content[]) {
    const scope = element["Scope"] ? ` ${JSON.stringify(element["Scope"])}` : "";
    let key = `${String(element["Name"])}${scope}`;
    while (key in elements) key += " again";
    elements[key] = element;
  }
  return elements;
}

function isObject(value: unknown): value is Content {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}
