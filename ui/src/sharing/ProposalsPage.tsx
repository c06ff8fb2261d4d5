// What nodes changed and what is not everybody's: to take, to decline, or just to know of.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

import { api } from "../api/client";
import type { Proposal } from "../api/generated/atoll/v1/sharing_pb";
import { useList } from "../api/list";
import { NodeLink } from "../fleet/NodesPage";
import { useSearchChange } from "../shell/useSearchChange";
import { quote } from "../ui/copy";
import type { Column } from "../ui/DataGrid";
import { Empty } from "../ui/feedback";
import { ListView } from "../ui/ListView";
import { Page } from "../ui/Page";
import { State } from "../ui/state";
import { Time } from "../ui/time";
import { useCountRefresh } from "./conflict/useCountRefresh";
import { differenceCount } from "./proposal/words";
import { kindWord } from "./ResourceLink";

const route = getRouteApi("/shell/proposals");

const COLUMNS: readonly Column<Proposal>[] = [
  { id: "resource", header: "Resource", width: "minmax(12.5rem, 2fr)", sortKey: "resource", cell: (proposal) => <ProposalLink proposal={proposal} /> },
  { id: "kind", header: "Kind", width: "minmax(7rem, 0.7fr)", sortKey: "kind", cell: (proposal) => kindWord(proposal.resource?.kind ?? "") },
  { id: "node", header: "Node", width: "minmax(9rem, 1fr)", sortKey: "node", cell: (proposal) => <NodeLink name={proposal.node} /> },
  { id: "state", header: "State", width: "minmax(8rem, 0.8fr)", sortKey: "state", cell: (proposal) => <State of={proposal.state} /> },
  { id: "differs", header: "Differs in", width: "minmax(7rem, 0.6fr)", cell: (proposal) => differenceCount(proposal.differences.length) },
  { id: "by", header: "Reported author", width: "minmax(9.5rem, 1fr)", cell: (proposal) => <bdi title={proposal.revision?.author ?? ""}>{proposal.revision?.author ?? ""}</bdi> },
  { id: "since", header: "Since", width: "minmax(8rem, 0.8fr)", sortKey: "since_ms", cell: (proposal) => <Time at={proposal.sinceMs} /> },
];

function ProposalLink({ proposal }: { proposal: Proposal }) {
  const name = proposal.resource?.name ?? proposal.id;
  return (
    <Link to="/proposals/$id" params={{ id: proposal.id }} className="row-link" title={name}>
      <bdi>{name}</bdi>
    </Link>
  );
}

export function ProposalsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const filter = search.filter ?? "";
  const order = search.order ?? "";
  const change = useSearchChange<typeof search>("/proposals");
  const onFilter = useCallback((next: string) => change({ filter: next }), [change]);
  const list = useList(
    ["proposals", "list"],
    { filter, order },
    (options, signal) => api.sharing.listProposals({ options }, { signal }),
    (page) => page.proposals,
  );
  useCountRefresh("proposals", (status) => status.proposalsOpen);
  return (
    <Page
      title="Proposals"
      lead="Edits made on nodes. They run there; other nodes get them once you accept and release them."
      cli={`atoll proposal list${filter ? ` --filter ${quote(filter)}` : ""}`}
    >
      <ListView
        what="proposals"
        list={list}
        columns={COLUMNS}
        getId={(proposal) => proposal.id}
        getName={(proposal) => `${proposal.resource?.name ?? proposal.id} on ${proposal.node}`}
        onOpen={(proposal) => void navigate({ to: "/proposals/$id", params: { id: proposal.id } })}
        filter={filter}
        onFilter={onFilter}
        order={order}
        onOrder={(next) => change({ order: next })}
        facetLabels={{ state: "State", node: "Node" }}
        empty={
          <Empty title="No proposals">
            When somebody edits a template or a variable set on a node, the edit runs there at once and is shown here, place by place. On the
            command line: <code>atoll proposal list</code>
          </Empty>
        }
      />
    </Page>
  );
}
