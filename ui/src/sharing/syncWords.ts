// How far a change has come, in words and in numbers.
import type { BehindNode, GetSyncStatusResponse } from "../api/generated/atoll/v1/sharing_pb";

type Counts = "expected" | "have" | "applied" | "failed" | "offline";
type Others = "incomplete" | "drifting" | "unknown" | "ownEdits" | "pinned" | "cordoned" | "waiting";
type Status = Pick<GetSyncStatusResponse, Counts> & Partial<Pick<GetSyncStatusResponse, Others>>;

export function count(number: bigint): string {
  return number.toLocaleString("en");
}

/** "9,998 of 10,000 have it, 2 offline". */
export function syncSentence(status: Status, what: "it" | "everything"): string {
  if (status.expected === 0n) return what === "it" ? "No node should have it: it is deleted, not released, or not published to any node." : "No node has joined yet.";
  const others: [number: bigint | undefined, one: string, many: string][] = [
    [status.offline, "offline", "offline"],
    [status.cordoned, "cordoned", "cordoned"],
    [status.ownEdits, "runs a local edit", "run local edits"],
    [status.pinned, "is pinned to another release", "are pinned to another release"],
    [status.applied, "applied it", "applied it"],
    [status.failed, "failed to apply it", "failed to apply it"],
    [status.incomplete, "lacks a value", "lack a value"],
    [status.drifting, "has drifted", "have drifted"],
    [status.unknown, "does not report what it runs", "do not report what they run"],
  ];
  const parts = others.flatMap(([number = 0n, one, many]) => (number > 0n ? [`${count(number)} ${number === 1n ? one : many}`] : []));
  return [`${count(status.have)} of ${count(status.expected)} have ${what}`, ...parts].join(", ");
}

export type Share = { id: "have" | "lacking" | "apart" | "behind" | "offline"; label: string; nodes: bigint };

/** The nodes by what they have. Those apart are cordoned, or go on with something else of their own accord. */
export function shares(status: Status): Share[] {
  const { expected, have, offline, waiting = 0n, incomplete = 0n } = status;
  const others = expected - have - offline - waiting;
  const lacking = incomplete < others ? incomplete : others;
  const apart = others - lacking;
  return [
    { id: "have", label: "Have it", nodes: have },
    { id: "behind", label: "Connected, without it", nodes: waiting },
    { id: "offline", label: "Offline, without it", nodes: offline },
    ...(lacking > 0n ? [{ id: "lacking" as const, label: "Value missing", nodes: lacking }] : []),
    ...(apart > 0n ? [{ id: "apart" as const, label: "Cordoned, pinned or on a local edit", nodes: apart }] : []),
  ];
}

/** Rounded down, with one digit: 9,999 of 10,000 is never everything. */
export function percent(part: bigint, whole: bigint): string {
  if (whole === 0n) return "0%";
  const tenths = (part * 1_000n) / whole;
  return `${tenths / 10n}${tenths % 10n === 0n ? "" : `.${tenths % 10n}`}%`;
}

/** Since when the first of those who are offline is. */
export function offlineSince(behind: readonly BehindNode[]): bigint | undefined {
  const since = behind.filter((node) => node.state === "offline" && node.sinceMs > 0n).map((node) => node.sinceMs);
  return since.reduce<bigint | undefined>((first, one) => (first === undefined || one < first ? one : first), undefined);
}

export function distanceWords({ acknowledgedSequence, outstanding }: Pick<BehindNode, "acknowledgedSequence" | "outstanding">): string {
  if (acknowledgedSequence === 0n) return "has nothing yet";
  if (outstanding === 0n) return "received everything";
  return outstanding === 1n ? "lacks 1 document" : `lacks ${count(outstanding)} documents`;
}

export function syncCommand(kind: string, resource: string, node: string, quote: (word: string) => string): string {
  const about = resource ? ` ${kind === "variable_set" ? "--vars" : "--template"} ${quote(resource)}` : "";
  return `atoll sync status${about}${node ? ` --node ${quote(node)}` : ""}`;
}
