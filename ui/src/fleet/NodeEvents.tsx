// Everything that happened to and on a node, in one row of time.
import { useNavigate } from "@tanstack/react-router";

import { api } from "../api/client";
import type { NodeEvent } from "../api/generated/atoll/v1/fleet_pb";
import { useList } from "../api/list";
import { actionWords } from "../audit/words";
import type { Column } from "../ui/DataGrid";
import { Empty } from "../ui/feedback";
import { ListView } from "../ui/ListView";
import { Time } from "../ui/time";

const SOURCES: Record<string, string> = {
  connection: "Connection",
  administrator: "Administrator",
  node: "Node",
  sharing: "Sharing",
};

const COLUMNS: readonly Column<NodeEvent>[] = [
  { id: "at", header: "When", width: "minmax(8rem, 0.7fr)", cell: (event) => <Time at={event.atMs} /> },
  { id: "source", header: "Source", width: "minmax(8rem, 0.7fr)", cell: (event) => SOURCES[event.source] ?? event.source },
  { id: "action", header: "What", width: "minmax(10rem, 1fr)", cell: (event) => eventWords(event.action) },
  { id: "actor", header: "Who", width: "minmax(8rem, 0.7fr)", cell: (event) => <bdi>{event.actor || "–"}</bdi> },
  { id: "text", header: "Details", width: "minmax(16rem, 3fr)", cell: (event) => <span title={event.text}>{event.text}</span> },
];

/** Acts have their words in the audit record; the rest is a word already. */
function eventWords(action: string): string {
  const words = actionWords(action).toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function NodeEvents({ node, filter }: { node: string; filter: string }) {
  const navigate = useNavigate();
  const list = useList(
    ["node", node, "events"],
    { filter },
    (options, signal) => api.fleet.listNodeEvents({ node, options }, { signal }),
    (page) => page.events,
  );
  return (
    <ListView
      what="events"
      list={list}
      columns={COLUMNS}
      getId={(event) => `${event.atMs} ${event.source} ${event.action} ${event.text}`}
      getName={(event) => eventWords(event.action)}
      filter={filter}
      onFilter={(next) =>
        void navigate({ to: "/nodes/$node", params: { node }, search: { tab: "events", ...(next ? { filter: next } : {}) }, replace: true })
      }
      facetLabels={{ source: "Source" }}
      empty={<Empty title="No events yet">Connections, administrator actions, edits and decisions on them appear here.</Empty>}
    />
  );
}
