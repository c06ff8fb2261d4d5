// What something that is about to be done would change for nodes.
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import type { PreviewChangeRequest, PreviewChangeResponse } from "../api/generated/atoll/v1/sharing_pb";
import { ProblemNote } from "../ui/feedback";
import { KINDS } from "./resource/kind";
import { ValueLines } from "./ValueChanges";

type Change = PreviewChangeRequest["change"];

/** What would be refused without a person's word. */
export const ASKS_FIRST = "This lets more nodes read sensitive values: you will be asked to confirm that.";

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
      {asked.data ? <Answered of={asked.data} isJoin={planned.case === "join"} /> : "Checking what would change…"}
    </div>
  );
}

function Answered({ of, isJoin }: { of: PreviewChangeResponse; isJoin: boolean }) {
  const lines = isJoin ? newcomerWords(of.offered) : nodesWords(of);
  if (lines.length === 0 && of.valuesTotal === 0n && of.refusal === "") {
    return isJoin ? <>Nothing is published to a node that joins with these settings.</> : <>Published content would not change for any node.</>;
  }
  return (
    <ul className="reach-list">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
      <ValueLines of={of} />
      {of.refusal ? <li>{ASKS_FIRST}</li> : null}
    </ul>
  );
}

/** The nodes that would get something else, and what of them do not simply take it. */
export function nodesWords(of: Pick<PreviewChangeResponse, "nodes" | "cordoned" | "ownEdits" | "stoppedEdits"> & { confirms?: boolean }): string[] {
  return [
    of.nodes === 0n ? undefined : `Published content would change for ${counted(of.nodes, "1 node", "nodes")}.`,
    counted(of.cordoned, "1 of them is cordoned and gets the change once uncordoned.", "of them are cordoned and get the change once uncordoned."),
    counted(of.ownEdits, "1 of them keeps a local edit, merged with the change unless the two conflict.", "of them keep local edits, merged with the change unless they conflict."),
    counted(of.stoppedEdits, "1 of them stops running a local edit.", "of them stop running local edits."),
    of.confirms ? "This also confirms the node: sensitive values scoped to its name then apply to it." : undefined,
  ].filter((line) => line !== undefined);
}

export function newcomerWords(offered: Record<string, bigint>): string[] {
  const parts = KINDS.map((kind) => counted(offered[kind.name] ?? 0n, `1 ${kind.noun}`, kind.nouns)).filter((part) => part !== undefined);
  return parts.length === 0 ? [] : [`It would get ${parts.join(" and ")}.`];
}

function counted(count: bigint, one: string, many: string): string | undefined {
  if (count === 0n) return undefined;
  return count === 1n ? one : `${count.toLocaleString("en")} ${many}`;
}
