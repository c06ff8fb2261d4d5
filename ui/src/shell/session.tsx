// Signing in by a one-time link, and signing in again over the page when the session ended in the middle of something.
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useSyncExternalStore } from "react";

import { onSessionEnd } from "../api/client";
import { tellSignedIn } from "../live/live";

const SignInDialog = lazy(() => import("./SignIn").then((module) => ({ default: module.SignInDialog })));

const CHANNEL = "atoll-session";

let isOver = false;
const listeners = new Set<() => void>();

function setOver(next: boolean): void {
  if (isOver === next) return;
  isOver = next;
  listeners.forEach((listener) => listener());
}

onSessionEnd(() => setOver(true));

/** Exchanges the code of a one-time link for a session. */
export async function signIn(code: string): Promise<void> {
  const response = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
  if (!response.ok) throw new Error(await refusal(response));
  new BroadcastChannel(CHANNEL).postMessage("signed-in");
}

async function refusal(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  if (body && typeof body === "object" && "text" in body && typeof body.text === "string") return body.text;
  return "the manager did not take the link; make a new one with: atoll ui open";
}

export async function signOut(): Promise<void> {
  await fetch("/session", { method: "DELETE" });
  location.assign("/sign-in");
}

/** The code in a link, or what was pasted if it is the code itself. */
export function codeOf(pasted: string): string {
  const text = pasted.trim();
  return text.includes("#") ? text.slice(text.indexOf("#") + 1) : text;
}

/** Over whatever page is open: what was typed there stays. */
export function SignInAgain() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isOver,
  );
  const queries = useQueryClient();
  const goOn = useCallback(() => {
    setOver(false);
    tellSignedIn();
    void queries.invalidateQueries();
  }, [queries]);
  useEffect(() => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = goOn;
    return () => channel.close();
  }, [goOn]);
  if (!shown || location.pathname === "/sign-in") return null;
  return (
    <Suspense>
      <SignInDialog onDone={goOn} />
    </Suspense>
  );
}
