// The name and the description of a variable set.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { SaveResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import { quote } from "../../ui/copy";
import { FormDialog } from "../../ui/Dialog";
import { TextArea, TextField } from "../../ui/fields";
import { VARIABLE_SET } from "../resource/kind";
import { refresh, save } from "../resource/write";
import type { Base } from "./change";

type AboutProps = { base: Base; onSaved: (answer: SaveResourceResponse) => void; onClose: () => void };

export function AboutDialog({ base: given, onSaved, onClose }: AboutProps) {
  const queries = useQueryClient();
  const [base] = useState(given);
  const [name, setName] = useState(String(base.content["Name"] ?? ""));
  const [description, setDescription] = useState(String(base.content["Description"] ?? ""));
  const content = JSON.stringify({ ...base.content, Name: name.trim(), Description: description });
  return (
    <FormDialog
      title="Name and description"
      submit="Save"
      cli={`atoll vars edit ${quote(String(base.content["Name"] ?? ""))}`}
      disabledReason={name.trim() === "" ? "Give it a name" : undefined}
      act={() => save(VARIABLE_SET, { resource: base.set, content, base: base.revision })}
      done="Saved as a draft"
      onDone={(answer) => {
        refresh(queries);
        onSaved(answer);
      }}
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} required autoFocus maxLength={200} />
      <TextArea label="Description" value={description} onChange={setDescription} rows={2} />
    </FormDialog>
  );
}
