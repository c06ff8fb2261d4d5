// What is done to a frozen selection, and what could not be done.
import { create } from "@bufbuild/protobuf";
import { Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../api/client";
import { type ActOnNodesResponse, type FreezeNodesResponse, LabelChangeSchema } from "../api/generated/atoll/v1/fleet_pb";
import { makeOld, NODE_TOPICS } from "../api/query";
import { Dialog, FormDialog } from "../ui/Dialog";
import { Checkbox, ListField, TextField } from "../ui/fields";
import { Answer } from "../ui/feedback";
import { readLabels } from "../ui/Labels";
import { SimpleTable } from "../ui/SimpleTable";
import { stateLabel } from "../ui/state";
import { GroupField } from "./GroupField";
import { Reach } from "./Reach";

export type BulkAct = "label" | "move" | "cordon" | "uncordon" | "remove";

type BulkDialogProps = {
  act: BulkAct;
  wanted: { nodes?: string[]; filter?: string };
  onClose: () => void;
  onDone: (result: ActOnNodesResponse) => void;
};

export function BulkDialog({ act, wanted, onClose, onDone }: BulkDialogProps) {
  const frozen = useQuery({
    queryKey: ["who", "selection", act, wanted],
    queryFn: ({ signal }) => api.fleet.freezeNodes(wanted, { signal }),
    gcTime: 0,
    staleTime: Infinity,
  });
  if (frozen.data) return <ActForm act={act} frozen={frozen.data} onClose={onClose} onDone={onDone} />;
  return (
    <Dialog title="Selected nodes" onClose={onClose}>
      <Answer of={frozen} what="the selection">
        {() => null}
      </Answer>
    </Dialog>
  );
}

type ActFormProps = { act: BulkAct; frozen: FreezeNodesResponse; onClose: () => void; onDone: (result: ActOnNodesResponse) => void };

function ActForm({ act, frozen, onClose, onDone }: ActFormProps) {
  const [set, setSet] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  const [group, setGroup] = useState("");
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [widen, setWiden] = useState(false);
  const queries = useQueryClient();
  const count = Number(frozen.count);
  const nodes = count === 1 ? "1 node" : `${count.toLocaleString("en")} nodes`;
  const { labels, problem } = readLabels(set);
  const words: Record<BulkAct, { submit: string; why: string | undefined }> = {
    label: { submit: `Label ${nodes}`, why: problem ?? (set.length + remove.length === 0 ? "Enter a label to set or remove" : undefined) },
    move: { submit: `Move ${nodes}`, why: group === "" ? "Choose a group" : undefined },
    cordon: { submit: `Cordon ${nodes}`, why: reason.trim() === "" ? "Give a reason" : undefined },
    uncordon: { submit: `Uncordon ${nodes}`, why: undefined },
    remove: { submit: `Remove ${nodes}`, why: typed === String(count) ? undefined : `Type ${count} to confirm` },
  };
  const asked = () => {
    const base = { selectionId: frozen.selectionId, expectedCount: frozen.count };
    if (act === "label") return { ...base, act: { case: "label" as const, value: create(LabelChangeSchema, { set: labels, remove }) } };
    if (act === "move") return { ...base, act: { case: "moveToGroup" as const, value: group } };
    if (act === "cordon") return { ...base, act: { case: "cordonReason" as const, value: reason } };
    if (act === "uncordon") return { ...base, act: { case: "uncordon" as const, value: true } };
    return { ...base, act: { case: "remove" as const, value: true } };
  };
  // Cordoning holds back and takes nothing away; the others are asked about once they are complete.
  const changesReach = act === "remove" || ((act === "label" || act === "move") && words[act].why === undefined);
  return (
    <FormDialog
      title={words[act].submit}
      submit={words[act].submit}
      kind={act === "remove" ? "danger" : "primary"}
      disabledReason={count === 0 ? "The selection is empty" : words[act].why}
      act={() => api.fleet.actOnNodes({ ...asked(), widen })}
      done={(result) => `Succeeded on ${result.done.toLocaleString("en")} of ${nodes}`}
      onDone={(result) => {
        makeOld(queries, NODE_TOPICS);
        onDone(result);
      }}
      onClose={onClose}
    >
      <Text size="sm">
        Exactly {nodes}: {frozen.states.map((state) => `${state.count.toLocaleString("en")} ${stateLabel(state.value).toLowerCase()}`).join(", ")}.
        Nodes that join or change in the meantime are not included.
      </Text>
      {act === "label" ? (
        <>
          <ListField label="Set labels" value={set} onChange={setSet} placeholder="environment=production" />
          <ListField label="Remove labels" value={remove} onChange={setRemove} placeholder="environment" />
        </>
      ) : null}
      {act === "move" ? <GroupField label="New home group" value={group} onChange={setGroup} /> : null}
      {act === "cordon" ? <TextField label="Why" value={reason} onChange={setReason} maxLength={200} autoFocus /> : null}
      {changesReach && count > 0 ? <Reach frozen={frozen} act={asked().act} /> : null}
      {act === "label" || act === "move" ? (
        <Checkbox
          label="Allow more nodes to read sensitive values"
          description="Otherwise, nodes that would gain a sensitive value are skipped and listed."
          checked={widen}
          onChange={setWiden}
        />
      ) : null}
      {act === "remove" ? (
        <>
          <Text size="sm">Their certificates are no longer accepted and they leave the fleet for good. To come back, they must join again.</Text>
          <TextField label={`Type ${count} to confirm`} value={typed} onChange={setTyped} autoFocus />
        </>
      ) : null}
    </FormDialog>
  );
}

export function Failures({ result, onClose }: { result: ActOnNodesResponse; onClose: () => void }) {
  return (
    <Dialog title={`Failed on ${result.failures.length === 1 ? "1 node" : `${result.failures.length.toLocaleString("en")} nodes`}`} onClose={onClose}>
      <SimpleTable
        label="Failed nodes"
        rows={result.failures}
        getId={(failure) => failure.node}
        columns={[
          { header: "Node", cell: (failure) => <bdi>{failure.node}</bdi> },
          { header: "Why", cell: (failure) => failure.text },
        ]}
      />
    </Dialog>
  );
}
