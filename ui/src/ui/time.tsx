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

/** The moment in words that hold anywhere: with date, seconds and zone. */
export function moment(atMs: bigint | number): string {
  const date = new Date(Number(atMs));
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
  const atMs = Number(at);
  if (atMs <= 0) return <span>{never}</span>;
  const exact = moment(atMs);
  return (
    <Tooltip label={exact} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={new Date(atMs).toISOString()} title={exact}>
        {ago(atMs, managerNow())}
      </time>
    </Tooltip>
  );
}
