// How far a release has come, live.
import { Progress } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api } from "../../api/client";
import type { GetSyncStatusResponse, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Answer } from "../../ui/feedback";
import { Section } from "../../ui/Page";
import { SimpleTable } from "../../ui/SimpleTable";
import { State } from "../../ui/state";
import { Time } from "../../ui/time";
import type { Kind } from "../resource/kind";
import { syncSentence } from "../syncWords";

/** While nodes are behind it is also asked again without news, for acknowledgements are counted together. */
const AGAIN_MS = 2_000;

export function SyncProgress({ kind, resource }: { kind: Kind; resource: Resource }) {
  const asked = useQuery({
    queryKey: ["sync", kind.name, resource.id],
    queryFn: ({ signal }) => api.sharing.getSyncStatus({ kind: kind.name, resource: resource.id }, { signal }),
    refetchInterval: (query) => (query.state.data && query.state.data.waiting > 0n ? AGAIN_MS : false),
  });
  return (
    <Section title="Rollout">
      <Answer of={asked} what="how far it is">
        {(status) => <Reached status={status} kind={kind} resource={resource} />}
      </Answer>
    </Section>
  );
}

function Reached({ status, kind, resource }: { status: GetSyncStatusResponse; kind: Kind; resource: Resource }) {
  const [expected, have] = [Number(status.expected), Number(status.have)];
  if (expected === 0) return <p className="page-lead">{syncSentence(status, "it")}</p>;
  return (
    <>
      <p role="status" className="publish-reached">
        {syncSentence(status, "it")}.
      </p>
      <Progress value={(100 * have) / expected} aria-label="Nodes that have it" color="cyan.8" />
      {status.behind.length > 0 ? (
        <>
          <SimpleTable
            label="Nodes that do not have it"
            rows={status.behind}
            getId={(node) => node.node}
            columns={[
              {
                header: "Node",
                cell: (node) => (
                  <Link to="/nodes/$node" params={{ node: node.node }} className="row-link">
                    <bdi>{node.node}</bdi>
                  </Link>
                ),
              },
              { header: "State", cell: (node) => <State of={node.state} /> },
              { header: "Since", cell: (node) => (node.sinceMs > 0n ? <Time at={node.sinceMs} /> : "–") },
            ]}
          />
          <p>
            <Link to="/sync" search={{ kind: kind.name, resource: resource.name }} className="row-link">
              All nodes that do not have it
            </Link>
          </p>
        </>
      ) : null}
    </>
  );
}
