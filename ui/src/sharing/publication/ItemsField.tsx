// The resources of a publication: found by name, each following its newest release or staying at one.
import { Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../../api/client";
import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Button, IconButton } from "../../ui/Button";
import { ProblemNote } from "../../ui/feedback";
import { Checkbox, Select, TextField } from "../../ui/fields";
import { SimpleTable } from "../../ui/SimpleTable";
import { tellProblem } from "../../ui/toast";
import { kindOf } from "../ResourceLink";
import { type Item, itemOf } from "./wish";

const FOUND_MOST = 30;
const PAGE_SIZE = 1_000;
const PAUSE_MS = 150;
/** Rows drawn at first; a publication may carry thousands. */
const ROWS_AT_FIRST = 100;

type ItemsProps = { items: Item[]; onChange: (items: Item[]) => void };

export function ItemsField({ items, onChange }: ItemsProps) {
  const [isWhole, setWhole] = useState(false);
  const set = (item: Item) => onChange(items.map((one) => (one.resourceId === item.resourceId ? item : one)));
  return (
    <section className="publication-items" aria-label="Resources">
      <Title order={3} size="h5">
        Resources ({items.length.toLocaleString("en")})
      </Title>
      <ResourcePicker items={items} onChange={onChange} />
      <SimpleTable
        label="Chosen resources"
        rows={isWhole ? items : items.slice(0, ROWS_AT_FIRST)}
        getId={(item) => item.resourceId}
        empty={<p className="publication-line">None yet. A publication without resources delivers nothing.</p>}
        columns={[
          { header: "Resource", cell: (item) => <bdi>{item.name}</bdi> },
          { header: "Kind", cell: (item) => kindOf(item.kind).noun },
          { header: "Version", cell: (item) => <VersionField item={item} onChange={set} /> },
          {
            header: "Actions",
            cell: (item) => (
              <IconButton label={`Take ${item.name} out`} icon={Trash2} onClick={() => onChange(items.filter((one) => one !== item))} />
            ),
          },
        ]}
      />
      {!isWhole && items.length > ROWS_AT_FIRST ? (
        <Button size="xs" onClick={() => setWhole(true)}>
          Show all {items.length.toLocaleString("en")}
        </Button>
      ) : null}
    </section>
  );
}

/** Words of a filter may not hold an equals sign. */
const filterOf = (typed: string) => typed.replaceAll("=", " ").trim();

function ResourcePicker({ items, onChange }: ItemsProps) {
  const [typed, setTyped] = useState("");
  const [asked] = useDebouncedValue(typed, PAUSE_MS);
  const [isAdding, setAdding] = useState(false);
  const found = useQuery({
    queryKey: ["resources", "pick", filterOf(asked)],
    queryFn: ({ signal }) => api.sharing.listResources({ options: { filter: filterOf(asked), pageSize: FOUND_MOST } }, { signal }),
    placeholderData: keepPreviousData,
  });
  const chosen = new Set(items.map((item) => item.resourceId));
  const toggle = (resource: Resource, isOn: boolean) =>
    onChange(isOn ? [...items, itemOf(resource)] : items.filter((item) => item.resourceId !== resource.id));
  const addAll = async () => {
    setAdding(true);
    try {
      const all = await everyResource(filterOf(typed));
      onChange([...items, ...all.filter((resource) => !chosen.has(resource.id)).map(itemOf)]);
    } catch (error) {
      tellProblem(error);
    } finally {
      setAdding(false);
    }
  };
  const total = Number(found.data?.summary?.total ?? 0n);
  return (
    <div className="publication-picker">
      <TextField label="Find a template or variable set" value={typed} onChange={setTyped} placeholder="Part of its name" />
      {found.error ? <ProblemNote error={found.error} onRetry={() => void found.refetch()} /> : null}
      <div className="publication-found" role="group" aria-label="Search results">
        {found.data?.resources.map((resource) => (
          <Checkbox
            key={resource.id}
            label={
              <>
                <bdi>{resource.name}</bdi> <span className="dim">{kindOf(resource.kind).noun}</span>
              </>
            }
            checked={chosen.has(resource.id)}
            onChange={(isOn) => toggle(resource, isOn)}
          />
        ))}
      </div>
      <div className="publication-line" role="status">
        {found.isPending ? "Looking for resources…" : total === 0 ? "No resource has that name." : foundWords(found.data?.resources.length ?? 0, total)}{" "}
        {total > 1 ? (
          <Button size="xs" isBusy={isAdding} onClick={() => void addAll()}>
            Add all {total.toLocaleString("en")}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function foundWords(shown: number, total: number): string {
  return shown < total ? `${shown} of ${total.toLocaleString("en")} shown: type more of the name.` : `${total.toLocaleString("en")} found.`;
}

async function everyResource(filter: string): Promise<Resource[]> {
  const all: Resource[] = [];
  let pageToken = "";
  do {
    const page = await api.sharing.listResources({ options: { filter, pageSize: PAGE_SIZE, pageToken } });
    all.push(...page.resources);
    pageToken = page.summary?.nextPageToken ?? "";
  } while (pageToken !== "");
  return all;
}

function VersionField({ item, onChange }: { item: Item; onChange: (item: Item) => void }) {
  const isPinned = item.policy === "pin";
  const releases = useQuery({
    queryKey: ["resource", item.kind, item.resourceId, "releases"],
    queryFn: ({ signal }) => api.sharing.getResource({ kind: item.kind, resource: item.resourceId }, { signal }),
    enabled: isPinned,
  });
  const versions = new Set([...(item.version ? [item.version] : []), ...(releases.data?.releases.map((release) => release.version) ?? [])]);
  return (
    <div className="publication-version">
      <Select
        label={`Which version of ${item.name}`}
        isHiddenLabel
        value={item.policy}
        onChange={(policy) => onChange({ ...item, policy, version: policy === "pin" ? item.version : "" })}
        choices={[
          { value: "latest", label: "Always the latest" },
          { value: "pin", label: "Pinned to" },
        ]}
      />
      {isPinned ? (
        <Select
          label={`The version ${item.name} is pinned to`}
          isHiddenLabel
          value={item.version}
          onChange={(version) => onChange({ ...item, version })}
          choices={[
            { value: "", label: releases.isPending ? "Loading versions…" : versions.size === 0 ? "Never released" : "Choose a version" },
            ...[...versions].map((version) => ({ value: version, label: version })),
          ]}
        />
      ) : null}
    </div>
  );
}
