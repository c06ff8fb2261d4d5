// Taking a node's edit for everybody, or sending the node back to what is released.
import { Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api } from "../../api/client";
import type { DecideProposalResponse, Proposal } from "../../api/generated/atoll/v1/sharing_pb";
import { makeOld, staleTopics } from "../../api/query";
import { quote } from "../../ui/copy";
import { FormDialog } from "../../ui/Dialog";
import { Checkbox, TextArea } from "../../ui/fields";

export type Decision = "accept" | "decline";

type DecideDialogProps = { proposal: Proposal; decision: Decision; onClose: () => void };

export function DecideDialog({ proposal, decision, onClose }: DecideDialogProps) {
  const [message, setMessage] = useState("");
  const [release, setRelease] = useState(false);
  const [seen] = useState(proposal.revision?.id ?? "");
  const queries = useQueryClient();
  const navigate = useNavigate();
  const accept = decision === "accept";
  const said = message ? ` -m ${quote(message)}` : "";
  const finish = (decided: DecideProposalResponse) => {
    makeOld(queries, [...staleTopics("proposal.accept"), "status", "sync"]);
    if (decided.conflictId) void navigate({ to: "/conflicts/$id", params: { id: decided.conflictId } });
  };
  return (
    <FormDialog
      title={accept ? "Accept the edit" : "Decline the edit"}
      submit={accept ? "Accept the edit" : "Decline the edit"}
      kind={accept ? "primary" : "danger"}
      cli={`atoll proposal ${decision} ${quote(proposal.id)}${said}${accept && release ? " --publish" : ""}`}
      act={({ withDrafts, widen }) =>
        api.sharing.decideProposal({
          id: proposal.id,
          accept,
          message,
          release: accept && release,
          expectedRevision: seen,
          withDrafts,
          widen,
        })
      }
      done={(decided) => doneWords(decided, accept)}
      onDone={finish}
      onClose={onClose}
    >
      <Text size="sm">
        {accept
          ? "It becomes part of the shared resource. Nodes that follow get it with the next release."
          : `${proposal.node} goes back to the release. The edit stays in the history and can be recovered from there.`}
      </Text>
      <TextArea label="Message" value={message} onChange={setMessage} rows={2} autoFocus />
      {accept ? (
        <Checkbox label="Release the result at once" description="Nodes that follow get it now." checked={release} onChange={setRelease} />
      ) : null}
    </FormDialog>
  );
}

export function doneWords(decided: DecideProposalResponse, accept: boolean): string {
  if (decided.conflictId) return "It does not merge with what is shared: resolve the conflict first";
  if (!accept) return "The edit was declined";
  return decided.release ? `The edit was accepted and released as ${decided.release.version}` : "The edit was accepted and waits for a release";
}
