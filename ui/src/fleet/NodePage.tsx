// One node: what state it is in and why, what it holds, and what happened on it.
import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api } from "../api/client";
import type { GetNodeResponse, Node } from "../api/generated/atoll/v1/fleet_pb";
import { Button } from "../ui/Button";
import { Copyable, quote } from "../ui/copy";
import { Answer, Empty } from "../ui/feedback";
import { Labels } from "../ui/Labels";
import { Page, Section } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { State } from "../ui/state";
import { Tabs } from "../ui/Tabs";
import { Time } from "../ui/time";
import { type NodeAct, NodeActDialog } from "./NodeActs";
import { LastSeen, NodeState } from "./NodesPage";
import { NodeEvents } from "./NodeEvents";
import { NodeVariables } from "./NodeVariables";
import { syncReason } from "./syncReason";

const route = getRouteApi("/shell/nodes/$node");

export function NodePage() {
  const { node: name } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const [act, setAct] = useState<NodeAct>();
  const asked = useQuery({ queryKey: ["node", name], queryFn: ({ signal }) => api.fleet.getNode({ node: name }, { signal }) });
  const node = asked.data?.node;
  const show = (tab: string) => void navigate({ to: "/nodes/$node", params: { node: name }, search: { tab }, replace: true });
  return (
    <Page
      title={node?.name ?? name}
      crumbs={[{ label: "Nodes", to: "/nodes" }]}
      aside={node ? <NodeState node={node} /> : null}
      cli={`atoll node get ${quote(name)}`}
      actions={node ? <Acts node={node} onAct={setAct} /> : null}
    >
      <Answer of={asked} what="the node">
        {(detail) =>
          detail.node ? (
            <Tabs
              label="About this node"
              value={search.tab ?? "overview"}
              onChange={show}
              tabs={[
                { value: "overview", label: "Overview", content: () => <Overview detail={detail} node={detail.node as Node} /> },
                { value: "variables", label: "Variables", content: () => <NodeVariables node={name} /> },
                { value: "events", label: "Events", content: () => <NodeEvents node={name} filter={search.filter ?? ""} /> },
                { value: "raw", label: "Raw", content: () => <Raw detail={detail} /> },
              ]}
            />
          ) : (
            <Empty title="No data for this node">Try again later.</Empty>
          )
        }
      </Answer>
      {act && node ? (
        <NodeActDialog
          act={act}
          node={node}
          onClose={() => setAct(undefined)}
          onRenamed={(to) => void navigate({ to: "/nodes/$node", params: { node: to }, replace: true })}
          onRemoved={() => void navigate({ to: "/nodes" })}
        />
      ) : null}
    </Page>
  );
}

function Acts({ node, onAct }: { node: Node; onAct: (act: NodeAct) => void }) {
  const gone = node.state === "removed" ? "It was removed from the fleet" : undefined;
  const isCordoned = node.state === "cordoned";
  return (
    <>
      <Button disabledReason={gone} onClick={() => onAct("label")}>
        Label
      </Button>
      <Button disabledReason={gone} onClick={() => onAct("move")}>
        Move
      </Button>
      <Button disabledReason={gone} onClick={() => onAct("rename")}>
        Rename
      </Button>
      {node.confirmed ? null : (
        <Button disabledReason={gone} onClick={() => onAct("confirm")}>
          Confirm
        </Button>
      )}
      <Button disabledReason={gone} onClick={() => onAct(isCordoned ? "uncordon" : "cordon")}>
        {isCordoned ? "Uncordon" : "Cordon"}
      </Button>
      <Button kind="danger" disabledReason={gone} onClick={() => onAct("remove")}>
        Remove
      </Button>
    </>
  );
}

function Overview({ node, detail }: { node: Node; detail: GetNodeResponse }) {
  return (
    <div className="columns">
      <section className="panel" aria-label="State">
        <dl className="facts">
          <dt>State</dt>
          <dd>
            <NodeState node={node} />, changed <Time at={node.stateSinceMs} />
          </dd>
          <dt>Why</dt>
          <dd>{node.stateReason}</dd>
          <dt>Sync</dt>
          <dd>
            <State of={node.syncState || "unknown"} /> {syncReason(node, detail.exceptions)}
          </dd>
          {node.confirmed ? null : (
            <>
              <dt>Name</dt>
              <dd>
                <State of="unconfirmed" /> Not confirmed to be the server of that name, so it gets no sensitive values scoped to that name.
              </dd>
            </>
          )}
          <dt>Last seen</dt>
          <dd>
            <LastSeen node={node} />
          </dd>
          <dt>Pending reports</dt>
          <dd>{outboxWords(node)}</dd>
          <dt>Version</dt>
          <dd>{node.agentVersion || "not reported yet"}</dd>
        </dl>
      </section>
      <section className="panel" aria-label="Place in the fleet">
        <dl className="facts">
          <dt>Home group</dt>
          <dd>
            <Anchor component={Link} to={`/nodes?filter=${encodeURIComponent(`group=${node.group}`)}`}>
              <bdi>{node.group}</bdi>
            </Anchor>
          </dd>
          <dt>Labels</dt>
          <dd>
            <Labels of={node.labels} />
          </dd>
          <dt>Publications</dt>
          <dd>
            {detail.publications.length === 0 ? "none" : null}
            {detail.publications.map((publication) => (
              <Anchor key={publication} component={Link} to={`/publications/${encodeURIComponent(publication)}`} mr="sm">
                <bdi>{publication}</bdi>
              </Anchor>
            ))}
          </dd>
          <dt>Joined</dt>
          <dd>
            <Time at={node.joinedMs} />
          </dd>
          <dt>Certificate expires</dt>
          <dd>
            <Time at={node.certificateExpiresMs} />
          </dd>
          <dt>Id</dt>
          <dd>
            <Copyable text={node.id} />
          </dd>
          <dt>Identity key</dt>
          <dd>
            <Copyable text={node.identityFingerprint} />
          </dd>
        </dl>
      </section>
      <div className="wide">
        <Section title="Needs attention">
          <SimpleTable
            label="Exceptions"
            rows={detail.exceptions}
            getId={(exception) => `${exception.resource} ${exception.code} ${exception.sinceMs}`}
            empty={<Empty title="Nothing needs attention">The node reports no problem and no local edit.</Empty>}
            columns={[
              { header: "What", cell: (exception) => <State of={exception.code} /> },
              { header: "Resource", cell: (exception) => <bdi>{exception.resource}</bdi> },
              { header: "What happened and what to do", cell: (exception) => exception.text || <Text size="sm">No details.</Text> },
              { header: "Since", cell: (exception) => <Time at={exception.sinceMs} /> },
            ]}
          />
        </Section>
      </div>
    </div>
  );
}

function Raw({ detail }: { detail: GetNodeResponse }) {
  const text = JSON.stringify(detail, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value), 2);
  return (
    <pre className="panel value-text" tabIndex={0} aria-label="The manager's answer">
      {text}
    </pre>
  );
}

/** What a node that is cut off has made since is known to nobody but itself. */
function outboxWords({ outboxLength, connected }: Pick<Node, "outboxLength" | "connected">): string {
  if (outboxLength > 0n) return `${outboxLength.toLocaleString("en")} reports to send${connected ? "" : " when last seen"}`;
  return connected ? "nothing to send" : "nothing when last seen";
}
