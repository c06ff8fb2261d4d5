// Keeping a view of the node list under a name.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../api/client";
import { FormDialog } from "../ui/Dialog";
import { Checkbox, TextField } from "../ui/fields";
import { SCREEN, type Search } from "./NodesViews";

export function SaveView({ search, onClose }: { search: Search; onClose: () => void }) {
  const [name, setName] = useState("");
  const [isShared, setShared] = useState(false);
  const queries = useQueryClient();
  const query = new URLSearchParams(Object.entries(search)).toString();
  return (
    <FormDialog
      title="Save this view"
      submit="Save the view"
      disabledReason={name.trim() === "" ? "Give it a name first" : undefined}
      act={() => api.access.saveView({ name: name.trim(), screen: SCREEN, query, shared: isShared })}
      done="The view was saved"
      onDone={() => void queries.invalidateQueries({ queryKey: ["views"] })}
      onClose={onClose}
    >
      <TextField label="Name" value={name} onChange={setName} maxLength={80} autoFocus />
      <Checkbox label="Everybody sees it" checked={isShared} onChange={setShared} />
    </FormDialog>
  );
}
