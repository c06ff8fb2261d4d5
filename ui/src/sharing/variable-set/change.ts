// Writing values. One value is set or taken away on its own; what belongs to the entry around it (its scope, its name,
// whether it is required) is changed in the whole content at once, so that nobody ever sees half of it.
import { api } from "../../api/client";
import { quote } from "../../ui/copy";
import { VARIABLE_SET } from "../resource/kind";
import type { Content } from "../resource/read";
import { save } from "../resource/write";
import { isSameScope, type Scope, scopeArguments, scopeContent, type Value, variablesOf } from "./values";

export type ValueKind = "text" | "null" | "none";

/** A value as the form has it. */
export type Wish = {
  name: string;
  kind: ValueKind;
  text: string;
  isSensitive: boolean;
  isRequired: boolean;
  description: string;
  scope: Scope;
  message: string;
  /** A sensitive value that is there stays unless it is replaced. */
  isReplaced: boolean;
};

export function wishOf(value: Value | undefined): Wish {
  return {
    name: value?.name ?? "",
    kind: value === undefined ? "text" : value.value === undefined ? "none" : value.value === null ? "null" : "text",
    text: value?.value ?? "",
    isSensitive: value?.isSensitive ?? false,
    isRequired: value?.isRequired ?? false,
    description: value?.description ?? "",
    scope: value?.scope ?? { environments: [], roles: [], targets: [], groups: [] },
    message: "",
    isReplaced: value === undefined,
  };
}

export type Base = { set: string; revision: string; content: Content };
export type Changed = { conflictId: string };

/** Whether anything but the value itself changes. */
export function isEntryChanged(before: Value | undefined, wish: Wish): boolean {
  if (!before) return wish.isRequired || wish.description !== "" || wish.kind === "none";
  return (
    before.name !== wish.name ||
    before.isRequired !== wish.isRequired ||
    before.description !== wish.description ||
    !isSameScope(before.scope, wish.scope) ||
    (wish.kind === "none" && before.value !== undefined)
  );
}

export function isValueChanged(before: Value | undefined, wish: Wish): boolean {
  if (wish.kind === "none") return false;
  if (wish.isSensitive && wish.kind === "text") return wish.isReplaced;
  if (!before) return true;
  return wish.kind === "null" ? before.value !== null : before.value !== wish.text || before.isSensitive;
}

/** Writes what the form says. */
export async function writeValue(base: Base, before: Value | undefined, wish: Wish): Promise<Changed> {
  if (isEntryChanged(before, wish)) {
    const content = withEntry(base.content, before, wish);
    const { conflictId } = await save(VARIABLE_SET, { resource: base.set, content: JSON.stringify(content), base: base.revision, message: wish.message });
    if (conflictId !== "") return { conflictId };
  }
  if (isValueChanged(before, wish)) {
    await api.sharing.setVariable({
      resource: base.set,
      name: wish.name,
      scope: wish.scope,
      value: wish.kind === "null" ? "" : wish.text,
      null: wish.kind === "null",
      sensitive: wish.isSensitive && wish.kind === "text",
      message: wish.message,
    });
  }
  return { conflictId: "" };
}

/** The content with the entry as it shall be; the value in it stays what it was, for it is written on its own. */
export function withEntry(content: Content, before: Value | undefined, wish: Wish): Content {
  const variables = variablesOf(content);
  const old = before ? (variables[before.index] ?? {}) : {};
  const { Scope: oldScope, Required: _required, Description: _description, ...rest } = old;
  // The same scope stays as it was written: other words for it would be an edit that nobody made.
  const scope = before && oldScope && isSameScope(before.scope, wish.scope) ? (oldScope as Content) : scopeContent(wish.scope);
  const entry: Content = {
    ...rest,
    Name: wish.name,
    ...(Object.keys(scope).length > 0 ? { Scope: scope } : {}),
    ...(wish.isRequired ? { Required: true } : {}),
    ...(wish.description !== "" ? { Description: wish.description } : {}),
  };
  if (wish.kind === "none") delete entry["Value"];
  const next = before ? variables.map((variable, index) => (index === before.index ? entry : variable)) : [...variables, entry];
  return { ...content, Variables: next };
}

export function removeValue(set: string, value: Value, message: string): Promise<unknown> {
  return api.sharing.unsetVariable({ resource: set, name: value.name, scope: value.scope, message });
}

/** The command that does the same, where one does. */
export function setCommand(set: string, before: Value | undefined, wish: Wish): string {
  if (isEntryChanged(before, wish)) return `atoll vars edit ${quote(set)}`;
  const value = wish.kind === "null" ? "--null" : wish.isSensitive ? "--sensitive --file SECRET.txt" : quote(wish.text);
  return `atoll vars set ${quote(set)} ${quote(wish.name)} ${value}${scopeArguments(wish.scope, quote)}`;
}

export function unsetCommand(set: string, value: Value): string {
  return `atoll vars unset ${quote(set)} ${quote(value.name)}${scopeArguments(value.scope, quote)}`;
}
