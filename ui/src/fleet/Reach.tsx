// What an act on nodes would bring them and take away, said before it is done.
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import type { ActOnNodesRequest, PreviewNodesResponse, ReachChange } from "../api/generated/atoll/v1/fleet_pb";
import { ValueLines } from "../sharing/ValueChanges";
import { ProblemNote } from "../ui/feedback";

type Act = ActOnNodesRequest["act"];

/** A pause in typing after which it is asked. */
const PAUSE_MS = 250;

type Frozen = { selectionId: string; count: bigint };

/** For a selection that is frozen already. */
export function Reach({ frozen, act }: { frozen: Frozen | undefined; act: Act }) {
  const [wished] = useDebouncedValue(act, PAUSE_MS);
  const asked = useQuery({
    queryKey: ["who", "reach", frozen?.selectionId, wished],
    enabled: frozen !== undefined && wished.case !== undefined,
    queryFn: ({ signal }) =>
      api.fleet.previewNodes({ act: { selectionId: frozen?.selectionId ?? "", expectedCount: frozen?.count ?? 0n, act: wished } }, { signal }),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
  if (act.case === undefined) return null;
  if (asked.error) return <ProblemNote error={asked.error} />;
  return (
    <div className="panel reach" role="status" aria-label="What would change">
      {asked.data ? <Changes preview={asked.data} isRemoval={act.case === "remove"} /> : "Checking what would change…"}
    </div>
  );
}

/** For one node, which is frozen for it. */
export function NodeReach({ node, act }: { node: string; act: Act }) {
  const frozen = useQuery({
    queryKey: ["who", "selection", "one", node],
    queryFn: ({ signal }) => api.fleet.freezeNodes({ nodes: [node] }, { signal }),
    gcTime: 0,
    staleTime: Infinity,
  });
  if (frozen.error) return <ProblemNote error={frozen.error} />;
  return <Reach frozen={frozen.data} act={act} />;
}

function Changes({ preview, isRemoval }: { preview: PreviewNodesResponse; isRemoval: boolean }) {
  const { changes, valuesTotal, notLookedAt, stoppedEdits, cordoned } = preview;
  const isNothing = changes.length === 0 && valuesTotal === 0n && stoppedEdits === 0n;
  if (isNothing && notLookedAt === 0n) return <>Published content would not change for any node.</>;
  return (
    <ul className="reach-list">
      {isRemoval ? <li>A removed node keeps the files and values it has. Replace the sensitive values if it is no longer trusted.</li> : null}
      {isNothing ? <li>Published content would not change for any node that was checked.</li> : null}
      {changes.map((change) => (
        <li key={change.publication}>
          <bdi>{change.publication}</bdi>: {words(change)}
        </li>
      ))}
      {preview.refusal ? <li>This lets nodes read sensitive values that they cannot read now, so it needs your confirmation.</li> : null}
      {stoppedEdits > 0n ? <li>{stopped(stoppedEdits)}</li> : null}
      {cordoned > 0n ? <li>{held(cordoned)}</li> : null}
      <ValueLines of={preview} isRemoval={isRemoval} />
    </ul>
  );
}

function stopped(nodes: bigint): string {
  return nodes === 1n ? "1 node would stop running a local edit" : `${nodes.toLocaleString("en")} nodes would stop running local edits`;
}

function held(nodes: bigint): string {
  return nodes === 1n ? "1 node is cordoned and gets the change once uncordoned" : `${nodes.toLocaleString("en")} nodes are cordoned and get the change once uncordoned`;
}

export function words({ gained, lost }: Pick<ReachChange, "gained" | "lost">): string {
  const nodes = (count: bigint) => (count === 1n ? "1 node" : `${count.toLocaleString("en")} nodes`);
  const parts = [...(gained > 0n ? [`${nodes(gained)} would get it`] : []), ...(lost > 0n ? [`${nodes(lost)} would lose it`] : [])];
  return parts.join(", ");
}
