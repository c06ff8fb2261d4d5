// The one place where a failure becomes words.
import { Code, ConnectError } from "@connectrpc/connect";

import { ErrorInfoSchema } from "./generated/google/rpc/error_details_pb";

export type Problem = {
  /** What happened, in a few words. */
  title: string;
  /** What happened and what to do, as the manager says it. */
  text: string;
  /** Stable code for programs and for searching. */
  reason: string;
  /** Whether the same call may succeed when it is simply repeated. */
  canRetry: boolean;
};

const TITLES: Partial<Record<Code, string>> = {
  [Code.InvalidArgument]: "Not valid",
  [Code.NotFound]: "Not found",
  [Code.AlreadyExists]: "Already exists",
  [Code.FailedPrecondition]: "Not possible now",
  [Code.Aborted]: "Changed in the meantime",
  [Code.Unauthenticated]: "Signed out",
  [Code.PermissionDenied]: "Not allowed",
  [Code.ResourceExhausted]: "Too many requests",
  [Code.Unavailable]: "The manager is not responding",
  [Code.DeadlineExceeded]: "The manager did not answer in time",
  [Code.Internal]: "The manager failed",
};

/** What is refused until somebody says that it is meant. */
const CONFIRMED = new Set(["WIDENS_SECRET", "RELEASES_DRAFTS"]);

const RETRIED = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted]);

const LOST = "No connection to the manager. The page keeps what it shows and retries automatically.";
const LOST_ACT =
  "The connection to the manager was lost, so the result is unknown. Your input is kept: check once the header shows Live, and resend if needed.";

/** What to tell a person about a failure of any kind; `isAct` where something was to be done, which nobody repeats by itself. */
export function problemOf(error: unknown, isAct = false): Problem {
  const failure = ConnectError.from(error);
  if (failure.rawMessage.startsWith("Serialize ")) {
    return { title: "Invalid value", text: sentence(failure.rawMessage), reason: "UI", canRetry: false };
  }
  const info = failure.findDetails(ErrorInfoSchema)[0];
  // What the transport could not send arrives as its own error; a mistake in this program is none, and is said as such.
  const isNetwork = error instanceof ConnectError && failure.code === Code.Unknown && failure.cause instanceof TypeError;
  if (error instanceof Error && !(error instanceof ConnectError)) {
    return { title: "Something went wrong in this page", text: sentence(error.message), reason: "UI", canRetry: false };
  }
  const code = isNetwork ? Code.Unavailable : failure.code;
  const text =
    isNetwork || (code === Code.Unavailable && !info)
      ? isAct
        ? LOST_ACT
        : LOST
      : code === Code.DeadlineExceeded && !info
        ? "The manager did not answer in time, so the result is unknown: check before you try again."
        : sentence(failure.rawMessage);
  return {
    title: info && CONFIRMED.has(info.reason) ? "Needs your confirmation" : (TITLES[code] ?? "Something went wrong"),
    text,
    reason: info?.reason ?? Code[code] ?? "UNKNOWN",
    canRetry: RETRIED.has(code),
  };
}

/** Whether nothing came back: the network, or a manager that is not there. */
export function isNoAnswer(error: unknown): boolean {
  const failure = ConnectError.from(error);
  if (failure.code === Code.DeadlineExceeded) return true;
  const isUnsent = failure.code === Code.Unknown && failure.cause instanceof TypeError;
  return isUnsent || (failure.code === Code.Unavailable && failure.findDetails(ErrorInfoSchema).length === 0);
}

/** Whether what was asked for is not there, or no more. */
export function isGone(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}

export function isSignedOut(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unauthenticated;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "The manager gave no reason; its log has more.";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
