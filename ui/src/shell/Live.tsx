// How fresh the page is, in words.
import { Radio, RefreshCw, Unplug } from "lucide-react";

import { useLiveState } from "../live/live";

export function LiveIndicator() {
  const state = useLiveState();
  return (
    <span className="live" role="status" data-live={state.kind}>
      {state.kind === "live" ? <Radio size={15} aria-hidden /> : state.kind === "stale" ? <Unplug size={15} aria-hidden /> : <RefreshCw size={15} aria-hidden />}
      {words(state)}
    </span>
  );
}

function words(state: ReturnType<typeof useLiveState>): string {
  switch (state.kind) {
    case "live":
      return "Live";
    case "connecting":
      return "Connecting";
    case "reconnecting":
      return "Reconnecting";
    case "stale":
      return `Stale since ${new Date(state.since).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
    case "paused":
      return "Paused";
    case "signed-out":
      return "Signed out";
  }
}
