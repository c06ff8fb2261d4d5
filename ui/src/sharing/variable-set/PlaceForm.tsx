// Choosing a node, or describing a place.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { api } from "../../api/client";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/fields";
import { SuggestField } from "../../ui/SuggestField";
import { useKnownScopes } from "./knownScopes";
import { NOWHERE, type Place } from "./place";
import type { Value } from "./values";

type PlaceFormProps = { place: Place; known: readonly Value[]; onPlace: (place: Place) => void };

export function PlaceForm({ place, known, onPlace }: PlaceFormProps) {
  const [draft, setDraft] = useState(place);
  const set = (field: keyof Place) => (value: string) => setDraft((before) => ({ ...before, [field]: value }));
  const choices = useKnownScopes(known);
  const nodes = useNodeNames(draft.node);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onPlace(draft);
  };
  const clear = () => {
    setDraft(NOWHERE);
    onPlace(NOWHERE);
  };
  return (
    <form className="panel form" onSubmit={submit} aria-label="Node or place">
      <p className="page-lead">
        A node's labels, group and name define the place, and its local edit counts. Use the other fields without a node, or to override the node's.
      </p>
      <div className="place-fields">
        <SuggestField label="Node" value={draft.node} onChange={set("node")} suggestions={nodes} />
        <SuggestField label="Environment" value={draft.environment} onChange={set("environment")} suggestions={choices.environments} />
        <SuggestField label="Role" value={draft.role} onChange={set("role")} suggestions={choices.roles} />
        <SuggestField label="Target" value={draft.target} onChange={set("target")} suggestions={choices.targets} />
        <SuggestField label="Group" value={draft.group} onChange={set("group")} suggestions={choices.groups} />
        <TextField label="Only names that contain" value={draft.words} onChange={set("words")} />
      </div>
      <div className="form-actions">
        <Button onClick={clear}>Clear</Button>
        <Button type="submit" kind="primary">
          Show what applies
        </Button>
      </div>
    </form>
  );
}

function useNodeNames(typed: string): string[] {
  const filter = typed.replaceAll("=", " ");
  const asked = useQuery({
    queryKey: ["nodes", "names", filter],
    queryFn: ({ signal }) => api.fleet.listNodes({ options: { filter, pageSize: 50 } }, { signal }),
    placeholderData: keepPreviousData,
  });
  return (asked.data?.nodes ?? []).map((node) => node.name);
}
