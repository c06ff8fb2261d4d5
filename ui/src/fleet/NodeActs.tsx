// What an administrator does to one node.
import { create } from "@bufbuild/protobuf";
import { Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../api/client";
import { LabelChangeSchema, type Node } from "../api/generated/atoll/v1/fleet_pb";
import { PlannedRenameSchema } from "../api/generated/atoll/v1/sharing_pb";
import { makeOld, NODE_TOPICS } from "../api/query";
import { WhatChanges } from "../sharing/WhatChanges";
import { quote } from "../ui/copy";
import { Confirm, FormDialog } from "../ui/Dialog";
import { ListField, TextField } from "../ui/fields";
import { labelTexts, readLabels } from "../ui/Labels";
import { GroupField } from "./GroupField";
import { NodeReach } from "./Reach";

export type NodeAct = "label" | "move" | "rename" | "confirm" | "cordon" | "uncordon" | "remove";

type ActProps = { node: Node; onClose: () => void };
type NodeActProps = ActProps & { act: NodeAct; onRenamed: (name: string) => void; onRemoved: () => void };

export function NodeActDialog({ act, onRenamed, onRemoved, ...props }: NodeActProps) {
  switch (act) {
    case "label":
      return <LabelForm {...props} />;
    case "move":
      return <MoveForm {...props} />;
    case "rename":
      return <RenameForm {...props} onRenamed={onRenamed} />;
    case "confirm":
      return <ConfirmForm {...props} />;
    case "cordon":
      return <CordonForm {...props} />;
    case "uncordon":
      return <UncordonForm {...props} />;
    case "remove":
      return <RemoveForm {...props} onRemoved={onRemoved} />;
  }
}

function labelChange(set: Record<string, string>, remove: string[]) {
  return create(LabelChangeSchema, { set, remove });
}

function useRefresh(): () => void {
  const queries = useQueryClient();
  return () => {
    makeOld(queries, NODE_TOPICS);
  };
}

function LabelForm({ node, onClose }: ActProps) {
  const [texts, setTexts] = useState(labelTexts(node.labels));
  const { labels, problem } = readLabels(texts);
  const refresh = useRefresh();
  const set = Object.fromEntries(Object.entries(labels).filter(([key, value]) => node.labels[key] !== value));
  const remove = Object.keys(node.labels).filter((key) => !(key in labels));
  const words = [...Object.entries(set).map(([key, value]) => quote(`${key}=${value}`)), ...remove.map((key) => quote(`${key}-`))];
  return (
    <FormDialog
      title={`Label ${node.name}`}
      submit="Save labels"
      cli={`atoll node label ${quote(node.name)} ${words.join(" ")}`}
      disabledReason={problem ?? (words.length === 0 ? "Nothing has changed" : undefined)}
      act={({ widen }) => api.fleet.labelNode({ node: node.id, set, remove, widen })}
      done="The labels were saved"
      onDone={refresh}
      onClose={onClose}
    >
      <ListField
        label="Labels"
        description="Labels determine what is published to this node, including sensitive values. They do not grant anyone access to the node. Press Enter after each."
        value={texts}
        onChange={setTexts}
        placeholder="environment=production"
      />
      {words.length > 0 && problem === undefined ? <NodeReach node={node.id} act={{ case: "label", value: labelChange(set, remove) }} /> : null}
    </FormDialog>
  );
}

function MoveForm({ node, onClose }: ActProps) {
  const [group, setGroup] = useState(node.group);
  const refresh = useRefresh();
  return (
    <FormDialog
      title={`Move ${node.name}`}
      submit="Move the node"
      cli={`atoll node move ${quote(node.name)} ${quote(group)}`}
      disabledReason={group === node.group || group === "" ? "Choose another group" : undefined}
      act={({ widen }) => api.fleet.moveNode({ node: node.id, group, widen })}
      done="The node was moved"
      onDone={refresh}
      onClose={onClose}
    >
      <GroupField
        label="Home group"
        value={group}
        onChange={setGroup}
        description="It gets what is published to the new group and loses what only the old group provided."
      />
      {group !== node.group && group !== "" ? <NodeReach node={node.id} act={{ case: "moveToGroup", value: group }} /> : null}
    </FormDialog>
  );
}

function RenameForm({ node, onClose, onRenamed }: ActProps & { onRenamed: (name: string) => void }) {
  const [name, setName] = useState(node.name);
  const refresh = useRefresh();
  return (
    <FormDialog
      title={`Rename ${node.name}`}
      submit="Rename the node"
      cli={`atoll node rename ${quote(node.name)} ${quote(name)}`}
      disabledReason={name.trim() === "" || name === node.name ? "Give another name" : undefined}
      act={({ widen }) => api.fleet.renameNode({ node: node.id, name: name.trim(), widen })}
      done="The node has its new name"
      onDone={() => {
        refresh();
        onRenamed(name.trim());
      }}
      onClose={onClose}
    >
      <TextField
        label="Name"
        description="Values of variable sets that are scoped to the old name no longer apply to it."
        value={name}
        onChange={setName}
        autoFocus
      />
      {name.trim() !== "" && name !== node.name ? <WhatChanges change={{ case: "renameNode", value: rename(node.id, name.trim()) }} /> : null}
    </FormDialog>
  );
}

function rename(node: string, name: string) {
  return create(PlannedRenameSchema, { node, name });
}

function ConfirmForm({ node, onClose }: ActProps) {
  return (
    <FormDialog
      title={`Confirm ${node.name}`}
      submit="Confirm the node"
      cli={`atoll node confirm ${quote(node.name)}`}
      act={() => api.fleet.confirmNode({ node: node.id })}
      done="The node was confirmed"
      onDone={useRefresh()}
      onClose={onClose}
    >
      <Text size="sm">
        Anyone with a join token can take an unused name. Confirm that this is really the server called {node.name}: from then on it gets the
        sensitive values whose scope names it as a target. Compare the fingerprint on this page with what the agent shows on the server.
      </Text>
      <WhatChanges change={{ case: "confirmNode", value: node.id }} />
    </FormDialog>
  );
}

function CordonForm({ node, onClose }: ActProps) {
  const [reason, setReason] = useState("");
  return (
    <FormDialog
      title={`Cordon ${node.name}`}
      submit="Cordon the node"
      cli={`atoll node cordon ${quote(node.name)} --reason ${quote(reason)}`}
      disabledReason={reason.trim() === "" ? "Give a reason" : undefined}
      act={() => api.fleet.cordonNode({ node: node.id, cordoned: true, reason: reason.trim() })}
      done="The node was cordoned"
      onDone={useRefresh()}
      onClose={onClose}
    >
      <Text size="sm">New content is held back. What it has stays, and its edits still arrive.</Text>
      <TextField label="Why" value={reason} onChange={setReason} maxLength={200} autoFocus />
    </FormDialog>
  );
}

function UncordonForm({ node, onClose }: ActProps) {
  return (
    <FormDialog
      title={`Uncordon ${node.name}`}
      submit="Uncordon the node"
      cli={`atoll node uncordon ${quote(node.name)}`}
      act={() => api.fleet.cordonNode({ node: node.id, cordoned: false, reason: "" })}
      done="The node was uncordoned"
      onDone={useRefresh()}
      onClose={onClose}
    >
      <Text size="sm">It gets everything that was held back. Why it is cordoned: {node.stateReason}</Text>
    </FormDialog>
  );
}

function RemoveForm({ node, onClose, onRemoved }: ActProps & { onRemoved: () => void }) {
  const refresh = useRefresh();
  return (
    <Confirm
      title={`Remove ${node.name}`}
      submit="Remove the node"
      typed={node.name}
      cli={`atoll node remove ${quote(node.name)} --yes`}
      act={() => api.fleet.removeNode({ node: node.id })}
      done="The node was removed"
      onDone={() => {
        refresh();
        onRemoved();
      }}
      onClose={onClose}
    >
      <Text size="sm">
        Its certificate is no longer accepted and it leaves the fleet permanently. Undelivered edits stay on the node. To come back, it must join
        again.
      </Text>
    </Confirm>
  );
}
