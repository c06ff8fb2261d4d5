// The values of a variable set as rows, and which of them are written at a scope.
import { create } from "@bufbuild/protobuf";

import { type Facet, FacetSchema } from "../../api/generated/atoll/v1/common_pb";
import { isSealed } from "../../ui/Diff";
import type { Content } from "../resource/read";
import { saysSensitive } from "../../ui/sensitive";

export type ScopeKey = "environments" | "roles" | "targets" | "groups";
export type Scope = Record<ScopeKey, string[]>;

export const SCOPE_KEYS: readonly { key: ScopeKey; field: string; label: string; own: string; names: readonly string[] }[] = [
  { key: "environments", field: "environment", label: "Environment", own: "Environment", names: ["Environment"] },
  { key: "roles", field: "role", label: "Role", own: "Role", names: ["Role", "TargetRole"] },
  { key: "targets", field: "target", label: "Target", own: "Target", names: ["Target", "Machine"] },
  { key: "groups", field: "group", label: "Group", own: "Group", names: ["Group"] },
];

export const EVERYWHERE: Scope = { environments: [], roles: [], targets: [], groups: [] };

export type Value = {
  /** Its place in the list of variables. */
  index: number;
  name: string;
  /** Absent where the entry only declares the name. */
  value: string | null | undefined;
  isSensitive: boolean;
  isRequired: boolean;
  description: string;
  scope: Scope;
  /** Whether it is the first row of its name. */
  isFirst: boolean;
  /** How many values the name has. */
  siblings: number;
};

export function variablesOf(content: Content): Content[] {
  const variables = content["Variables"];
  return Array.isArray(variables) ? variables.filter((one): one is Content => typeof one === "object" && one !== null) : [];
}

/** All values, those of one name together, in the order of the names. */
export function valuesOf(content: Content): Value[] {
  const rows = variablesOf(content).map((variable, index) => readValue(variable, index));
  return grouped(rows);
}

/** Rows of one name stand together; names are compared without regard to case, as the manager does. */
function grouped(rows: readonly Value[]): Value[] {
  const names = new Map<string, Value[]>();
  for (const row of rows) {
    const key = row.name.toLowerCase();
    const known = names.get(key);
    if (known) known.push(row);
    else names.set(key, [row]);
  }
  const order = new Intl.Collator("en", { numeric: true });
  const sorted = [...names].sort(([one], [other]) => order.compare(one, other));
  return sorted.flatMap(([, values]) => values.map((value, index) => ({ ...value, isFirst: index === 0, siblings: values.length })));
}

function readValue(variable: Content, index: number): Value {
  const value = variable["Value"];
  const isSensitive = saysSensitive(variable["Type"]) || variable["IsSensitive"] === true || isSealed(value);
  return {
    index,
    name: typeof variable["Name"] === "string" ? variable["Name"] : "",
    // A sensitive one is a reference; its text is not here, and if it were it would not be shown.
    value: value === undefined || value === null ? (value as null | undefined) : isSensitive ? "" : String(value),
    isSensitive,
    isRequired: variable["Required"] === true,
    description: typeof variable["Description"] === "string" ? variable["Description"] : "",
    scope: scopeOf(variable["Scope"]),
    isFirst: true,
    siblings: 1,
  };
}

function scopeOf(given: unknown): Scope {
  const scope: Scope = { environments: [], roles: [], targets: [], groups: [] };
  if (typeof given !== "object" || given === null) return scope;
  for (const [name, values] of Object.entries(given)) {
    const key = SCOPE_KEYS.find((one) => one.names.includes(name))?.key;
    if (key && Array.isArray(values)) scope[key].push(...values.map(String));
  }
  return scope;
}

export function isEverywhere(scope: Scope): boolean {
  return SCOPE_KEYS.every(({ key }) => scope[key].length === 0);
}

/** A scope as it is written into the set. */
export function scopeContent(scope: Scope): Content {
  return Object.fromEntries(SCOPE_KEYS.filter(({ key }) => scope[key].length > 0).map(({ key, own }) => [own, scope[key]]));
}

export function isSameScope(one: Scope, other: Scope): boolean {
  const plain = (names: readonly string[]) => names.map((name) => name.toLowerCase()).sort().join("\n");
  return SCOPE_KEYS.every(({ key }) => plain(one[key]) === plain(other[key]));
}

/** A scope in words, as the manager says it. */
export function scopeText(scope: Scope): string {
  const parts = SCOPE_KEYS.filter(({ key }) => scope[key].length > 0).map(({ key, field }) => `${field} ${scope[key].join(" or ")}`);
  return parts.length === 0 ? "everywhere" : parts.join(" and ");
}

/** A scope as arguments of the command line, quoted. */
export function scopeArguments(scope: Scope, quote: (word: string) => string): string {
  return SCOPE_KEYS.flatMap(({ key, field }) => scope[key].map((name) => ` --${field} ${quote(name)}`)).join("");
}

/** A word of the filter. Blanks would end it, so that they are written as underscores. */
function word(name: string): string {
  return name.toLowerCase().replaceAll(/\s+/g, "_");
}

const FIELDS: Record<string, (value: Value) => readonly string[]> = {
  ...Object.fromEntries(SCOPE_KEYS.map(({ key, field }) => [field, (value: Value) => value.scope[key]])),
  scope: (value) => [isEverywhere(value.scope) ? "everywhere" : "limited"],
  sensitive: (value) => [String(value.isSensitive)],
  required: (value) => [String(value.isRequired)],
};

/** The rows that are written as the filter says: a scope names exactly what was asked for, whatever else might apply there. */
export function filtered(values: readonly Value[], filter: string): Value[] {
  const terms = filter.split(/\s+/).filter((term) => term !== "");
  return grouped(values.filter((value) => terms.every((term) => holds(value, term))));
}

function holds(value: Value, term: string): boolean {
  const at = term.indexOf("=");
  if (at < 1) return value.name.toLowerCase().includes(term.toLowerCase());
  const isNot = term.charAt(at - 1) === "!";
  const read = FIELDS[term.slice(0, isNot ? at - 1 : at)];
  if (!read) return false;
  const isThere = read(value).map(word).includes(word(term.slice(at + 1)));
  return isThere !== isNot;
}

/** How many rows have which scope. */
export function facetsOf(values: readonly Value[]): Facet[] {
  return ["scope", ...SCOPE_KEYS.map(({ field }) => field), "sensitive"].map((field) => {
    const counts = new Map<string, bigint>();
    for (const value of values) {
      for (const name of FIELDS[field]?.(value) ?? []) counts.set(word(name), (counts.get(word(name)) ?? 0n) + 1n);
    }
    const most = [...counts].sort(([, one], [, other]) => Number(other - one)).slice(0, 50);
    return create(FacetSchema, { field, values: most.map(([value, count]) => ({ value, count })) });
  });
}
