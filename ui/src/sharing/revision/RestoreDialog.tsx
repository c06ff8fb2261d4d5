// Going back: a new revision with the content of an old one. Nothing between them is lost.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../../api/client";
import type { Resource, Revision } from "../../api/generated/atoll/v1/sharing_pb";
import { quote } from "../../ui/copy";
import { FormDialog } from "../../ui/Dialog";
import { Differences } from "../../ui/Diff";
import { Answer, Empty } from "../../ui/feedback";
import { TextField } from "../../ui/fields";
import { type Kind, shortId } from "../resource/kind";
import { useDifference } from "../resource/read";
import { refresh } from "../resource/write";
import { madeBy } from "./words";

type RestoreProps = { kind: Kind; resource: Resource; revision: Revision; onClose: () => void };

export function RestoreDialog({ kind, resource, revision, onClose }: RestoreProps) {
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  const head = resource.heads[0] ?? "";
  const asked = useDifference(kind, resource.id, head, revision.id);
  const name = revision.versions[0] ?? shortId(revision.id);
  const said = message ? ` -m ${quote(message)}` : "";
  return (
    <FormDialog
      title={`Restore ${name}`}
      submit="Restore"
      size="xl"
      cli={`atoll ${kind.command} rollback ${quote(resource.name)} ${name}${said}`}
      act={({ widen }) => api.sharing.rollBackResource({ kind: kind.name, resource: resource.id, to: revision.id, message, widen, expectedRevision: resource.heads.length === 1 ? head : "*" })}
      done={`The content of ${name} is now the newest revision; publish it to deliver it to nodes`}
      onDone={() => refresh(queries)}
      onClose={onClose}
    >
      <p className="page-lead">
        A new revision is written with the content that <bdi>{madeBy(revision)}</bdi> saved. The revisions between stay in the history, and nodes get it when
        you publish it.
      </p>
      <TextField label="Message" description="Why, for the history." value={message} onChange={setMessage} autoFocus />
      <Answer of={asked} what="what would change">
        {({ differences }) => (
          <Differences of={differences} from="Now" to="After it is restored" empty={<Empty title="Nothing would change">The content is the same.</Empty>} />
        )}
      </Answer>
    </FormDialog>
  );
}
