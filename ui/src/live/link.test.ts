import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { type WatchResponse, WatchResponseSchema } from "../api/generated/atoll/v1/telemetry_pb";
import { LiveLink } from "./link";
import type { ToTab } from "./message";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A manager whose streams say what the test lets them say. */
class FakeManager {
  readonly opened: string[] = [];
  #say: ((response: WatchResponse) => void) | undefined;
  #cut: ((error: Error) => void) | undefined;
  refusal: Error | undefined;

  open = async function* (this: FakeManager, resumeToken: string, signal: AbortSignal): AsyncIterable<WatchResponse> {
    this.opened.push(resumeToken);
    if (this.refusal) throw this.refusal;
    while (!signal.aborted) {
      yield await new Promise<WatchResponse>((say, cut) => {
        this.#say = say;
        this.#cut = cut;
        signal.addEventListener("abort", () => cut(new Error("aborted")));
      });
    }
  }.bind(this);

  say(resumeToken: string): void {
    this.#say?.(create(WatchResponseSchema, { resumeToken, nowMs: BigInt(Date.now() + 60_000) }));
  }

  cut(): void {
    this.#cut?.(new ConnectError("gone", Code.Unavailable));
  }
}

function linked() {
  const manager = new FakeManager();
  const heard: ToTab[] = [];
  const link = new LiveLink(manager.open, (message) => heard.push(message));
  return { manager, heard, link };
}

const settle = () => vi.advanceTimersByTimeAsync(1);

test("a cut stream goes on where it broke off, and what is shown is read again whenever it stands", async () => {
  const { manager, heard, link } = linked();
  link.look(true);
  await settle();
  manager.say("41");
  await settle();
  expect(link.state.kind).toBe("live");
  manager.cut();
  await settle();
  expect(link.state.kind).toBe("reconnecting");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(manager.opened).toEqual(["", "41"]);
  manager.say("42");
  await settle();
  expect(link.state.kind).toBe("live");
  expect(heard.filter((message) => message.kind === "caught-up")).toHaveLength(2);
});

test("a stream that says nothing for too long is taken for dead", async () => {
  const { manager, link } = linked();
  link.look(true);
  await settle();
  manager.say("1");
  await vi.advanceTimersByTimeAsync(7_000);
  expect(manager.opened).toEqual(["", "1"]);
});

test("a break of more than a glance is called stale, and since when is said", async () => {
  const { manager, link } = linked();
  manager.refusal = new ConnectError("down", Code.Unavailable);
  link.look(true);
  await settle();
  const brokenAt = Date.now();
  expect(link.state.kind).toBe("reconnecting");
  await vi.advanceTimersByTimeAsync(12_000);
  expect(link.state.kind).toBe("stale");
  expect(link.state).toHaveProperty("since", expect.closeTo(brokenAt, -2));
});

test("the stream closes half a minute after nobody looks, and comes back when somebody does", async () => {
  const { manager, link } = linked();
  link.look(true);
  await settle();
  manager.say("7");
  await settle();
  link.look(false);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(link.state.kind).toBe("paused");
  link.look(true);
  await settle();
  expect(manager.opened.at(-1)).toBe("7");
});

test("a session that ended is said once, and not knocked at again and again", async () => {
  const { manager, link } = linked();
  manager.refusal = new ConnectError("who are you", Code.Unauthenticated);
  link.look(true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(link.state.kind).toBe("signed-out");
  expect(manager.opened).toHaveLength(1);
  manager.refusal = undefined;
  link.signedIn();
  await settle();
  manager.say("1");
  await settle();
  expect(link.state.kind).toBe("live");
});
