// Tabs whose choice is part of the page's address.
import { Tabs as MantineTabs } from "@mantine/core";
import type { ReactNode } from "react";

export type Tab = { value: string; label: ReactNode; content: () => ReactNode };

type TabsProps = { label: string; tabs: readonly Tab[]; value: string; onChange: (value: string) => void };

export function Tabs({ label, tabs, value, onChange }: TabsProps) {
  const known = tabs.some((tab) => tab.value === value) ? value : (tabs[0]?.value ?? "");
  return (
    <MantineTabs value={known} onChange={(next) => next && onChange(next)} keepMounted={false}>
      <MantineTabs.List aria-label={label}>
        {tabs.map((tab) => (
          <MantineTabs.Tab key={tab.value} value={tab.value}>
            {tab.label}
          </MantineTabs.Tab>
        ))}
      </MantineTabs.List>
      {tabs.map((tab) => (
        <MantineTabs.Panel key={tab.value} value={tab.value} pt="md" className="tab-panel">
          {tab.content()}
        </MantineTabs.Panel>
      ))}
    </MantineTabs>
  );
}
