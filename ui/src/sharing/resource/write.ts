// Acts on one resource, and what they make old.
import type { QueryClient } from "@tanstack/react-query";

import { api } from "../../api/client";
import type { SaveResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import { makeOld, staleTopics } from "../../api/query";
import type { Kind } from "./kind";

type Save = { resource?: string; content: string; base?: string; message?: string; isImport?: boolean; requestId?: string; widen?: boolean };

export function save(kind: Kind, wish: Save): Promise<SaveResourceResponse> {
  return api.sharing.saveResource({
    kind: kind.name,
    resource: wish.resource ?? "",
    content: wish.content,
    baseRevision: wish.base ?? "",
    message: wish.message ?? "",
    imported: wish.isImport ?? false,
    widen: wish.widen ?? false,
    requestId: wish.requestId ?? newId(),
  });
}

/** Everything that shows resources is read again. */
export function refresh(queries: QueryClient): void {
  makeOld(queries, staleTopics("resource.write"));
}

/** A random UUID. `crypto.randomUUID` is there on secure pages only; the manager may be reached by plain http. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
