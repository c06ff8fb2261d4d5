// A list of resources of one kind.
import { useNavigate } from "@tanstack/react-router";
import { FileUp, Plus } from "lucide-react";
import { type ReactNode, useCallback } from "react";

import { api } from "../../api/client";
import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { useList } from "../../api/list";
import { useSearchChange } from "../../shell/useSearchChange";
import { Button } from "../../ui/Button";
import { quote } from "../../ui/copy";
import { ListView } from "../../ui/ListView";
import { Page } from "../../ui/Page";
import { columnsOf } from "./columns";
import { ImportDialog } from "./ImportDialog";
import { type Kind, pageOf } from "./kind";

type Search = { filter?: string; order?: string; new?: string };

type ResourceListProps = {
  kind: Kind;
  lead: string;
  search: Search;
  /** The dialog that makes a new one. */
  dialog: (onClose: () => void) => ReactNode;
  empty: (onNew: () => void, onImport: () => void) => ReactNode;
};

export function ResourceList({ kind, lead, search, dialog, empty }: ResourceListProps) {
  const navigate = useNavigate();
  const filter = search.filter ?? "";
  const change = useSearchChange<Search>(kind.list);
  const onFilter = useCallback((next: string) => change({ filter: next }), [change]);
  const list = useList(
    ["resources", kind.name],
    { filter, order: search.order },
    (options, signal) => api.sharing.listResources({ options: { ...options, filter: `kind=${kind.name} ${options.filter}`.trim() } }, { signal }),
    (page) => page.resources,
  );
  const onNew = () => change({ new: "1" });
  const onImport = () => change({ new: "import" });
  const onClose = () => change({ new: "" });
  return (
    <Page
      title={kind.title}
      lead={lead}
      cli={`atoll ${kind.command} list${filter ? ` --filter ${quote(filter)}` : ""}`}
      actions={
        <>
          <Button icon={FileUp} onClick={onImport}>
            Import
          </Button>
          <Button kind="primary" icon={Plus} onClick={onNew}>
            New {kind.noun}
          </Button>
        </>
      }
    >
      <ListView
        what={kind.nouns}
        list={list}
        columns={columnsOf(kind)}
        getId={(resource) => resource.id}
        getName={(resource: Resource) => resource.name}
        onOpen={(resource) => void navigate({ to: pageOf(kind), params: { name: resource.name } })}
        filter={filter}
        onFilter={onFilter}
        order={search.order ?? ""}
        onOrder={(order) => change({ order })}
        facetLabels={{ state: "State", has_draft: "Draft" }}
        empty={empty(onNew, onImport)}
      />
      {search.new === "import" ? <ImportDialog kind={kind} onClose={onClose} /> : search.new ? dialog(onClose) : null}
    </Page>
  );
}
