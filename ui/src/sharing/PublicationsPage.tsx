// Which resources go to which nodes, the highest priority first.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useCallback } from "react";

import { api } from "../api/client";
import type { Publication } from "../api/generated/atoll/v1/sharing_pb";
import { useList } from "../api/list";
import { useSearchChange } from "../shell/useSearchChange";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import type { Column } from "../ui/DataGrid";
import { Empty } from "../ui/feedback";
import { Labels } from "../ui/Labels";
import { ListView } from "../ui/ListView";
import { Page } from "../ui/Page";
import { PublicationForm } from "./publication/PublicationForm";
import { modeOf, selectorWords } from "./publication/wish";

const route = getRouteApi("/shell/publications");

const COLUMNS: readonly Column<Publication>[] = [
  { id: "name", header: "Name", width: "minmax(10rem, 1.5fr)", sortKey: "name", cell: (publication) => <PublicationLink name={publication.name} /> },
  { id: "whom", header: "To", width: "minmax(15rem, 2fr)", sortKey: "group", cell: (publication) => <Whom publication={publication} /> },
  { id: "priority", header: "Priority", width: "minmax(6rem, 0.5fr)", sortKey: "priority", cell: (publication) => publication.priority.toLocaleString("en") },
  {
    id: "mode",
    header: "Edits on nodes",
    width: "minmax(13rem, 1.2fr)",
    sortKey: "edit_mode",
    cell: (publication) => <Mode of={publication.editMode} />,
  },
  { id: "items", header: "Resources", width: "minmax(7rem, 0.5fr)", cell: (publication) => publication.items.length.toLocaleString("en") },
  { id: "nodes", header: "Nodes", width: "minmax(5rem, 0.5fr)", cell: (publication) => publication.nodes.toLocaleString("en") },
];

function PublicationLink({ name }: { name: string }) {
  return (
    <Link to="/publications/$name" params={{ name }} className="row-link" title={name}>
      <bdi>{name}</bdi>
    </Link>
  );
}

function Mode({ of }: { of: string }) {
  const mode = modeOf(of);
  return (
    <span title={mode.sentence}>
      {mode.label} <span className="dim">{mode.short}</span>
    </span>
  );
}

function Whom({ publication }: { publication: Publication }) {
  const labels = publication.selector?.labels ?? {};
  return (
    <>
      <bdi>{selectorWords(publication.selector)}</bdi> {Object.keys(labels).length > 0 ? <Labels of={labels} /> : null}
    </>
  );
}

export function PublicationsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const filter = search.filter ?? "";
  const order = search.order ?? "";
  const change = useSearchChange<typeof search>("/publications");
  const onFilter = useCallback((next: string) => change({ filter: next }), [change]);
  const list = useList(
    ["publications", "list"],
    { filter, order },
    (options, signal) => api.sharing.listPublications({ options }, { signal }),
    (page) => page.publications,
  );
  return (
    <Page
      title="Publications"
      lead="A publication delivers resources to a set of nodes. If two include the same resource, the higher priority wins."
      cli={`atoll publication list${filter ? ` --filter ${quote(filter)}` : ""}`}
      actions={
        <Button kind="primary" icon={Plus} onClick={() => change({ new: "1" })}>
          New publication
        </Button>
      }
    >
      <ListView
        what="publications"
        list={list}
        columns={COLUMNS}
        getId={(publication) => publication.id}
        getName={(publication) => publication.name}
        onOpen={(publication) => void navigate({ to: "/publications/$name", params: { name: publication.name } })}
        filter={filter}
        onFilter={onFilter}
        order={order}
        onOrder={(next) => change({ order: next })}
        facetLabels={{ edit_mode: "Edits", group: "Group" }}
        empty={
          <Empty
            title="Nothing is published yet"
            actions={
              <Button kind="primary" onClick={() => change({ new: "1" })}>
                Create the first publication
              </Button>
            }
          >
            A publication says which templates and variable sets go to which nodes, and what happens to edits made there. On the command line:{" "}
            <code>atoll publication set everywhere --all</code>
          </Empty>
        }
      />
      {search.new ? (
        <PublicationForm
          onClose={() => change({ new: "" })}
          onSaved={(publication) => void navigate({ to: "/publications/$name", params: { name: publication.name } })}
        />
      ) : null}
    </Page>
  );
}
