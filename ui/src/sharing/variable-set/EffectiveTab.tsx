// What a node or place gets for each name, explained value by value.
import { useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight, Lock } from "lucide-react";
import { useMemo, useState } from "react";

import { api } from "../../api/client";
import type { EffectiveVariable, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { IconButton } from "../../ui/Button";
import { CopyCli } from "../../ui/copy";
import { type Column, DataGrid } from "../../ui/DataGrid";
import { readValue } from "../../ui/Diff";
import { Answer, Empty, Note } from "../../ui/feedback";
import { Section } from "../../ui/Page";
import { State } from "../../ui/state";
import { GridPlace } from "../resource/GridPlace";
import type { Content } from "../resource/read";
import { ROLE_WORDS, type Row, rowsOf } from "./explain";
import { ModeSwitch } from "./ModeSwitch";
import { effectiveCommand, type Place, placeText } from "./place";
import { PlaceForm } from "./PlaceForm";
import { valuesOf } from "./values";

type EffectiveProps = { resource: Resource; content: Content | undefined; place: Place; onPlace: (place: Place) => void; onValues: () => void };

export function EffectiveTab({ resource, content, place, onPlace, onValues }: EffectiveProps) {
  const { words: _, ...where } = place;
  const known = useMemo(() => (content ? valuesOf(content) : []), [content]);
  const asked = useQuery({
    queryKey: ["effective", resource.id, where],
    queryFn: ({ signal }) => api.sharing.getEffectiveVariables({ resource: resource.id, ...where }, { signal }),
  });
  return (
    <div className="form">
      <ModeSwitch mode="effective" onMode={(mode) => mode === "values" && onValues()} />
      {place.node === "" && resource.hasDraft ? (
        <Note title="This is the draft">
          Worked out from the draft; {resource.version ? `nodes have ${resource.version} until it is published.` : "nodes get nothing of it until it is published."}
        </Note>
      ) : null}
      <PlaceForm key={JSON.stringify(place)} place={place} known={known} onPlace={onPlace} />
      <Section title={`What applies for ${placeText(place)}`} actions={<CopyCli command={effectiveCommand(resource.name, place)} />}>
        <p className="page-lead">
          The most specific value wins: a target before a role, a role before an environment, an environment before a group, a nearer group before a wider one,
          and each of them before everywhere.
        </p>
        <Answer of={asked} what="what applies">
          {(answer) => <Answers variables={answer.variables} words={place.words} />}
        </Answer>
      </Section>
    </div>
  );
}

function Answers({ variables, words }: { variables: readonly EffectiveVariable[]; words: string }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => rowsOf(variables, words, open), [variables, words, open]);
  const toggle = (id: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <GridPlace rows={rows.length}>
      <DataGrid
        label="What applies"
        rows={rows}
        total={rows.length}
        getId={(row) => row.id}
        getName={(row) => row.variable.name}
        onOpen={(row) => row.kind === "answer" && toggle(row.id)}
        columns={columnsOf(toggle)}
        empty={<Empty title={words ? "No name contains this" : "The set has no names"}>{words ? "Clear the field to see all." : "Add a value first."}</Empty>}
      />
    </GridPlace>
  );
}

function columnsOf(toggle: (id: string) => void): Column<Row>[] {
  return [
    {
      id: "name",
      header: "Name",
      width: "minmax(16rem, 2fr)",
      cell: (row) =>
        row.kind === "step" ? (
          <span className="effective-step">
            Considered {row.number} of {row.variable.considered.length}
          </span>
        ) : (
          <NameCell row={row} onToggle={() => toggle(row.id)} />
        ),
    },
    {
      id: "outcome",
      header: "Outcome",
      width: "minmax(11rem, 1fr)",
      cell: (row) => (row.kind === "step" ? <strong>{ROLE_WORDS[row.role]}</strong> : <State of={row.variable.outcome} />),
    },
    {
      id: "value",
      header: "Value or scope",
      width: "minmax(14rem, 2fr)",
      cell: (row) => (row.kind === "step" ? <bdi title={row.step.scope}>for {row.step.scope}</bdi> : <EffectiveValue of={row.variable} />),
    },
    {
      id: "why",
      header: "Why",
      width: "minmax(16rem, 3fr)",
      cell: (row) => <bdi title={whyOf(row)}>{whyOf(row)}</bdi>,
    },
  ];
}

function NameCell({ row, onToggle }: { row: Extract<Row, { kind: "answer" }>; onToggle: () => void }) {
  const { name } = row.variable;
  return (
    <span className="resource-acts" title={name}>
      <IconButton label={row.isOpen ? `Hide why for ${name}` : `Explain ${name}`} icon={row.isOpen ? ChevronDown : ChevronRight} onClick={onToggle} />
      <bdi className="value-name">{name}</bdi>
    </span>
  );
}

function whyOf(row: Row): string {
  if (row.kind === "step") return row.step.why;
  const [first] = row.variable.considered;
  if (row.variable.outcome === "value" && first) return `for ${first.scope}: ${first.why}`;
  const count = row.variable.considered.length;
  if (row.variable.outcome === "ambiguous") return "several values are equally specific here";
  return count === 1 ? "its one value does not apply here" : `none of its ${count} values applies here`;
}

function EffectiveValue({ of }: { of: EffectiveVariable }) {
  if (of.outcome !== "value") return <span className="resource-dim">none</span>;
  if (of.sensitive) {
    return (
      <span className="resource-acts">
        <Lock size={14} aria-hidden /> sensitive, never shown
      </span>
    );
  }
  const { text, isText } = readValue(of.value);
  return isText ? (
    <code title={text}>
      <bdi>{text}</bdi>
    </code>
  ) : (
    <span className="resource-dim">{text}</span>
  );
}
