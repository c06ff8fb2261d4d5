// Making a publication, or changing one.
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api } from "../../api/client";
import type { Publication } from "../../api/generated/atoll/v1/sharing_pb";
import { makeOld, staleTopics } from "../../api/query";
import { GroupField } from "../../fleet/GroupField";
import { Choices } from "../../ui/Choices";
import { FormDialog } from "../../ui/Dialog";
import { ListField, TextField } from "../../ui/fields";
import { newId } from "../resource/write";
import { ItemsField } from "./ItemsField";
import { Reach, sentence, useReach } from "./Reach";
import { MODES, newWish, publicationOf, setCommand, type Wish, whyNotSaved, wishOf } from "./wish";

type PublicationFormProps = {
  /** The one to change; nothing makes a new one. */
  publication?: Publication | undefined;
  onSaved?: ((publication: Publication) => void) | undefined;
  onClose: () => void;
};

export function PublicationForm({ publication, onSaved, onClose }: PublicationFormProps) {
  const [wish, setWish] = useState<Wish>(() => (publication ? wishOf(publication) : newWish()));
  const [requestId] = useState(newId);
  // What the form began from: news that come in meanwhile are not what was looked at.
  const [seen] = useState(publication?.etag ?? "");
  const queries = useQueryClient();
  const reach = useReach(wish);
  const taken = useTaken(publication ? "" : wish.name.trim());
  const whyNot = whyNotSaved(wish) ?? (taken ? "A publication with this name already exists: edit it, or choose another name" : undefined);
  const set = (next: Partial<Wish>) => setWish({ ...wish, ...next });
  return (
    <FormDialog
      title={publication ? `Change ${publication.name}` : "New publication"}
      submit={publication ? "Save the publication" : "Create the publication"}
      size="xl"
      cli={whyNot ? undefined : setCommand(wish)}
      disabledReason={whyNot ?? (reach.data?.problem ? sentence(reach.data.problem) : undefined)}
      act={({ widen }) => api.sharing.savePublication({ publication: publicationOf(wish), requestId, expectedEtag: seen, widen })}
      done={publication ? "The publication was saved" : "The publication was created"}
      onDone={(saved) => {
        makeOld(queries, [...staleTopics("publication.save"), "status"]);
        if (saved.publication) onSaved?.(saved.publication);
      }}
      onClose={onClose}
    >
      {publication ? null : (
        <TextField
          label="Name"
          description="Letters, digits and - _ . without spaces."
          value={wish.name}
          onChange={(name) => set({ name })}
          autoFocus
        />
      )}
      <div className="columns">
        <GroupField label="Group" value={wish.group} onChange={(group) => set({ group })} description="Including its subgroups." />
        <ListField
          label="Labels"
          description="Nodes must have all of them. Press Enter after each."
          value={wish.labels}
          onChange={(labels) => set({ labels })}
          placeholder="environment=production"
        />
      </div>
      <TextField
        label="Priority"
        description="If two publications deliver the same resource to a node, the higher number wins. Equal ones are refused."
        value={wish.priority}
        onChange={(priority) => set({ priority })}
      />
      <Choices
        label="Edits on nodes"
        value={wish.mode}
        onChange={(mode) => set({ mode })}
        choices={MODES.map((mode) => ({ value: mode.value, label: mode.label, description: mode.sentence }))}
      />
      <ItemsField items={wish.items} onChange={(items) => set({ items })} />
      <Reach reach={reach} whyNot={whyNot} />
    </FormDialog>
  );
}

const PAUSE_MS = 250;

/** Whether a publication has the name: saving would replace it. */
function useTaken(name: string): boolean {
  const [asked] = useDebouncedValue(name, PAUSE_MS);
  const found = useQuery({
    queryKey: ["publications", "named", asked],
    queryFn: ({ signal }) => api.sharing.listPublications({ options: { filter: `name=${asked}` } }, { signal }),
    enabled: asked !== "" && !/\s/.test(asked),
  });
  return found.data?.publications.some((one) => one.name === name) ?? false;
}
