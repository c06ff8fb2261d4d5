// Which nodes have a resource, at which version, and how far each of them is.
import { Link } from "@tanstack/react-router";

import { api } from "../../api/client";
import type { Resource, Usage } from "../../api/generated/atoll/v1/sharing_pb";
import { useList } from "../../api/list";
import type { Column } from "../../ui/DataGrid";
import { Empty } from "../../ui/feedback";
import { ListView } from "../../ui/ListView";
import { State } from "../../ui/state";
import { Time } from "../../ui/time";
import { GridPlace } from "./GridPlace";
import type { Kind } from "./kind";

const columns = (isDeleted: boolean): readonly Column<Usage>[] => [
  {
    id: "node",
    header: "Node",
    width: "minmax(12rem, 2fr)",
    sortKey: "node",
    cell: (usage) => (
      <Link to="/nodes/$node" params={{ node: usage.node }} className="row-link" title={usage.node}>
        <bdi>{usage.node}</bdi>
      </Link>
    ),
  },
  { id: "state", header: "State", width: "minmax(8rem, 1fr)", sortKey: "state", cell: (usage) => <State of={usage.state} /> },
  {
    id: "version",
    header: "Version",
    width: "minmax(9rem, 1fr)",
    sortKey: "version",
    cell: (usage) => (usage.version === "" ? (isDeleted ? "none: it is deleted" : "not released yet") : usage.newest ? `${usage.version}, the newest` : `${usage.version}, older`),
  },
  { id: "policy", header: "Policy", width: "minmax(9rem, 1fr)", cell: (usage) => (usage.policy === "pin" ? "Pinned to this version" : "Follows the latest") },
  {
    id: "publication",
    header: "Publication",
    width: "minmax(9rem, 1fr)",
    sortKey: "publication",
    cell: (usage) => (
      <Link to="/publications/$name" params={{ name: usage.publication }} className="row-link" title={usage.publication}>
        <bdi>{usage.publication}</bdi>
      </Link>
    ),
  },
  { id: "group", header: "Group", width: "minmax(8rem, 1fr)", sortKey: "group", cell: (usage) => <bdi>{usage.group}</bdi> },
  { id: "seen", header: "Last seen", width: "minmax(8rem, 1fr)", cell: (usage) => <Time at={usage.lastSeenMs} /> },
];

type UsagesProps = {
  kind: Kind;
  resource: Resource;
  filter: string;
  order: string;
  onFilter: (filter: string) => void;
  onOrder: (order: string) => void;
};

export function UsagesTab({ kind, resource, filter, order, onFilter, onOrder }: UsagesProps) {
  const list = useList(
    ["usages", kind.name, resource.id],
    { filter, order },
    (options, signal) => api.sharing.listUsages({ kind: kind.name, resource: resource.id, options }, { signal }),
    (page) => page.usages,
  );
  return (
    <GridPlace rows={list.rows?.length ?? 0}>
      <ListView
        what="usages"
        list={list}
        columns={columns(resource.state === "deleted")}
        getId={(usage) => usage.node}
        getName={(usage) => usage.node}
        filter={filter}
        onFilter={onFilter}
        order={order}
        onOrder={onOrder}
        facetLabels={{ state: "State", version: "Version", publication: "Publication", group: "Group" }}
        empty={
          <Empty title="No node gets it yet">
            A {kind.noun} reaches nodes through a publication, which says which nodes get which resources. On the command line:{" "}
            <code>
              atoll publication set NAME --group / --{kind.command} {"NAME"}
            </code>
          </Empty>
        }
      />
    </GridPlace>
  );
}
