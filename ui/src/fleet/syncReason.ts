// What a node's sync state means, in a sentence.
import type { Node, NodeException } from "../api/generated/atoll/v1/fleet_pb";

type Seen = Pick<Node, "inSync" | "syncState" | "state" | "connected">;

const FAILED = "APPLY_FAILED";

/** What a node that is not connected proved last may not hold any more; what it lacks or failed at, it still does as far as is known. */
export function syncReason(node: Seen, exceptions: Pick<NodeException, "code">[]): string {
  if (node.inSync && !node.connected) return "When last seen, it had proved that it runs the expected configuration.";
  if (node.inSync) return "It has proved that it runs the expected configuration.";
  if (node.syncState === "incomplete") return "It runs what it should, but lacks a value. See below.";
  if (node.syncState === "drift") return "It has drifted: it runs something other than what it should. See below.";
  if (node.syncState === "unknown") return "Its agent does not report what it runs.";
  if (node.state === "never_connected") return "It has not connected yet.";
  if (node.state === "cordoned") return "New content is held back while it is cordoned.";
  if (exceptions.some((exception) => exception.code === FAILED)) return "It failed to apply something. See below.";
  if (node.state === "offline") return "It catches up when it reconnects.";
  return "It is receiving or applying what it should have.";
}
