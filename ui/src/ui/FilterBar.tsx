// The filter of a list: one line in the same grammar as the command line's, and the values there are with their counts.
import { Chip, Group, Text } from "@mantine/core";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";

import type { Facet } from "../api/generated/atoll/v1/common_pb";
import { actionWords } from "../audit/words";
import { IconButton } from "./Button";
import { TextField } from "./TextField";
import { stateLabel } from "./state";

/** A pause in typing after which the filter is applied. */
const PAUSE_MS = 40;

type FilterBarProps = {
  label: string;
  value: string;
  onChange: (filter: string) => void;
  facets?: readonly Facet[] | undefined;
  /** Facets to offer, and what to call them. */
  facetLabels?: Record<string, string>;
  placeholder?: string;
  aside?: ReactNode;
};

export function FilterBar({ label, value, onChange, facets = [], facetLabels = {}, placeholder = "name, key=value, key!=value", aside }: FilterBarProps) {
  const [text, setText] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const applied = useRef(value);
  useEffect(() => {
    // Changed from outside, such as by going back: what is typed follows.
    if (value !== applied.current) {
      applied.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text === applied.current) return;
    const timer = setTimeout(() => {
      applied.current = text;
      onChange(text);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, onChange]);
  const set = (next: string) => {
    applied.current = next;
    setText(next);
    onChange(next);
  };
  return (
    <search className="filter">
      <div className="filter-row">
        <div className="filter-field">
          <TextField
            label={label}
            isHiddenLabel
            value={text}
            onChange={setText}
            placeholder={placeholder}
            monospace
            inputRef={field}
            onKeyDown={(event) => {
              if (event.key === "Escape" && text !== "") set("");
            }}
          />
        </div>
        {text !== "" ? <IconButton label="Clear filter" icon={X} onClick={() => set("")} /> : null}
        {aside}
      </div>
      <div className="facets">
      {Object.entries(facetLabels).map(([name, title]) => {
        const values = facets.find((facet) => facet.field === name)?.values.filter((one) => one.value !== "") ?? [];
        if (values.length === 0) return null;
        return (
          <Group key={name} gap={6} role="group" aria-label={`Filter by ${title}`}>
            <Text size="xs" c="dimmed">
              {title}
            </Text>
            {values.slice(0, 8).map((one) => {
              const term = `${name}=${one.value}`;
              const isOn = hasTerm(text, term);
              return (
                <Chip key={one.value} size="xs" variant="outline" checked={isOn} onChange={() => set(toggleTerm(text, term))}>
                  {stateLabelFor(name, one.value)} <span className="count">{one.count.toLocaleString("en")}</span>
                </Chip>
              );
            })}
          </Group>
        );
      })}
      </div>
    </search>
  );
}

function stateLabelFor(field: string, value: string): string {
  if (field === "state" || field === "sync") return stateLabel(value);
  if (field === "action") return actionWords(value);
  if (field === "in_sync") return value === "true" ? "In sync" : "Not in sync";
  if (field === "has_draft") return value === "true" ? "With a draft" : "All released";
  return value;
}

export function hasTerm(filter: string, term: string): boolean {
  return filter.split(/\s+/).includes(term);
}

/** Adds a term, or takes it away; a field has one value at a time. */
export function toggleTerm(filter: string, term: string): string {
  const words = filter.split(/\s+/).filter((word) => word !== "");
  if (words.includes(term)) return words.filter((word) => word !== term).join(" ");
  const field = term.slice(0, term.indexOf("=") + 1);
  return [...words.filter((word) => !word.startsWith(field)), term].join(" ");
}
