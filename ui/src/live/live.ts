// The tab's end of the live stream: patches what is shown, at most five times a second, and says how fresh it is.
import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { api, onDoubt, tellSessionEnd } from "../api/client";
import type { ListNodesResponse, Node } from "../api/generated/atoll/v1/fleet_pb";
import { isNoAnswer } from "../api/problem";
import { makeOld, staleTopics, type Topic } from "../api/query";
import { setManagerClock } from "./clock";
import { LiveLink } from "./link";
import type { LiveState, News, ToTab, ToWorker } from "./message";
import { Reach } from "./reach";

/** Five times a second: faster is not seen, and costs frames. */
const RENDER_MS = 200;
/** Counts and lists are read again at most this often while acts come in. */
const REFETCH_MS = 1_000;

/** An entry of the build with an address that never changes: see vite.config.ts. */
const WORKER = import.meta.env.DEV ? "/src/live/worker.ts" : "/live.js";

const listeners = new Set<() => void>();
let stream: LiveState = { kind: "connecting" };
let state: LiveState = stream;
let caughtUp: () => void = () => {};
let say: (message: ToWorker) => void = () => {};

const reach = new Reach(
  // What the probe fails with is not looked at: whoever is signed out reaches the manager too.
  (signal) => api.telemetry.getStatus({}, { signal }).catch(unlessAnswered),
  () => {
    const wasLive = state.kind === "live";
    setState(stream);
    // What was asked while nothing got through is asked again.
    if (!wasLive && isLive()) caughtUp();
  },
);

function unlessAnswered(error: unknown): void {
  if (isNoAnswer(error)) throw error;
}

function isLive(): boolean {
  return state.kind === "live";
}

function setState(next: LiveState): void {
  stream = next;
  state = reach.over(next);
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(subscribe, () => state);
}

/** Tells the stream that this browser has a session again. */
export function tellSignedIn(): void {
  say({ kind: "signed-in" });
}

/** Runs the tab's end for as long as the application is shown. */
export function useLive(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const patcher = new Patcher(queries);
    const hear = (message: ToTab) => {
      if (message.kind === "state") {
        setState(message.state);
        if (message.state.kind === "signed-out") tellSessionEnd();
      }
      else if (message.kind === "caught-up") patcher.caughtUp();
      else patcher.take(message.news);
    };
    const hangUp = connect(hear);
    caughtUp = () => patcher.caughtUp();
    const doubt = () => void reach.doubt();
    onDoubt(doubt);
    window.addEventListener("offline", doubt);
    const look = () => say({ kind: document.visibilityState === "visible" ? "visible" : "hidden" });
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      window.removeEventListener("offline", doubt);
      onDoubt(() => {});
      patcher.stop();
      hangUp();
    };
  }, [queries]);
}

function connect(hear: (message: ToTab) => void): () => void {
  if (typeof SharedWorker === "undefined") return connectAlone(hear);
  const worker = new SharedWorker(WORKER, { type: "module", name: "atoll-live" });
  worker.port.onmessage = ({ data }: MessageEvent<ToTab>) => hear(data);
  say = (message) => worker.port.postMessage(message);
  const bye = () => say({ kind: "bye" });
  window.addEventListener("pagehide", bye);
  return () => {
    window.removeEventListener("pagehide", bye);
    bye();
    worker.port.close();
  };
}

/** For browsers that share nothing between tabs: a stream of this tab's own. */
function connectAlone(hear: (message: ToTab) => void): () => void {
  const link = new LiveLink((resumeToken, signal) => api.telemetry.watch({ resumeToken }, { signal }), hear);
  say = (message) => {
    if (message.kind === "signed-in") link.signedIn();
    else link.look(message.kind === "visible");
  };
  return () => link.look(false);
}

/** Collects news and puts them into the cache together. */
export class Patcher {
  #queries: QueryClient;
  #nodes = new Map<string, Node>();
  #topics = new Set<Topic>();
  #render: ReturnType<typeof setTimeout> | undefined;
  #refetch: ReturnType<typeof setTimeout> | undefined;
  #areCountsOld = false;

  constructor(queries: QueryClient) {
    this.#queries = queries;
  }

  take(news: News): void {
    setManagerClock(news.managerNowMs);
    news.nodes.forEach((node) => this.#nodes.set(node.id, node));
    news.events.flatMap((event) => staleTopics(event.action)).forEach((topic) => this.#topics.add(topic));
    if (news.incomplete) (["nodes", "node", "sync", "usages"] as const).forEach((topic) => this.#topics.add(topic));
    if (news.nodes.length > 0) {
      (["sync", "usages"] as const).forEach((topic) => this.#topics.add(topic));
      this.#areCountsOld = true;
    }
    if (news.status) this.#queries.setQueryData(["status"], news.status);
    this.#render ??= setTimeout(() => this.#patch(), RENDER_MS);
    this.#refetch ??= setTimeout(() => this.#readAgain(), REFETCH_MS);
  }

  /** The stream stands, for the first time or again: whatever is on the page is read again. */
  caughtUp(): void {
    void this.#queries.invalidateQueries();
  }

  stop(): void {
    clearTimeout(this.#render);
    clearTimeout(this.#refetch);
  }

  #patch(): void {
    this.#render = undefined;
    if (this.#nodes.size === 0) return;
    const changed = this.#nodes;
    this.#nodes = new Map();
    this.#queries.setQueriesData<InfiniteData<ListNodesResponse>>({ queryKey: ["nodes", "list"] }, (data) =>
      data ? patchPages(data, changed) : data,
    );
    for (const node of changed.values()) {
      for (const name of [node.name, node.id]) {
        void this.#queries.invalidateQueries({ queryKey: ["node", name] });
      }
    }
  }

  #readAgain(): void {
    this.#refetch = undefined;
    const topics = this.#topics;
    this.#topics = new Set();
    makeOld(this.#queries, topics);
    // The rows of the list are put right one by one; how many there are of each state is asked again.
    if (this.#areCountsOld) void this.#queries.invalidateQueries({ queryKey: ["nodes", "facets"] });
    this.#areCountsOld = false;
  }
}

/** Replaces rows where they are: nothing moves under the pointer. */
export function patchPages(
  data: InfiniteData<ListNodesResponse>,
  changed: ReadonlyMap<string, Node>,
): InfiniteData<ListNodesResponse> {
  let isTouched = false;
  const pages = data.pages.map((page) => {
    if (!page.nodes.some((node) => changed.has(node.id))) return page;
    isTouched = true;
    return { ...page, nodes: page.nodes.map((node) => changed.get(node.id) ?? node) };
  });
  return isTouched ? { ...data, pages } : data;
}
