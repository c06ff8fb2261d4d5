// Search or run a command: places, acts, and whatever in the fleet has the typed name.
import { Modal, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useId, useState } from "react";

import { api } from "../api/client";
import { problemOf } from "../api/problem";
import { PLACES } from "./places";

type Entry = { id: string; label: string; kind: string; to: string; search?: Record<string, string> };

const ACTS: readonly Entry[] = [
  { id: "act-enrol", label: "Enroll a node", kind: "Act", to: "/enrol", search: { step: "new" } },
  { id: "act-template", label: "New or imported template", kind: "Act", to: "/templates", search: { new: "1" } },
  { id: "act-set", label: "New variable set", kind: "Act", to: "/variable-sets", search: { new: "1" } },
  { id: "act-publication", label: "New publication", kind: "Act", to: "/publications", search: { new: "1" } },
  { id: "act-group", label: "New group", kind: "Act", to: "/groups", search: { new: "1" } },
  { id: "act-offline", label: "Show nodes that are offline", kind: "Act", to: "/nodes", search: { filter: "state=offline" } },
  { id: "act-behind", label: "Show nodes that are not in sync", kind: "Act", to: "/nodes", search: { filter: "in_sync=false" } },
];

/** Hits per kind. */
const MOST = 6;

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const navigate = useNavigate();
  const listId = useId();
  const found = useQuery({
    queryKey: ["who", "palette", typed],
    enabled: typed.trim().length > 1,
    queryFn: ({ signal }) => findInFleet(typed.trim(), signal),
    placeholderData: (before) => before,
  });
  const places: Entry[] = PLACES.flatMap(({ places: all }) =>
    all.map((place) => ({ id: place.to, label: `Go to ${place.label}`, kind: "Place", to: place.to })),
  );
  const words = typed.toLowerCase().split(/\s+/);
  // Hits of the text before stay until the new ones are there; those that no longer fit must not be gone to.
  const fits = (entry: Entry) => words.every((word) => entry.label.toLowerCase().includes(word));
  const named = typed.trim().length > 1 ? (found.data ?? []) : [];
  const entries = [...named, ...places, ...ACTS].filter(fits).slice(0, 24);
  const current = Math.min(chosen, entries.length - 1);
  const open = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    void navigate({ to: entry.to, search: (entry.search ?? {}) as never });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setChosen(Math.min(entries.length - 1, current + 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(0, current - 1));
    else if (event.key === "Enter") open(entries[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size="lg" padding={0} aria-label="Search or run a command" transitionProps={{ duration: 0 }}>
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        px="md"
        value={typed}
        placeholder="Type the name of a page, node or resource"
        aria-label="Search or run a command"
        role="combobox"
        aria-expanded={entries.length > 0}
        aria-controls={listId}
        aria-activedescendant={entries[current] ? `${listId}-${current}` : undefined}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={press}
      />
      <div role="listbox" id={listId} aria-label="What was found" className="palette">
        {entries.map((entry, index) => (
          <div
            key={entry.id}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === current}
            className="palette-entry"
            onMouseEnter={() => setChosen(index)}
            onClick={() => open(entry)}
          >
            <bdi>{entry.label}</bdi>
            <span className="palette-kind">{entry.kind}</span>
          </div>
        ))}
      </div>
      {entries.length === 0 ? (
        <Text p="md" size="sm" c="dimmed" role="status">
          {found.error ? problemOf(found.error).text : "No matches."}
        </Text>
      ) : null}
    </Modal>
  );
}

async function findInFleet(typed: string, signal: AbortSignal): Promise<Entry[]> {
  // Words of a filter may not hold an equals sign; a name never does.
  const options = { filter: typed.replaceAll("=", " "), pageSize: MOST };
  const [nodes, resources, publications] = await Promise.all([
    api.fleet.listNodes({ options }, { signal }),
    api.sharing.listResources({ options }, { signal }),
    api.sharing.listPublications({ options }, { signal }),
  ]);
  return [
    ...nodes.nodes.map((node) => ({ id: node.id, label: node.name, kind: "Node", to: `/nodes/${encodeURIComponent(node.name)}` })),
    ...resources.resources.map((resource) => {
      const isSet = resource.kind === "variable_set";
      const to = `/${isSet ? "variable-sets" : "templates"}/${encodeURIComponent(resource.name)}`;
      return { id: resource.id, label: resource.name, kind: isSet ? "Variable set" : "Template", to };
    }),
    ...publications.publications.map((publication) => ({
      id: publication.id,
      label: publication.name,
      kind: "Publication",
      to: `/publications/${encodeURIComponent(publication.name)}`,
    })),
  ];
}
