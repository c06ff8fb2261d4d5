// Importing files one after the other: each is created, merged, found to be the same, or asked about.
import { Code, ConnectError } from "@connectrpc/connect";

import { api } from "../../api/client";
import { problemOf } from "../../api/problem";
import type { Place } from "../../ui/Diff";
import { differencesOf } from "./difference";
import type { Kind } from "./kind";
import { type Content, contentOf, readContent } from "./read";
import { newId, save } from "./write";

export type ImportResult =
  | { kind: "waiting" }
  | { kind: "created"; name: string }
  | { kind: "written"; name: string }
  | { kind: "same"; name: string }
  /** There is one of this name; `head` is the revision it would be written on. */
  | { kind: "exists"; name: string; head: string; differences: Place[] }
  | { kind: "conflict"; name: string; conflictId: string }
  | { kind: "failed"; error: unknown };

export type ImportFile = { id: string; file: string; text: string; result: ImportResult };

/** Imports a file. `base` is given once a person has seen the difference and wants it written on that revision. */
export async function importFile(kind: Kind, text: string, requestId = newId(), base?: string): Promise<ImportResult> {
  try {
    const { $revision: own, ...content } = read(text);
    const name = typeof content["Name"] === "string" ? content["Name"] : "";
    // A file that was exported with its revision knows what it was edited from: the manager merges it.
    const known = base ?? (typeof own === "string" ? own : "");
    return await write(kind, content, name, known, requestId);
  } catch (error) {
    return { kind: "failed", error };
  }
}

async function write(kind: Kind, content: Content, name: string, base: string, requestId: string): Promise<ImportResult> {
  try {
    const answer = await save(kind, { content: JSON.stringify(content), base, isImport: true, requestId });
    if (answer.conflictId !== "") return { kind: "conflict", name, conflictId: answer.conflictId };
    if (!answer.changed) return { kind: "same", name };
    return { kind: answer.revision?.parents.length === 0 ? "created" : "written", name };
  } catch (error) {
    if (problemOf(error).reason !== "BASE_REVISION_NEEDED") throw error;
    return await compare(kind, content, name);
  }
}

async function compare(kind: Kind, content: Content, name: string): Promise<ImportResult> {
  const there = await api.sharing.getResource({ kind: kind.name, resource: name });
  const differences = differencesOf(contentOf(there) ?? {}, content);
  return differences.length === 0 ? { kind: "same", name } : { kind: "exists", name, head: there.revision?.id ?? "", differences };
}

function read(text: string): Content {
  try {
    return readContent(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConnectError(`this file cannot be read as JSON: ${why}`, Code.InvalidArgument);
  }
}

export const RESULT_WORDS: Record<ImportResult["kind"], string> = {
  waiting: "Importing…",
  created: "Created",
  written: "Written as a new revision",
  same: "Unchanged",
  exists: "Already exists",
  conflict: "Saved. It does not merge automatically",
  failed: "Not imported",
};
