// Taking one value away.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Confirm } from "../../ui/Dialog";
import { TextField } from "../../ui/fields";
import { refresh } from "../resource/write";
import { removeValue, unsetCommand } from "./change";
import { scopeText, type Value } from "./values";

export function RemoveDialog({ set, value, onClose }: { set: Resource; value: Value; onClose: () => void }) {
  const queries = useQueryClient();
  const [message, setMessage] = useState("");
  return (
    <Confirm
      title="Remove this value"
      submit="Remove"
      cli={unsetCommand(set.name, value)}
      act={() => removeValue(set.id, value, message)}
      done={`${value.name} has no value for ${scopeText(value.scope)} any more; publish the set to update nodes`}
      onDone={() => refresh(queries)}
      onClose={onClose}
    >
      <p className="page-lead">
        The value of <bdi>{value.name}</bdi> for <bdi>{scopeText(value.scope)}</bdi> is removed from the draft. Nodes keep what they have until you publish.
      </p>
      <TextField label="Message" description="Why, for the history." value={message} onChange={setMessage} />
    </Confirm>
  );
}
