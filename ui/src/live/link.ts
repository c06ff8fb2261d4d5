// One stream to the manager: opened when somebody looks, kept open, resumed where it broke off.
import { Code, ConnectError } from "@connectrpc/connect";

import type { WatchResponse } from "../api/generated/atoll/v1/telemetry_pb";
import type { LiveState, News, ToTab } from "./message";

/** The manager speaks every two seconds at least; after this it is taken for gone. */
const SILENCE_MS = 6_000;
const RETRY_FIRST_MS = 200;
const RETRY_MOST_MS = 1_000;
/** From when on a broken stream is worth a word of warning. */
const STALE_AFTER_MS = 8_000;
/** How long the stream stays open after the last tab was hidden. */
const HIDDEN_MS = 30_000;

export type Open = (resumeToken: string, signal: AbortSignal) => AsyncIterable<WatchResponse>;

export class LiveLink {
  #open: Open;
  #tell: (message: ToTab) => void;
  #resumeToken = "";
  #state: LiveState = { kind: "connecting" };
  #running: AbortController | undefined;
  #hiding: ReturnType<typeof setTimeout> | undefined;

  constructor(open: Open, tell: (message: ToTab) => void) {
    this.#open = open;
    this.#tell = tell;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Somebody looks, or nobody does any more. */
  look(isVisible: boolean): void {
    clearTimeout(this.#hiding);
    this.#hiding = undefined;
    if (isVisible) this.#start();
    else this.#hiding = setTimeout(() => this.#stop(), HIDDEN_MS);
  }

  /** The browser signed in again. */
  signedIn(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#start();
  }

  #start(): void {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    void this.#run(running);
  }

  #stop(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#set({ kind: "paused" });
  }

  #set(state: LiveState): void {
    this.#state = state;
    this.#tell({ kind: "state", state });
  }

  async #run(running: AbortController): Promise<void> {
    let delayMs = RETRY_FIRST_MS;
    let brokenAt: number | undefined;
    while (!running.signal.aborted) {
      try {
        for await (const response of withSilence(this.#open, this.#resumeToken, running.signal)) {
          if (running.signal.aborted) return;
          if (this.#state.kind !== "live") {
            this.#set({ kind: "live" });
            // What was read before the stream stood may be old already, and nobody will say so: it is read again.
            this.#tell({ kind: "caught-up" });
          }
          delayMs = RETRY_FIRST_MS;
          brokenAt = undefined;
          this.#resumeToken = response.resumeToken;
          this.#tell({ kind: "news", news: newsOf(response) });
        }
      } catch (error) {
        if (running.signal.aborted) return;
        if (ConnectError.from(error).code === Code.Unauthenticated) {
          if (this.#running === running) this.#running = undefined;
          this.#set({ kind: "signed-out" });
          return;
        }
      }
      brokenAt ??= Date.now();
      const isStale = Date.now() - brokenAt > STALE_AFTER_MS;
      this.#set({ kind: isStale ? "stale" : "reconnecting", since: brokenAt });
      await pause(delayMs * (0.75 + Math.random() / 2), running.signal);
      delayMs = Math.min(delayMs * 2, RETRY_MOST_MS);
    }
  }
}

function newsOf(response: WatchResponse): News {
  return {
    events: response.events,
    nodes: response.nodes,
    incomplete: response.incomplete,
    status: response.status,
    managerNowMs: Number(response.nowMs),
  };
}

/** Ends a stream that says nothing for too long: a dead connection looks like a quiet one. */
async function* withSilence(open: Open, resumeToken: string, signal: AbortSignal): AsyncIterable<WatchResponse> {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), SILENCE_MS);
  try {
    for await (const response of open(resumeToken, AbortSignal.any([signal, quiet.signal]))) {
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENCE_MS);
      yield response;
    }
  } finally {
    clearTimeout(timer);
    quiet.abort();
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
