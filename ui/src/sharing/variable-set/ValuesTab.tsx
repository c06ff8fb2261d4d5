// Every value that is written in a set. Thousands of them are as quick as ten: only rows in sight are drawn.
import { Lock, Pencil, Plus, Trash2 } from "lucide-react";
import { useMemo, useState } from "react";

import type { Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Button, IconButton } from "../../ui/Button";
import type { Column } from "../../ui/DataGrid";
import { Empty } from "../../ui/feedback";
import { ListView } from "../../ui/ListView";
import { GridPlace } from "../resource/GridPlace";
import type { Content } from "../resource/read";
import { ModeSwitch } from "./ModeSwitch";
import { RemoveDialog } from "./RemoveDialog";
import { ScopeChips } from "./ScopeChips";
import { ValueDialog } from "./ValueDialog";
import { facetsOf, filtered, scopeText, type Value, valuesOf } from "./values";

type ValuesProps = {
  resource: Resource;
  revision: string;
  content: Content;
  filter: string;
  onFilter: (filter: string) => void;
  onEffective: () => void;
  onConflict: (id: string) => void;
  /** Why nothing can be changed here now. */
  lockedReason: string | undefined;
};

type Open = { kind: "edit"; value: Value | undefined } | { kind: "remove"; value: Value };

export function ValuesTab(props: ValuesProps) {
  const { resource, revision, content, filter, onFilter, lockedReason } = props;
  const [open, setOpen] = useState<Open>();
  const all = useMemo(() => valuesOf(content), [content]);
  const shown = useMemo(() => filtered(all, filter), [all, filter]);
  const facets = useMemo(() => facetsOf(shown), [shown]);
  const columns = useMemo(() => columnsOf(lockedReason, setOpen), [lockedReason]);
  const close = () => setOpen(undefined);
  const add = (
    <Button icon={Plus} disabledReason={lockedReason} onClick={() => setOpen({ kind: "edit", value: undefined })}>
      Add a value
    </Button>
  );
  return (
    <GridPlace rows={shown.length}>
      <ModeSwitch mode="values" onMode={(mode) => mode === "effective" && props.onEffective()} />
      <ListView
        what="values"
        list={{ rows: shown, total: shown.length, facets, hasMore: false, onMore: nothing, error: undefined, isPending: false, refetch: nothing }}
        columns={columns}
        getId={(value) => String(value.index)}
        getName={(value) => `${value.name}, ${scopeText(value.scope)}`}
        onOpen={(value) => (lockedReason === undefined ? setOpen({ kind: "edit", value }) : undefined)}
        filter={filter}
        onFilter={onFilter}
        facetLabels={{ scope: "Scope", environment: "Environment", role: "Role", target: "Target", group: "Group" }}
        aside={add}
        empty={
          <Empty title="No value yet" actions={add}>
            A name can have many values, each for some environments, roles, targets or groups. A node gets the most specific one. On the command line:{" "}
            <code>atoll vars set SET NAME VALUE --environment production</code>
          </Empty>
        }
      />
      {open?.kind === "edit" ? (
        <ValueDialog base={{ set: resource.id, revision, content }} setName={resource.name} value={open.value} known={all} onConflict={props.onConflict} onClose={close} />
      ) : null}
      {open?.kind === "remove" ? <RemoveDialog set={resource} value={open.value} onClose={close} /> : null}
    </GridPlace>
  );
}

function nothing(): void {}

function columnsOf(lockedReason: string | undefined, onOpen: (open: Open) => void): Column<Value>[] {
  return [
    { id: "name", header: "Name", width: "minmax(14rem, 1.5fr)", cell: (value) => <Name value={value} /> },
    { id: "value", header: "Value", width: "minmax(14rem, 2fr)", cell: (value) => <ValueText value={value} /> },
    { id: "scope", header: "Defined for", width: "minmax(14rem, 2fr)", cell: (value) => <ScopeChips of={value.scope} /> },
    {
      id: "acts",
      header: "Actions",
      width: "7rem",
      cell: (value) => (
        <span className="resource-acts">
          <IconButton
            label={`${value.isSensitive ? "Replace" : "Edit"} ${value.name}, ${scopeText(value.scope)}`}
            icon={Pencil}
            disabledReason={lockedReason}
            onClick={() => onOpen({ kind: "edit", value })}
          />
          <IconButton
            label={`Remove ${value.name}, ${scopeText(value.scope)}`}
            icon={Trash2}
            disabledReason={lockedReason}
            onClick={() => onOpen({ kind: "remove", value })}
          />
        </span>
      ),
    },
  ];
}

function Name({ value }: { value: Value }) {
  // The name stands once; further values of it are told to readers, and shown as belonging to it.
  if (!value.isFirst) {
    return (
      <span className="value-again">
        <span aria-hidden>↳</span>
        <span className="visually-hidden">{value.name}</span>
      </span>
    );
  }
  return (
    <span title={value.description || value.name}>
      <bdi className="value-name">{value.name}</bdi>
      {value.isRequired ? <span className="value-mark">required</span> : null}
      {value.siblings > 1 ? <span className="resource-dim"> {value.siblings.toLocaleString("en")} values</span> : null}
    </span>
  );
}

function ValueText({ value }: { value: Value }) {
  if (value.value === undefined) return <span className="resource-dim">no value, only declared</span>;
  if (value.value === null) return <span className="resource-dim">explicit null</span>;
  if (value.isSensitive) {
    return (
      <span className="resource-acts">
        <Lock size={14} aria-hidden /> sensitive, never shown
      </span>
    );
  }
  if (value.value === "") return <span className="resource-dim">an empty text</span>;
  const lines = value.value.split("\n");
  return (
    <span title={value.value}>
      <code>
        <bdi>{lines[0]}</bdi>
      </code>
      {lines.length > 1 ? <span className="resource-dim"> and {(lines.length - 1).toLocaleString("en")} more lines</span> : null}
    </span>
  );
}
