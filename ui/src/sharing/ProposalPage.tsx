// One edit that a node made: what it changes, and the decision about it.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";

import type { Proposal } from "../api/generated/atoll/v1/sharing_pb";
import { NodeLink } from "../fleet/NodesPage";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import { Differences } from "../ui/Diff";
import { Answer, Empty, Note } from "../ui/feedback";
import { Page, Section } from "../ui/Page";
import { State } from "../ui/state";
import { Time } from "../ui/time";
import { useCountRefresh } from "./conflict/useCountRefresh";
import { DecideDialog, type Decision } from "./proposal/DecideDialog";
import { findProposal } from "./proposal/read";
import { stateWords, whyNotDecided } from "./proposal/words";
import { pageOf } from "./resource/kind";
import { kindOf, kindWord, ResourceLink } from "./ResourceLink";

const route = getRouteApi("/shell/proposals/$id");

export function ProposalPage() {
  const { id } = route.useParams();
  const [decision, setDecision] = useState<Decision>();
  const asked = useQuery({ queryKey: ["proposals", "one", id], queryFn: ({ signal }) => findProposal(id, signal) });
  useCountRefresh("proposals", (status) => status.proposalsOpen);
  const proposal = asked.data ?? undefined;
  return (
    <Page
      title={proposal ? `${proposal.resource?.name ?? "Edit"} on ${proposal.node}` : "Proposal"}
      crumbs={[{ label: "Proposals", to: "/proposals" }]}
      aside={proposal ? <State of={proposal.state} /> : null}
      cli={`atoll proposal show ${quote(id)}`}
      lead={proposal ? stateWords(proposal) : undefined}
      actions={proposal ? <Acts proposal={proposal} onDecide={setDecision} /> : null}
    >
      <Answer of={asked} what="the proposal">
        {(found) =>
          found ? (
            <Shown proposal={found} />
          ) : (
            <Empty title="There is no such proposal">It may already be part of the shared resource, whose history shows every edit.</Empty>
          )
        }
      </Answer>
      {decision && proposal ? <DecideDialog proposal={proposal} decision={decision} onClose={() => setDecision(undefined)} /> : null}
    </Page>
  );
}

function Acts({ proposal, onDecide }: { proposal: Proposal; onDecide: (decision: Decision) => void }) {
  const whyNot = whyNotDecided(proposal);
  const inTheWay = proposal.conflictId ? "Resolve the conflict first; that also decides the edit" : undefined;
  return (
    <>
      <Button disabledReason={whyNot} onClick={() => onDecide("decline")}>
        Decline
      </Button>
      <Button kind="primary" disabledReason={whyNot ?? inTheWay} onClick={() => onDecide("accept")}>
        Accept
      </Button>
    </>
  );
}

function Shown({ proposal }: { proposal: Proposal }) {
  const { revision, resource } = proposal;
  return (
    <>
      {proposal.conflictId ? (
        <Note title="Blocked by a conflict">
          The edit and the shared resource changed the same places.{" "}
          <Link to="/conflicts/$id" params={{ id: proposal.conflictId }} className="row-link">
            Resolve the conflict
          </Link>
        </Note>
      ) : null}
      {proposal.takesBack.length > 0 ? (
        <Note title="It reverts the previous save">
          An undo, or an editor with an older copy: <bdi>{proposal.takesBack.join(", ")}</bdi> is back to what it was before the last save on this node.
        </Note>
      ) : null}
      {proposal.state === "accepted" && resource?.hasDraft ? (
        <Note title="It is not released yet">
          Nodes get it when it is published.{" "}
          <Link to={pageOf(kindOf(resource.kind))} params={{ name: resource.name }} search={{ tab: "publish" }} className="row-link">
            Publish it
          </Link>
        </Note>
      ) : null}
      <Section title="About this edit">
        <dl className="facts">
          <dt>{kindWord(resource?.kind ?? "")}</dt>
          <dd>
            <ResourceLink resource={resource} />
          </dd>
          <dt>Node</dt>
          <dd>
            <NodeLink name={proposal.node} />
          </dd>
          <dt>Reported author</dt>
          <dd>
            <bdi>{revision?.author || "nobody"}</bdi>
            {revision ? (
              <>
                , <Time at={revision.atMs} />
              </>
            ) : null}
          </dd>
          <dt>Message of the edit</dt>
          <dd>{revision?.message ? <bdi>{revision.message}</bdi> : <span className="dim">none</span>}</dd>
          {proposal.claimedBase ? (
            <>
              <dt>Edited from</dt>
              <dd>
                revision <code>{proposal.claimedBase.slice(0, 12)}</code>, according to the node
              </dd>
            </>
          ) : null}
          <dt>Reported</dt>
          <dd>
            <Time at={proposal.sinceMs} />
          </dd>
        </dl>
      </Section>
      <Section title="What the edit changes">
        <Differences
          of={proposal.differences}
          from="Edited from"
          to="On the node"
          empty={<Empty title="Nothing">The edit has the same content as what it was made from.</Empty>}
        />
      </Section>
    </>
  );
}
