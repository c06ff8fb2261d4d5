// What tabs and the shared worker say to each other.
import type { AuditEvent } from "../api/generated/atoll/v1/audit_pb";
import type { Node } from "../api/generated/atoll/v1/fleet_pb";
import type { GetStatusResponse } from "../api/generated/atoll/v1/telemetry_pb";

/** How fresh what is shown is. */
export type LiveState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** Cut off for a moment; what is shown is as of `since`. */
  | { kind: "reconnecting"; since: number }
  /** Cut off for longer than a glance. */
  | { kind: "stale"; since: number }
  /** Closed because no tab is looked at. */
  | { kind: "paused" }
  /** The manager no longer knows this browser. */
  | { kind: "signed-out" };

export type News = {
  events: AuditEvent[];
  nodes: Node[];
  incomplete: boolean;
  status?: GetStatusResponse | undefined;
  /** The manager's clock when it spoke, in milliseconds since 1970. */
  managerNowMs: number;
};

export type ToTab = { kind: "state"; state: LiveState } | { kind: "news"; news: News } | { kind: "caught-up" };

export type ToWorker = { kind: "visible" } | { kind: "hidden" } | { kind: "bye" } | { kind: "signed-in" };
