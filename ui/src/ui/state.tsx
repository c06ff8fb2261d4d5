// Every state of the product once: its word, its picture and its colour. Never colour alone.
import { Badge, Tooltip } from "@mantine/core";
import {
  CircleCheck,
  CircleDashed,
  CircleHelp,
  CircleMinus,
  CircleX,
  Clock,
  GitFork,
  GitPullRequest,
  PauseCircle,
  Pin,
  PlugZap,
  Split,
  Unplug,
} from "lucide-react";

import type { Icon } from "./Button";

type Look = { label: string; icon: Icon; color: string };

const LOOKS: Record<string, Look> = {
  online: { label: "Online", icon: PlugZap, color: "teal" },
  offline: { label: "Offline", icon: Unplug, color: "orange" },
  never_connected: { label: "Never connected", icon: CircleDashed, color: "gray" },
  cordoned: { label: "Cordoned", icon: PauseCircle, color: "yellow" },
  removed: { label: "Removed", icon: CircleMinus, color: "gray" },
  in_sync: { label: "In sync", icon: CircleCheck, color: "teal" },
  incomplete: { label: "Value missing", icon: CircleX, color: "red" },
  drift: { label: "Drifted", icon: CircleX, color: "red" },
  unknown: { label: "Unknown", icon: CircleHelp, color: "gray" },
  pinned: { label: "Pinned to another release", icon: Pin, color: "gray" },
  behind: { label: "Behind", icon: Clock, color: "orange" },
  ok: { label: "OK", icon: CircleCheck, color: "teal" },
  draft: { label: "Draft", icon: CircleDashed, color: "yellow" },
  conflict: { label: "Conflict", icon: Split, color: "red" },
  pending_delete: { label: "Being deleted", icon: CircleMinus, color: "gray" },
  deleted: { label: "Deleted", icon: CircleMinus, color: "gray" },
  proposed: { label: "Proposed", icon: GitPullRequest, color: "blue" },
  forked: { label: "Forked", icon: GitFork, color: "grape" },
  declined: { label: "Declined", icon: CircleX, color: "gray" },
  accepted: { label: "Accepted", icon: CircleCheck, color: "teal" },
  unreleased: { label: "Not released yet", icon: CircleDashed, color: "gray" },
  released: { label: "Released", icon: CircleCheck, color: "teal" },
  unapplied: { label: "Not running", icon: PauseCircle, color: "yellow" },
  rejected: { label: "Rejected", icon: CircleX, color: "red" },
  unconfirmed: { label: "Unconfirmed", icon: CircleHelp, color: "yellow" },
  open: { label: "Open", icon: Split, color: "red" },
  resolved: { label: "Resolved", icon: CircleCheck, color: "teal" },
  revoked: { label: "Revoked", icon: CircleX, color: "gray" },
  expired: { label: "Expired", icon: Clock, color: "gray" },
  used_up: { label: "Used up", icon: CircleCheck, color: "gray" },
  valid: { label: "Valid", icon: CircleCheck, color: "teal" },
  joined: { label: "Joined", icon: CircleCheck, color: "teal" },
  refused: { label: "Refused", icon: CircleX, color: "red" },
  value: { label: "Value", icon: CircleCheck, color: "teal" },
  absent: { label: "Absent", icon: CircleMinus, color: "gray" },
  required_missing: { label: "Required value missing", icon: CircleX, color: "red" },
  withheld: { label: "Withheld, node not confirmed", icon: CircleX, color: "red" },
  apply_failed: { label: "Failed to apply", icon: CircleX, color: "red" },
  edit_refused: { label: "Edit not taken", icon: CircleX, color: "red" },
  rejected_report: { label: "Report rejected", icon: CircleX, color: "red" },
  file_elsewhere: { label: "File elsewhere", icon: CircleX, color: "orange" },
  name_collision: { label: "Name taken", icon: CircleX, color: "orange" },
  cloned: { label: "Copied", icon: CircleX, color: "red" },
  bad_sealing_key: { label: "Unusable key", icon: CircleX, color: "red" },
  ambiguous: { label: "Ambiguous", icon: Split, color: "red" },
};

export function stateLabel(state: string): string {
  const key = state.toLowerCase();
  return LOOKS[key]?.label ?? (key.charAt(0).toUpperCase() + key.slice(1)).replaceAll("_", " ");
}

/** A state as picture and word; the reason, if there is one, on hover and focus. */
export function State({ of, reason }: { of: string; reason?: string | undefined }) {
  const look = LOOKS[of.toLowerCase()] ?? { label: stateLabel(of), icon: CircleHelp, color: "gray" };
  const Glyph = look.icon;
  const badge = (
    <Badge className="state" title={reason ? undefined : look.label} variant="light" color={look.color} tt="none" fw={500} leftSection={<Glyph size={13} aria-hidden />}>
      {look.label}
    </Badge>
  );
  return reason ? (
    <Tooltip label={reason} multiline maw={360} events={{ hover: true, focus: true, touch: true }}>
      <span>{badge}</span>
    </Tooltip>
  ) : (
    badge
  );
}
