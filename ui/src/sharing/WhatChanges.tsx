// What something that is about to be done would change for nodes.
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import type { PreviewChangeRequest, PreviewChangeResponse } from "../api/generated/atoll/v1/sharing_pb";
import { ProblemNote } from "../ui/feedback";
import { ValueLines } from "./ValueChanges";

type Change = PreviewChangeRequest["change"];

/** A pause in typing after which it is asked. */
const PAUSE_MS = 250;

export function WhatChanges({ change }: { change: Change }) {
  const [planned] = useDebouncedValue(change, PAUSE_MS);
  const asked = useQuery({
    queryKey: ["who", "change", planned],
    queryFn: ({ signal }) => api.sharing.previewChange({ change: planned }, { signal }),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
  if (asked.error) return <ProblemNote error={asked.error} />;
  return (
    <div className="panel reach" role="status" aria-label="What would change">
      {asked.data ? <Answered of={asked.data} isJoin={planned.case === "join"} /> : "Looking what would change…"}
    </div>
  );
}

function Answered({ of, isJoin }: { of: PreviewChangeResponse; isJoin: boolean }) {
  if (of.nodes === 0n && of.valuesTotal === 0n) {
    return isJoin ? <>No values are published for a node that joins so.</> : <>Nothing that is published changes for anybody.</>;
  }
  return (
    <ul className="reach-list">
      {isJoin ? null : <li>{nodesWords(of.nodes)}</li>}
      <ValueLines of={of} />
    </ul>
  );
}

export function nodesWords(nodes: bigint): string {
  return nodes === 1n ? "1 node would get something else than now." : `${nodes.toLocaleString("en")} nodes would get something else than now.`;
}
