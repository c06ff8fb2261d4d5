// The fleet as rows: ten thousand of them as quickly as ten.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useCallback, useState } from "react";

import { api } from "../api/client";
import type { Node } from "../api/generated/atoll/v1/fleet_pb";
import { useList } from "../api/list";
import { useSearchChange } from "../shell/useSearchChange";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import type { Column } from "../ui/DataGrid";
import { Empty } from "../ui/feedback";
import { Labels } from "../ui/Labels";
import { ListView } from "../ui/ListView";
import { Page } from "../ui/Page";
import { State } from "../ui/state";
import { moment, Time } from "../ui/time";
import { BulkBar } from "./BulkBar";
import { ColumnsMenu, SavedViews } from "./NodesViews";

const route = getRouteApi("/shell/nodes");

export const NODE_COLUMNS: readonly Column<Node>[] = [
  { id: "name", header: "Name", width: "minmax(10rem, 2fr)", sortKey: "name", cell: (node) => <NodeLink name={node.name} /> },
  { id: "state", header: "State", width: "minmax(9rem, 1fr)", sortKey: "state", cell: (node) => <NodeState node={node} /> },
  { id: "sync", header: "Sync", width: "minmax(8rem, 1fr)", sortKey: "in_sync", cell: (node) => <State of={node.syncState || "unknown"} /> },
  { id: "group", header: "Group", width: "minmax(7rem, 1fr)", sortKey: "group", cell: (node) => <bdi>{node.group}</bdi> },
  { id: "version", header: "Version", width: "minmax(9rem, 1fr)", sortKey: "agent_version", cell: (node) => node.agentVersion || "not reported yet" },
  { id: "seen", header: "Last seen", width: "minmax(7rem, 0.8fr)", sortKey: "last_seen_ms", cell: (node) => <LastSeen node={node} /> },
  { id: "labels", header: "Labels", width: "minmax(9rem, 2fr)", cell: (node) => <Labels of={node.labels} /> },
];

export function NodeLink({ name }: { name: string }) {
  return (
    <Link to="/nodes/$node" params={{ node: name }} className="row-link" title={name}>
      <bdi>{name}</bdi>
    </Link>
  );
}

/** What was decided about a node, and beside it whether it is connected. */
export function NodeState({ node }: { node: Node }) {
  return (
    <span className="resource-acts">
      <State of={node.state} reason={node.stateReason} />
      {node.state === "cordoned" ? <State of={node.connected ? "online" : "offline"} /> : null}
    </span>
  );
}

/** A node that is connected is seen all the time; the moment is that of its last word. */
export function LastSeen({ node }: { node: Node }) {
  return node.connected ? <span title={moment(node.lastSeenMs)}>now</span> : <Time at={node.lastSeenMs} />;
}

export function NodesPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const filter = search.filter ?? "";
  const change = useSearchChange<typeof search>("/nodes");
  const onFilter = useCallback(
    (next: string) => {
      setSelected(new Set());
      change({ filter: next });
    },
    [change],
  );
  const list = useList(
    ["nodes", "list"],
    { filter, order: search.order },
    (options, signal) => api.fleet.listNodes({ options }, { signal }),
    (page) => page.nodes,
  );
  // Counted apart from the rows: they follow the fleet while the rows stay where they are.
  const counts = useQuery({
    queryKey: ["nodes", "facets", filter],
    queryFn: ({ signal }) => api.fleet.listNodes({ options: { filter, pageSize: 1 } }, { signal }),
    placeholderData: (before) => before,
  });
  const total = Number(counts.data?.summary?.total ?? list.total);
  const hidden = (search.hide ?? "").split(",");
  return (
    <Page
      title="Nodes"
      lead="The servers in your fleet. While disconnected, each keeps running what it has."
      cli={`atoll node list${filter ? ` --filter ${quote(filter)}` : ""}`}
      actions={
        <Button kind="primary" icon={Plus} onClick={() => void navigate({ to: "/enrol", search: { step: "new" } })}>
          Enroll a node
        </Button>
      }
    >
      <ListView
        what="nodes"
        list={{ ...list, total: list.hasMore ? total : list.total }}
        columns={NODE_COLUMNS}
        hidden={hidden}
        getId={(node) => node.id}
        getName={(node) => node.name}
        onOpen={(node) => void navigate({ to: "/nodes/$node", params: { node: node.name } })}
        filter={filter}
        onFilter={onFilter}
        order={search.order ?? ""}
        onOrder={(order) => change({ order })}
        facets={counts.data?.summary?.facets}
        facetLabels={{ state: "State", sync: "Sync", group: "Group", environment: "Environment", role: "Role" }}
        selection={{ ids: selected, onChange: setSelected }}
        aside={
          <>
            <SavedViews search={search} />
            <ColumnsMenu columns={NODE_COLUMNS} hidden={hidden} onChange={(hide) => change({ hide: hide.join(",") })} />
          </>
        }
        bar={
          <>
            {list.rows && total !== list.total ? (
              <div className="bulk" role="status">
                The list has changed: {total.toLocaleString("en")} nodes now.
                <Button size="xs" onClick={() => void list.refetch()}>
                  Refresh the list
                </Button>
              </div>
            ) : null}
            <BulkBar selected={selected} filter={filter} total={total} onClear={() => setSelected(new Set())} />
          </>
        }
        empty={
          <Empty
            title="No node has joined yet"
            actions={
              <Button kind="primary" onClick={() => void navigate({ to: "/enrol", search: { step: "new" } })}>
                Enroll the first node
              </Button>
            }
          >
            A node is a server that follows this manager. The wizard makes a join token and waits with you until the node has arrived.
            On the command line: <code>atoll enroll token create --group /</code>
          </Empty>
        }
      />
    </Page>
  );
}
