// The columns of a list of resources.
import { Link } from "@tanstack/react-router";

import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import type { Column } from "../../ui/DataGrid";
import { State } from "../../ui/state";
import { Time } from "../../ui/time";
import { type Kind, pageOf, TEMPLATE, VARIABLE_SET } from "./kind";

export function columnsOf(kind: Kind): readonly Column<Resource>[] {
  return kind.name === "step_template" ? TEMPLATE_COLUMNS : SET_COLUMNS;
}

function make(to: "/templates/$name" | "/variable-sets/$name"): readonly Column<Resource>[] {
  return [
    {
      id: "name",
      header: "Name",
      width: "minmax(12rem, 2.5fr)",
      sortKey: "name",
      cell: (resource) => (
        <Link to={to} params={{ name: resource.name }} className="row-link" title={resource.name}>
          <bdi>{resource.name}</bdi>
        </Link>
      ),
    },
    { id: "state", header: "State", width: "minmax(8rem, 0.8fr)", sortKey: "state", cell: (resource) => <ResourceState resource={resource} /> },
    { id: "version", header: "Latest version", width: "minmax(9.5rem, 0.7fr)", sortKey: "version", cell: (resource) => resource.version || "not published" },
    {
      id: "draft",
      header: "Draft",
      width: "minmax(6.5rem, 0.6fr)",
      sortKey: "has_draft",
      cell: (resource) => (resource.hasDraft ? <State of="draft" reason="The newest revision is not released yet." /> : <span className="resource-dim">none</span>),
    },
    { id: "publications", header: "Publications", width: "minmax(8.5rem, 1.2fr)", sortKey: "publication", cell: (resource) => <Publications of={resource.publications} /> },
    { id: "changed", header: "Changed", width: "minmax(8rem, 0.8fr)", sortKey: "changed_ms", cell: (resource) => <Time at={resource.changedMs} /> },
    { id: "by", header: "By", width: "minmax(6.5rem, 0.8fr)", sortKey: "changed_by", cell: (resource) => <bdi title={resource.changedBy}>{resource.changedBy}</bdi> },
  ];
}

/** The state; an open question leads to where it is answered. */
function ResourceState({ resource }: { resource: Resource }) {
  if (resource.openConflicts === 0) return <State of={resource.state} />;
  return (
    <Link to="/conflicts" search={{ filter: `resource=${resource.id}` }} className="row-link">
      <State of="conflict" reason={conflictsWords(resource.openConflicts)} />
      <span className="visually-hidden">: {conflictsWords(resource.openConflicts)}</span>
    </Link>
  );
}

export function conflictsWords(count: number): string {
  return count === 1 ? "1 open conflict" : `${count.toLocaleString("en")} open conflicts`;
}

function Publications({ of }: { of: readonly string[] }) {
  if (of.length === 0) return <span className="resource-dim">none</span>;
  return <bdi title={of.join(", ")}>{of.join(", ")}</bdi>;
}

const TEMPLATE_COLUMNS = make(pageOf(TEMPLATE));
const SET_COLUMNS = make(pageOf(VARIABLE_SET));
