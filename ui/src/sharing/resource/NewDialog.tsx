// Making a new resource.
import { Code, ConnectError } from "@connectrpc/connect";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { problemOf } from "../../api/problem";
import { FormDialog } from "../../ui/Dialog";
import { TextArea, TextField } from "../../ui/fields";
import { type Kind, pageOf } from "./kind";
import type { Content } from "./read";
import { newId, refresh, save } from "./write";

type NewDialogProps = {
  kind: Kind;
  contentOf: (name: string, description: string) => Content;
  onClose: () => void;
  /** More fields. */
  children?: ReactNode;
};

export function NewDialog({ kind, contentOf, onClose, children }: NewDialogProps) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  // One id for all attempts: repeating a call that was lost makes no second one.
  const [requestId] = useState(newId);
  const create = async () => {
    try {
      return await save(kind, { content: JSON.stringify(contentOf(name.trim(), description)), requestId });
    } catch (error) {
      if (problemOf(error).reason !== "BASE_REVISION_NEEDED") throw error;
      throw new ConnectError(`there is a ${kind.noun} of this name already; choose another name, or open that one`, Code.AlreadyExists);
    }
  };
  return (
    <FormDialog
      title={`New ${kind.noun}`}
      submit="Create"
      cli={`atoll ${kind.command} import FILE.json`}
      disabledReason={name.trim() === "" ? "Give it a name" : undefined}
      act={create}
      done={`${name.trim()} is created as a draft`}
      onDone={(answer) => {
        refresh(queries);
        void navigate({ to: pageOf(kind), params: { name: answer.resource?.name ?? name.trim() } });
      }}
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} required autoFocus maxLength={200} />
      <TextArea label="Description" value={description} onChange={setDescription} rows={2} />
      {children}
    </FormDialog>
  );
}
