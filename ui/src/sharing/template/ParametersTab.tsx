// What a template asks for, in the order in which it asks.
import { ArrowDown, ArrowUp, Lock, Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "../../ui/Button";
import { Empty } from "../../ui/feedback";
import { SimpleTable } from "../../ui/SimpleTable";
import type { Editing } from "../resource/editing";
import type { Content } from "../resource/read";
import { controlLabel, controlOf, moved, type Parameter, parametersOf, shownValue, text, withParameters } from "./content";
import { ParameterDialog } from "./ParameterDialog";
import { saysSensitive } from "../../ui/sensitive";

type ParametersProps = {
  content: Content;
  editing: Editing;
  /** Why nothing can be changed here now. */
  lockedReason: string | undefined;
};

export function ParametersTab({ content, editing, lockedReason }: ParametersProps) {
  const [open, setOpen] = useState<number>();
  const parameters = parametersOf((lockedReason ? undefined : editing.edit?.content) ?? content);
  const change = (next: (before: Parameter[]) => Parameter[]) => editing.change((before) => withParameters(before, next(parametersOf(before))));
  const add = (
    <Button icon={Plus} disabledReason={lockedReason} onClick={() => setOpen(parameters.length)}>
      Add a parameter
    </Button>
  );
  const rows = parameters.map((parameter, index) => ({ parameter, index }));
  return (
    <div className="form">
      <SimpleTable
        label="Parameters"
        rows={rows}
        getId={({ parameter, index }) => `${text(parameter, "Id") || text(parameter, "Name")} ${index}`}
        empty={
          <Empty title="No parameters" actions={add}>
            A parameter is a value that a step gives to the template, such as the name of a service. The script reads it by its name.
          </Empty>
        }
        columns={[
          { header: "Parameter", cell: ({ parameter }) => <Named parameter={parameter} /> },
          { header: "Help", cell: ({ parameter }) => <bdi className="resource-prose">{text(parameter, "HelpText") || "none"}</bdi> },
          { header: "Default", cell: ({ parameter }) => <Default parameter={parameter} /> },
          { header: "Control", cell: ({ parameter }) => controlLabel(controlOf(parameter)) },
          {
            header: "Actions",
            cell: ({ parameter, index }) => (
              <Acts
                name={text(parameter, "Name")}
                lockedReason={lockedReason}
                isFirst={index === 0}
                isLast={index === rows.length - 1}
                onEdit={() => setOpen(index)}
                onMove={(by) => change((before) => moved(before, index, by))}
                onRemove={() => change((before) => before.filter((_, place) => place !== index))}
              />
            ),
          },
        ]}
      />
      {parameters.length > 0 ? <div>{add}</div> : null}
      {open === undefined ? null : (
        <ParameterDialog
          parameter={parameters[open]}
          others={parameters.filter((_, index) => index !== open).map((parameter) => text(parameter, "Name"))}
          onDone={(parameter) => change((before) => [...before.slice(0, open), parameter, ...before.slice(open + 1)])}
          onClose={() => setOpen(undefined)}
        />
      )}
    </div>
  );
}

function Named({ parameter }: { parameter: Parameter }) {
  const label = text(parameter, "Label");
  return (
    <span className="resource-stack">
      <bdi>{label || text(parameter, "Name")}</bdi>
      <code className="resource-dim">
        <bdi>{text(parameter, "Name")}</bdi>
      </code>
    </span>
  );
}

function Default({ parameter }: { parameter: Parameter }) {
  const { text: shown, isValue } = shownValue(parameter["DefaultValue"], saysSensitive(controlOf(parameter)));
  if (isValue) return <code className="resource-prose">{shown}</code>;
  return (
    <span className="resource-dim">
      {shown.startsWith("sensitive") ? <Lock size={13} aria-hidden /> : null} {shown}
    </span>
  );
}

type ActsProps = {
  name: string;
  lockedReason: string | undefined;
  isFirst: boolean;
  isLast: boolean;
  onEdit: () => void;
  onMove: (by: number) => void;
  onRemove: () => void;
};

function Acts({ name, lockedReason, isFirst, isLast, onEdit, onMove, onRemove }: ActsProps) {
  return (
    <span className="resource-acts">
      <IconButton label={`Edit ${name}`} icon={Pencil} disabledReason={lockedReason} onClick={onEdit} />
      <IconButton label={`Move ${name} up`} icon={ArrowUp} disabledReason={lockedReason ?? (isFirst ? "It is the first" : undefined)} onClick={() => onMove(-1)} />
      <IconButton label={`Move ${name} down`} icon={ArrowDown} disabledReason={lockedReason ?? (isLast ? "It is the last" : undefined)} onClick={() => onMove(1)} />
      <IconButton label={`Remove ${name}`} icon={Trash2} disabledReason={lockedReason} onClick={onRemove} />
    </span>
  );
}
