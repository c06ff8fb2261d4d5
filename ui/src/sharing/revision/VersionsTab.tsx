// The history of a resource: who made what from what, which of it was released, and what differs between any two.
import { Eye, RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";

import { api } from "../../api/client";
import type { Resource, Revision } from "../../api/generated/atoll/v1/sharing_pb";
import { useList } from "../../api/list";
import { Button, IconButton } from "../../ui/Button";
import { Copyable } from "../../ui/copy";
import type { Column } from "../../ui/DataGrid";
import { Empty } from "../../ui/feedback";
import { ListView } from "../../ui/ListView";
import { Time } from "../../ui/time";
import { GridPlace } from "../resource/GridPlace";
import { type Kind, shortId } from "../resource/kind";
import { Comparison } from "./Comparison";
import { childrenFirst, graphOf } from "./graph";
import { graphWidthPx, HistoryGraph } from "./HistoryGraph";
import { RestoreDialog } from "./RestoreDialog";
import { chosen, inOrder, madeBy, madeByShort, madeFrom, originLabel } from "./words";

const ROW_PX = 40;

export type VersionsSearch = { filter?: string | undefined; from?: string | undefined; to?: string | undefined };

type VersionsProps = {
  kind: Kind;
  resource: Resource;
  search: VersionsSearch;
  onSearch: (next: VersionsSearch) => void;
  /** Shows the content of a revision. */
  onShow: (revision: string) => void;
};

export function VersionsTab({ kind, resource, search, onSearch, onShow }: VersionsProps) {
  const [restoring, setRestoring] = useState<Revision>();
  const filter = search.filter ?? "";
  const list = useList(
    ["resource", "revisions", kind.name, resource.id],
    { filter },
    (options, signal) => api.sharing.listRevisions({ kind: kind.name, resource: resource.id, options }, { signal }),
    (page) => page.revisions,
  );
  const rows = useMemo(() => list.rows && childrenFirst(list.rows), [list.rows]);
  const picked = [search.from, search.to].filter((id) => id !== undefined);
  const columns = useColumns(rows, filter === "", resource, onShow, setRestoring);
  const compare = (ids: readonly string[]) => {
    const [from, to] = inOrder(ids, list.rows ?? []);
    onSearch({ ...search, from, to });
  };
  const [from, to] = [search.from, search.to];
  return (
    <GridPlace rows={list.rows?.length ?? 0}>
      <ListView
        what="revisions"
        list={{ ...list, rows }}
        columns={columns}
        getId={(revision) => revision.id}
        getName={(revision) => `revision ${shortId(revision.id)} by ${madeBy(revision)}`}
        onOpen={(revision) => onShow(revision.id)}
        filter={filter}
        onFilter={(next) => onSearch({ ...search, filter: next })}
        facetLabels={{ origin: "Origin", author: "Author", node: "Node" }}
        selection={{ ids: new Set(picked), onChange: (ids) => compare(chosen(picked, ids)) }}
        bar={<CompareBar resource={resource} picked={picked} onCompare={compare} />}
        empty={<Empty title="No revision yet">The first save writes the first one.</Empty>}
      />
      {from && to ? <Comparison kind={kind} resource={resource} from={from} to={to} /> : null}
      {restoring ? <RestoreDialog kind={kind} resource={resource} revision={restoring} onClose={() => setRestoring(undefined)} /> : null}
    </GridPlace>
  );
}

type BarProps = { resource: Resource; picked: readonly string[]; onCompare: (ids: readonly string[]) => void };

function CompareBar({ resource, picked, onCompare }: BarProps) {
  const head = resource.heads[0];
  return (
    <div className="bulk" role="status">
      {picked.length === 2
        ? "The two selected revisions are compared below the list."
        : picked.length === 1
          ? "Select one more revision to compare it with."
          : "Select any two revisions to compare them."}
      {resource.hasDraft && resource.releasedRevision && head ? (
        <Button size="xs" onClick={() => onCompare([resource.releasedRevision, head])}>
          Compare the draft with {resource.version}
        </Button>
      ) : null}
      {picked.length > 0 ? (
        <Button size="xs" onClick={() => onCompare([])}>
          Clear the selection
        </Button>
      ) : null}
    </div>
  );
}

function useColumns(
  rows: readonly Revision[] | undefined,
  isWhole: boolean,
  resource: Resource,
  onShow: (revision: string) => void,
  onRestore: (revision: Revision) => void,
): Column<Revision>[] {
  return useMemo(() => {
    const revisions = rows ?? [];
    const known = new Map(revisions.map((revision) => [revision.id, revision]));
    // With a filter revisions are missing, and lines would lead nowhere.
    const graph = isWhole ? graphOf(revisions) : [];
    const places = new Map(revisions.map((revision, index) => [revision.id, graph[index]]));
    const widthPx = graphWidthPx(graph);
    const drawn: Column<Revision> = {
      id: "graph",
      header: "Graph",
      width: `${Math.max(widthPx + 24, 76) / 16}rem`,
      cell: (revision) => {
        const row = places.get(revision.id);
        return row ? (
          <HistoryGraph row={row} widthPx={widthPx} heightPx={ROW_PX} isMerge={revision.parents.length > 1} isRelease={revision.versions.length > 0} />
        ) : null;
      },
    };
    return [...(isWhole ? [drawn] : []), ...wordColumns(known, resource, onShow, onRestore)];
  }, [rows, isWhole, resource, onShow, onRestore]);
}

function wordColumns(
  known: ReadonlyMap<string, Revision>,
  resource: Resource,
  onShow: (revision: string) => void,
  onRestore: (revision: Revision) => void,
): Column<Revision>[] {
  return [
    { id: "revision", header: "Revision", width: "7rem", cell: (revision) => <Copyable text={revision.id} shown={shortId(revision.id)} /> },
    { id: "release", header: "Release", width: "5.5rem", cell: (revision) => <Release revision={revision} resource={resource} /> },
    { id: "origin", header: "What", width: "8.5rem", cell: (revision) => originLabel(revision.origin) },
    { id: "author", header: "By", width: "minmax(7rem, 1.5fr)", cell: (revision) => <bdi title={madeBy(revision)}>{madeByShort(revision)}</bdi> },
    { id: "at", header: "When", width: "8rem", cell: (revision) => <Time at={revision.atMs} /> },
    {
      id: "message",
      header: "Message",
      width: "minmax(6rem, 1.5fr)",
      cell: (revision) => (revision.message ? <bdi title={revision.message}>{revision.message}</bdi> : <span className="resource-dim">none</span>),
    },
    {
      id: "parents",
      header: "Parents",
      width: "minmax(6.75rem, 1.5fr)",
      cell: (revision) => <bdi title={madeFrom(revision, known)}>{madeFrom(revision, known)}</bdi>,
    },
    {
      id: "acts",
      header: "Actions",
      width: "5.5rem",
      cell: (revision) => (
        <span className="resource-acts">
          <IconButton
            label={`Show revision ${shortId(revision.id)}`}
            icon={Eye}
            disabledReason={revision.tombstone ? "A deletion has no content" : undefined}
            onClick={() => onShow(revision.id)}
          />
          <IconButton
            label={`Restore revision ${shortId(revision.id)}`}
            icon={RotateCcw}
            disabledReason={restoreReason(revision, resource)}
            onClick={() => onRestore(revision)}
          />
        </span>
      ),
    },
  ];
}

function Release({ revision, resource }: { revision: Revision; resource: Resource }) {
  if (revision.versions.length > 0) {
    return <strong>{revision.versions.join(", ")}</strong>;
  }
  return resource.heads.includes(revision.id) ? "newest" : <span className="resource-dim">none</span>;
}

function restoreReason(revision: Revision, resource: Resource): string | undefined {
  if (revision.tombstone) return "A deletion has no content to restore";
  const isNewest = resource.heads.length === 1 && resource.heads[0] === revision.id;
  return isNewest ? "This is the newest revision already" : undefined;
}
