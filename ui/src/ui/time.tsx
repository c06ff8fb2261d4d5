// Times: how long ago, with the exact moment on hover and focus.
import { Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";

import { clockTick, managerNow, subscribeClock } from "../live/clock";

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export type Zone = "local" | "utc";

export function timeZone(): Zone {
  return localStorage.getItem("atoll.zone") === "utc" ? "utc" : "local";
}

/** The end of the year 9999: a clock that says more is wrong, and no date can show it. */
const LAST_MS = 253_402_300_799_999;

function dateOf(atMs: bigint | number): Date {
  return new Date(Math.min(Math.max(Number(atMs), 0), LAST_MS));
}

/** The moment in words that hold anywhere: with date, seconds and zone. */
export function moment(atMs: bigint | number): string {
  const date = dateOf(atMs);
  if (timeZone() === "utc") return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
}

export function ago(atMs: number, nowMs: number): string {
  const distanceMs = atMs - nowMs;
  for (const [unit, lengthMs] of UNITS) {
    if (Math.abs(distanceMs) >= lengthMs) return relative.format(Math.trunc(distanceMs / lengthMs), unit);
  }
  return distanceMs > 5_000 ? "in a moment" : "just now";
}

export function Time({ at, never = "never" }: { at: bigint | number; never?: string }) {
  useSyncExternalStore(subscribeClock, clockTick);
  const atMs = Math.min(Number(at), LAST_MS);
  if (atMs <= 0) return <span>{never}</span>;
  const exact = moment(atMs);
  return (
    <Tooltip label={exact} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={dateOf(atMs).toISOString()} title={exact}>
        {ago(atMs, managerNow())}
      </time>
    </Tooltip>
  );
}
