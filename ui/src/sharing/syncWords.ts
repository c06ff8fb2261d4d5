// How far a change has come, in words and in numbers.
import type { BehindNode, GetSyncStatusResponse } from "../api/generated/atoll/v1/sharing_pb";

type Status = Pick<GetSyncStatusResponse, "expected" | "have" | "applied" | "failed" | "offline"> & Partial<Pick<GetSyncStatusResponse, "incomplete" | "drifting" | "unknown">>;

export function count(number: bigint): string {
  return number.toLocaleString("en");
}

/** "9,998 of 10,000 have it, 2 offline". */
export function syncSentence(status: Status, what: "it" | "everything"): string {
  if (status.expected === 0n) return what === "it" ? "No node should have it: no publication brings it to one." : "No node has joined yet.";
  const parts = [
    `${count(status.have)} of ${count(status.expected)} have ${what}`,
    ...(status.offline > 0n ? [`${count(status.offline)} offline`] : []),
    ...(status.applied > 0n ? [`${count(status.applied)} applied it`] : []),
    ...(status.failed > 0n ? [`${count(status.failed)} reported a problem`] : []),
    ...((status.incomplete ?? 0n) > 0n ? [`${count(status.incomplete ?? 0n)} lack a required value`] : []),
    ...((status.drifting ?? 0n) > 0n ? [`${count(status.drifting ?? 0n)} run something else`] : []),
    ...((status.unknown ?? 0n) > 0n ? [`${count(status.unknown ?? 0n)} do not say what they run`] : []),
  ];
  return parts.join(", ");
}

export type Share = { id: "have" | "behind" | "offline"; label: string; nodes: bigint };

/** The nodes by what they have. */
export function shares(status: Status): Share[] {
  const behind = status.expected - status.have - status.offline;
  return [
    { id: "have", label: "Have it", nodes: status.have },
    { id: "behind", label: "Behind and connected", nodes: behind > 0n ? behind : 0n },
    { id: "offline", label: "Behind and offline", nodes: status.offline },
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

export function distanceWords(sequence: bigint, acknowledged: bigint): string {
  if (acknowledged === 0n) return "has nothing yet";
  const distance = sequence - acknowledged;
  if (distance <= 0n) return "at the newest change";
  return distance === 1n ? "1 change behind" : `${count(distance)} changes behind`;
}

export function syncCommand(kind: string, resource: string, node: string, quote: (word: string) => string): string {
  const about = resource ? ` ${kind === "variable_set" ? "--vars" : "--template"} ${quote(resource)}` : "";
  return `atoll sync status${about}${node ? ` --node ${quote(node)}` : ""}`;
}
