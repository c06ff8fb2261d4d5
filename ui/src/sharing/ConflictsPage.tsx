// What waits for a person to decide, the oldest first.
import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

import { api } from "../api/client";
import type { Conflict } from "../api/generated/atoll/v1/sharing_pb";
import { useList } from "../api/list";
import { NodeLink } from "../fleet/NodesPage";
import { quote } from "../ui/copy";
import type { Column } from "../ui/DataGrid";
import { Empty } from "../ui/feedback";
import { Segments } from "../ui/fields";
import { hasTerm, toggleTerm } from "../ui/FilterBar";
import { ListView } from "../ui/ListView";
import { Page } from "../ui/Page";
import { Time } from "../ui/time";
import { authors } from "./conflict/sides";
import { useCountRefresh } from "./conflict/useCountRefresh";
import { kindWord } from "./ResourceLink";

const route = getRouteApi("/shell/conflicts");
const RESOLVED = "state=resolved";

const COLUMNS: readonly Column<Conflict>[] = [
  { id: "resource", header: "Resource", width: "minmax(13rem, 2fr)", sortKey: "resource", cell: (conflict) => <ConflictLink conflict={conflict} /> },
  { id: "kind", header: "Kind", width: "minmax(7rem, 0.7fr)", sortKey: "kind", cell: (conflict) => kindWord(conflict.resource?.kind ?? "") },
  {
    id: "node",
    header: "Node",
    width: "minmax(9rem, 1fr)",
    sortKey: "node",
    cell: (conflict) => (conflict.node ? <NodeLink name={conflict.node} /> : <span className="dim" title="Between administrators">none</span>),
  },
  { id: "places", header: "Open places", width: "minmax(8.5rem, 0.6fr)", cell: (conflict) => (conflict.places.length > 0 ? conflict.places.length : "none") },
  { id: "who", header: "Who", width: "minmax(15rem, 2fr)", cell: (conflict) => <bdi title={authors(conflict)}>{authors(conflict)}</bdi> },
  { id: "opened", header: "Opened", width: "minmax(8rem, 0.8fr)", sortKey: "opened_ms", cell: (conflict) => <Time at={conflict.openedMs} /> },
];

function ConflictLink({ conflict }: { conflict: Conflict }) {
  const name = conflict.resource?.name ?? conflict.id;
  return (
    <Link to="/conflicts/$id" params={{ id: conflict.id }} className="row-link" title={name}>
      <bdi>{name}</bdi>
    </Link>
  );
}

export function ConflictsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const filter = search.filter ?? "";
  const order = search.order ?? "";
  const change = useCallback(
    (next: Partial<typeof search>) =>
      void navigate({
        to: "/conflicts",
        search: (before) => Object.fromEntries(Object.entries({ ...before, ...next }).filter(([, value]) => value !== "")),
        replace: true,
      }),
    [navigate],
  );
  const onFilter = useCallback((next: string) => change({ filter: next }), [change]);
  const list = useList(
    ["conflicts", "list"],
    { filter, order },
    (options, signal) => api.sharing.listConflicts({ options }, { signal }),
    (page) => page.conflicts,
  );
  useCountRefresh("conflicts", (status) => status.conflictsOpen);
  const checkedAt = queries.getQueryState(["conflicts", "list", filter, order])?.dataUpdatedAt ?? 0;
  return (
    <Page
      title="Conflicts"
      lead="Edits that could not be merged automatically. Each needs one decision."
      cli={`atoll conflict list${filter ? ` --filter ${quote(filter)}` : ""}`}
    >
      <ListView
        what="conflicts"
        list={list}
        columns={COLUMNS}
        getId={(conflict) => conflict.id}
        getName={(conflict) => conflict.resource?.name ?? conflict.id}
        onOpen={(conflict) => void navigate({ to: "/conflicts/$id", params: { id: conflict.id } })}
        filter={filter}
        onFilter={onFilter}
        order={order}
        onOrder={(next) => change({ order: next })}
        facetLabels={{ node: "Node" }}
        aside={
          <Segments
            label="Which conflicts"
            value={hasTerm(filter, RESOLVED) ? "resolved" : "open"}
            onChange={(next) => onFilter((next === "resolved") === hasTerm(filter, RESOLVED) ? filter : toggleTerm(filter, RESOLVED))}
            choices={[
              { value: "open", label: "Open" },
              { value: "resolved", label: "Resolved" },
            ]}
          />
        }
        empty={
          <Empty title="No open conflict">
            No edit waits for a decision. Last checked <Time at={checkedAt} never="just now" />; new conflicts appear here automatically. One
            arises where the same place was changed on a node and here, or by two people at once. On the command line:{" "}
            <code>atoll conflict list</code>
          </Empty>
        }
      />
    </Page>
  );
}
