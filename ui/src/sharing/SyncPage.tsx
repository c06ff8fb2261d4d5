// Who durably has what they should have, and who does not yet.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";

import { api } from "../api/client";
import type { GetSyncStatusResponse } from "../api/generated/atoll/v1/sharing_pb";
import { NodeLink } from "../fleet/NodesPage";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import { Answer, Empty } from "../ui/feedback";
import { Select, TextField } from "../ui/fields";
import { Page, Section } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { State } from "../ui/state";
import { Time } from "../ui/time";
import { ResourceLink } from "./ResourceLink";
import { distanceWords, offlineSince, percent, shares, syncCommand, syncSentence } from "./syncWords";

const route = getRouteApi("/shell/sync");
const BEHIND_AT_FIRST = 20;
const BEHIND_MOST = 1_000;

export function SyncPage() {
  const { kind = "", resource = "", node = "" } = route.useSearch();
  const [limit, setLimit] = useState(BEHIND_AT_FIRST);
  const asked = useQuery({
    queryKey: ["sync", "status", kind, resource, node, limit],
    queryFn: ({ signal }) => api.sharing.getSyncStatus({ kind, resource, node, behindLimit: limit }, { signal }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title="Sync"
      lead="A release reaches connected nodes within seconds, and the others when they reconnect."
      cli={syncCommand(kind, resource, node, quote)}
    >
      <About kind={kind} resource={resource} node={node} />
      <Answer of={asked} what="who has what">
        {(status) => (
          <>
            <Reached status={status} what={resource ? "it" : "everything"} />
            <Behind status={status} limit={limit} onMore={() => setLimit(BEHIND_MOST)} />
            {status.failed > 0n ? <Failed status={status} /> : null}
          </>
        )}
      </Answer>
    </Page>
  );
}

type AboutProps = { kind: string; resource: string; node: string };

/** What is asked about, and the way to ask about something else. */
function About({ kind, resource, node }: AboutProps) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState({ key: `${kind} ${resource} ${node}`, kind: kind || "step_template", resource, node });
  const key = `${kind} ${resource} ${node}`;
  // The address changed by going back or by a link: the fields follow.
  if (typed.key !== key) setTyped({ key, kind: kind || "step_template", resource, node });
  const ask = (event: FormEvent) => {
    event.preventDefault();
    const about = typed.resource.trim() ? { kind: typed.kind, resource: typed.resource.trim() } : {};
    void navigate({ to: "/sync", search: { ...about, ...(typed.node.trim() ? { node: typed.node.trim() } : {}) } });
  };
  return (
    <search>
      <form className="sync-about" onSubmit={ask}>
        <Select
          label="Kind"
          value={typed.kind}
          onChange={(next) => setTyped({ ...typed, kind: next })}
          choices={[
            { value: "step_template", label: "Template" },
            { value: "variable_set", label: "Variable set" },
          ]}
        />
        <TextField label="Resource" value={typed.resource} onChange={(next) => setTyped({ ...typed, resource: next })} placeholder="All of them" />
        <TextField label="Node" value={typed.node} onChange={(next) => setTyped({ ...typed, node: next })} placeholder="All of them" />
        <Button type="submit">Show</Button>
        {resource || node ? <Button onClick={() => void navigate({ to: "/sync", search: {} })}>Show everything</Button> : null}
      </form>
      {resource ? (
        <p className="sync-line">
          About <ResourceLink resource={{ kind, name: resource }} />
        </p>
      ) : null}
    </search>
  );
}

function Reached({ status, what }: { status: GetSyncStatusResponse; what: "it" | "everything" }) {
  const since = offlineSince(status.behind);
  const sentence = syncSentence(status, what);
  const parts = shares(status);
  return (
    <Section title="Nodes that have it">
      <p className="sync-sentence" role="status">
        {sentence}
        {since !== undefined && status.offline > 0n ? (
          <>
            ; the first of those offline was last connected <Time at={since} />
          </>
        ) : null}
      </p>
      {status.expected > 0n ? (
        <>
          <div className="sync-bar" role="img" aria-label={sentence}>
            {parts
              .filter((part) => part.nodes > 0n)
              .map((part) => (
                <span key={part.id} className={`sync-bar-part is-${part.id}`} style={{ flexGrow: Number(part.nodes) }} />
              ))}
          </div>
          <ul className="sync-legend">
            {parts.map((part) => (
              <li key={part.id}>
                <span className={`sync-key is-${part.id}`} aria-hidden />
                {part.label}: {part.nodes.toLocaleString("en")} ({percent(part.nodes, status.expected)})
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </Section>
  );
}

type BehindProps = { status: GetSyncStatusResponse; limit: number; onMore: () => void };

function Behind({ status, limit, onMore }: BehindProps) {
  const behind = Number(status.expected - status.have);
  return (
    <Section title="Nodes that do not have it">
      <SimpleTable
        label="Nodes that do not have it"
        rows={status.behind}
        getId={(one) => one.node}
        empty={
          status.expected === 0n ? (
            <Empty title="Nothing to wait for">Nodes get something to run once a release is published to them. On the command line: atoll publication set everywhere --all</Empty>
          ) : (
            <Empty title="No node is behind">Every node runs what it should.</Empty>
          )
        }
        columns={[
          { header: "Node", cell: (one) => <NodeLink name={one.node} /> },
          { header: "State", cell: (one) => <State of={one.state} /> },
          { header: "In this state since", cell: (one) => (one.sinceMs > 0n ? <Time at={one.sinceMs} /> : "–") },
          { header: "Progress", cell: distanceWords },
        ]}
      />
      {behind > status.behind.length ? (
        <div className="sync-line">
          {status.behind.length.toLocaleString("en")} of {behind.toLocaleString("en")} are shown.{" "}
          {limit < BEHIND_MOST ? (
            <Button size="xs" onClick={onMore}>
              Show more
            </Button>
          ) : (
            <Link to="/nodes" search={{ filter: "in_sync=false" }} className="row-link">
              All nodes that are not in sync
            </Link>
          )}
        </div>
      ) : null}
    </Section>
  );
}

/** Who failed and why is told on the node. */
function Failed({ status }: { status: GetSyncStatusResponse }) {
  const nodes = status.failed === 1n ? "1 node received it but could not apply it. See the node's page." : `${status.failed.toLocaleString("en")} nodes received it and could not apply it. Their pages say why.`;
  return (
    <Section title="Failed nodes">
      <p className="sync-line">{nodes}</p>
    </Section>
  );
}
