// The cache of what the manager said, and the keys under which it lies. A key begins with its topic, by which news from
// the live stream make it old.
import { QueryCache, QueryClient } from "@tanstack/react-query";

import { isGone, isSignedOut, problemOf } from "./problem";

export type Topic =
  | "status"
  | "nodes"
  | "node"
  | "groups"
  | "join-tokens"
  | "join-attempts"
  | "resources"
  | "resource"
  | "publications"
  | "proposals"
  | "conflicts"
  | "sync"
  | "usages"
  | "effective"
  | "audit"
  | "tokens"
  | "sessions"
  | "views"
  | "samples"
  | "who";

/** A key: the topic first, then whatever tells apart. */
export type Key = readonly [Topic, ...unknown[]];

const RETRIES = 3;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    // What is not there any more must not go on looking as it did, with its state and everything that could be done to it.
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (isGone(error) && query.state.data !== undefined) query.setState({ data: undefined });
      },
    }),
    defaultOptions: {
      queries: {
        // The live stream says what became old; time alone makes nothing old while it runs.
        staleTime: 30_000,
        gcTime: 120_000,
        refetchOnWindowFocus: false,
        // A call is made whatever the browser thinks of the network: the manager may be on this very machine, and a call
        // that fails says so, while one that is held back would be waited for without an end.
        networkMode: "always",
        retry: (count, error) => count < RETRIES && problemOf(error).canRetry && !isSignedOut(error),
        retryDelay: (count) => Math.min(250 * 2 ** count, 2_000),
      },
      mutations: { retry: false, networkMode: "always" },
    },
  });
}

/** Topics that an act makes old, by the first word of its name in the audit record. */
const STALE: Record<string, readonly Topic[]> = {
  // A node also writes: what it edits or returns may be everybody's at once.
  node: ["node", "resources", "resource", "groups", "usages", "publications", "sync", "effective", "proposals", "conflicts"],
  group: ["groups"],
  join_token: ["join-tokens"],
  resource: ["resources", "resource", "publications", "usages", "sync", "effective", "conflicts", "proposals"],
  variable: ["resources", "resource", "effective", "sync"],
  publication: ["publications", "resources", "node", "usages", "sync", "effective"],
  proposal: ["proposals", "conflicts", "resources", "resource", "node", "usages"],
  conflict: ["conflicts", "proposals", "resources", "resource", "node", "usages"],
  token: ["tokens"],
  session: ["sessions"],
  view: ["views"],
};

/** Acts of people that change which nodes a list shows, and how many. */
const LISTED: ReadonlySet<string> = new Set(["node.join", "node.label", "node.move", "node.rename", "node.cordon", "node.uncordon", "node.remove"]);

export function staleTopics(action: string): readonly Topic[] {
  const noun = action.split(".")[0] ?? "";
  return [...(STALE[noun] ?? []), ...(LISTED.has(action) ? (["nodes", "status"] as const) : []), "audit"];
}

/** What lies under these topics is read again where it is shown. */
export function makeOld(queries: QueryClient, topics: Iterable<Topic>): void {
  for (const topic of new Set(topics)) void queries.invalidateQueries({ queryKey: [topic] });
}

/** What an act on nodes touches. Their list is among it: whoever acted expects to see it. */
export const NODE_TOPICS: readonly Topic[] = ["nodes", "node", "groups", "status"];
