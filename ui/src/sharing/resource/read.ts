// Questions about one resource.
import { useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import type { GetResourceResponse, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import type { Kind } from "./kind";

/** A resource at a revision or version; at its newest one unless one is named. */
export function useResource(kind: Kind, name: string, revision = "") {
  return useQuery({
    queryKey: ["resource", kind.name, name, revision],
    queryFn: ({ signal }) => api.sharing.getResource({ kind: kind.name, resource: name, revision }, { signal }),
  });
}

export function useDifference(kind: Kind, id: string, from: string, to: string, isAsked = true) {
  return useQuery({
    queryKey: ["resource", "difference", kind.name, id, from, to],
    queryFn: ({ signal }) => api.sharing.diffRevisions({ kind: kind.name, resource: id, from, to }, { signal }),
    enabled: isAsked,
  });
}

/** The id of the open question about a resource; empty if there is none. */
export async function findOpenConflict(resource: Pick<Resource, "id" | "name">, signal?: AbortSignal): Promise<string> {
  // Words of a filter may not hold an equals sign, and the name may hold blanks: all words must be in it.
  const filter = resource.name.replaceAll("=", " ");
  const { conflicts } = await api.sharing.listConflicts({ options: { filter, pageSize: 200 } }, signal ? { signal } : {});
  return conflicts.find((conflict) => conflict.resource?.id === resource.id)?.id ?? "";
}

/** The open question about a resource, if there is one. */
export function useOpenConflict(resource: Resource) {
  return useQuery({
    queryKey: ["conflicts", "of", resource.id],
    queryFn: ({ signal }) => findOpenConflict(resource, signal),
    enabled: resource.state === "conflict",
  });
}

export type Content = Record<string, unknown>;

/** Read once for each answer: a set may hold thousands of values, and pages are drawn often. */
const known = new WeakMap<object, Content>();

/** The content as an object. A revision that is a deletion has none. */
export function contentOf(answer: Pick<GetResourceResponse, "content">): Content | undefined {
  if (answer.content === "") return undefined;
  const content = known.get(answer) ?? readContent(answer.content);
  known.set(answer, content);
  return content;
}

/** Reads a document. What is no object is told in words. */
export function readContent(text: string): Content {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("the content must be a JSON object");
  return value as Content;
}

export function writeContent(content: unknown): string {
  return JSON.stringify(content, undefined, 2);
}
