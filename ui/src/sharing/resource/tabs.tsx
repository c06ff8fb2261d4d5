// The tabs that resources of every kind have.
import { useState } from "react";

import type { GetResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import type { Tab } from "../../ui/Tabs";
import { PublishTab } from "../publish/PublishTab";
import { VersionsTab } from "../revision/VersionsTab";
import type { Kind } from "./kind";
import { SettingsTab } from "./SettingsTab";
import { UsagesTab } from "./UsagesTab";

export type ResourceSearch = { [key in "tab" | "revision" | "from" | "to" | "filter"]?: string | undefined };

type CommonTabs = { kind: Kind; answer: GetResourceResponse; search: ResourceSearch; onSearch: (next: ResourceSearch) => void; firstTab: string };

export function useCommonTabs({ kind, answer, search, onSearch, firstTab }: CommonTabs): Tab[] {
  const [order, setOrder] = useState("");
  const { resource } = answer;
  if (!resource) return [];
  const versions = () => (
    <VersionsTab kind={kind} resource={resource} search={search} onSearch={onSearch} onShow={(revision) => onSearch({ tab: firstTab, revision, filter: "" })} />
  );
  const usages = () => (
    <UsagesTab kind={kind} resource={resource} filter={search.filter ?? ""} order={order} onFilter={(filter) => onSearch({ filter })} onOrder={setOrder} />
  );
  return [
    { value: "versions", label: "Versions", content: versions },
    { value: "usages", label: "Usages", content: usages },
    { value: "publish", label: "Publish", content: () => <PublishTab kind={kind} resource={resource} /> },
    { value: "settings", label: "Settings", content: () => <SettingsTab kind={kind} answer={answer} /> },
  ];
}

