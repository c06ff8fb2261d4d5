// What an act on nodes would bring them and take away, said before it is done.
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import type { ActOnNodesRequest, PreviewNodesResponse, ReachChange, ValueChange } from "../api/generated/atoll/v1/fleet_pb";
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
      {asked.data ? <Changes preview={asked.data} /> : "Looking what would change…"}
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

function Changes({ preview }: { preview: PreviewNodesResponse }) {
  const { changes, values, valuesTotal, notLookedAt } = preview;
  const more = valuesTotal - BigInt(values.length);
  const rest = notLookedAt > 0n ? ` ${notLookedAt.toLocaleString("en")} nodes were not looked at value by value.` : "";
  if (changes.length === 0 && valuesTotal === 0n) return <>Nothing that is published changes for anybody.{rest}</>;
  return (
    <ul className="reach-list">
      {changes.map((change) => (
        <li key={change.publication}>
          <bdi>{change.publication}</bdi>: {words(change)}
        </li>
      ))}
      {values.map((change) => (
        <li key={`${change.node} ${change.set} ${change.name}`}>
          <bdi>{change.node}</bdi>: <bdi>{change.name}</bdi> of <bdi>{change.set}</bdi> {valueWords(change)}
        </li>
      ))}
      {more > 0n ? <li>And {more.toLocaleString("en")} more values.</li> : null}
      {rest ? <li>{rest.trim()}</li> : null}
    </ul>
  );
}

export function valueWords({ before, after, sealed }: Pick<ValueChange, "before" | "after" | "sealed">): string {
  if (before === undefined) return sealed ? "would be gained, a sensitive value" : `would be ${quoted(after)}, and is nothing now`;
  if (after === undefined) return sealed ? "would be lost, a sensitive value" : `would be lost (${quoted(before)} now)`;
  if (before === after) return "would be another sensitive value";
  return `would be ${quoted(after)} instead of ${quoted(before)}`;
}

function quoted(value: string | undefined): string {
  return value === "(sealed)" ? "a sensitive value" : `"${value ?? ""}"`;
}

export function words({ gained, lost }: Pick<ReachChange, "gained" | "lost">): string {
  const nodes = (count: bigint) => (count === 1n ? "1 node" : `${count.toLocaleString("en")} nodes`);
  const parts = [...(gained > 0n ? [`${nodes(gained)} would get it`] : []), ...(lost > 0n ? [`${nodes(lost)} would lose it`] : [])];
  return parts.join(", ");
}
