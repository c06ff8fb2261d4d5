// One parameter as a form. What it changes becomes part of the open edit, and is saved with it.
import { type FormEvent, useState } from "react";

import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { isSealed } from "../../ui/Diff";
import { Checkbox, Select, TextArea, TextField } from "../../ui/fields";
import type { Content } from "../resource/read";
import { newId } from "../resource/write";
import { SealedField } from "./ContentForm";
import { CONTROLS, controlOf, optionsOf, type Parameter, text, withControl } from "./content";
import { saysSensitive } from "../../ui/sensitive";

type ParameterDialogProps = {
  /** Absent for a new one. */
  parameter: Parameter | undefined;
  /** Names that are taken. */
  others: readonly string[];
  onDone: (parameter: Parameter) => void;
  onClose: () => void;
};

export function ParameterDialog({ parameter, others, onDone, onClose }: ParameterDialogProps) {
  const [draft, setDraft] = useState<Parameter>(() => parameter ?? fresh());
  const control = controlOf(draft);
  const set = (key: string) => (value: unknown) => setDraft((before) => ({ ...before, [key]: value }));
  const problem = problemOf(text(draft, "Name"), others);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (problem) return;
    onDone(draft);
    onClose();
  };
  return (
    <Dialog title={parameter ? `Parameter ${text(parameter, "Name")}` : "New parameter"} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <TextField label="Name" description="The script reads it by this name." value={text(draft, "Name")} onChange={set("Name")} required autoFocus monospace />
        <TextField label="Label" description="What people see." value={text(draft, "Label")} onChange={set("Label")} />
        <TextArea label="Help" value={text(draft, "HelpText")} onChange={set("HelpText")} rows={2} />
        <Select
          label="Control"
          value={control}
          choices={controlChoices(control)}
          onChange={(next) => setDraft((before) => withDefaultFor(next, withControl(before, next, optionsOf(before))))}
        />
        {control === "Select" ? (
          <TextArea
            label="Options"
            description="One option per line: value, or value|label."
            value={optionsOf(draft)}
            onChange={(options) => setDraft((before) => withControl(before, "Select", options))}
            monospace
          />
        ) : null}
        <DefaultField parameter={draft} onChange={set("DefaultValue")} />
        <div className="form-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" disabledReason={problem}>
            {parameter ? "Take the changes" : "Add"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function DefaultField({ parameter, onChange }: { parameter: Parameter; onChange: (value: unknown) => void }) {
  const value = parameter["DefaultValue"];
  const control = controlOf(parameter);
  if (saysSensitive(control)) {
    return <SealedField label="Default" value={isSealed(value) ? (value as Content) : { HasValue: false, NewValue: null }} onChange={onChange} />;
  }
  if (control === "Checkbox") {
    return <Checkbox label="Checked by default" checked={String(value).toLowerCase() === "true"} onChange={(isOn) => onChange(isOn ? "True" : "False")} />;
  }
  const shown = typeof value === "string" ? value : value === null || value === undefined || isSealed(value) ? "" : String(value);
  return control === "MultiLineText" ? (
    <TextArea label="Default" value={shown} onChange={onChange} />
  ) : (
    <TextField label="Default" value={shown} onChange={onChange} />
  );
}

/** A sealed default cannot be one of another control, nor the other way round. */
function withDefaultFor(control: string, parameter: Parameter): Parameter {
  const isSensitive = saysSensitive(control);
  return isSealed(parameter["DefaultValue"]) === isSensitive
    ? parameter
    : { ...parameter, DefaultValue: isSensitive ? { HasValue: false, NewValue: null } : "" };
}

function problemOf(name: string, others: readonly string[]): string | undefined {
  if (name.trim() === "") return "Give it a name";
  const isTaken = others.some((other) => other.toLowerCase() === name.trim().toLowerCase());
  return isTaken ? "Another parameter has this name; names are not case-sensitive" : undefined;
}

function controlChoices(current: string) {
  const isKnown = CONTROLS.some((one) => one.value === current);
  return isKnown ? CONTROLS : [...CONTROLS, { value: current, label: current }];
}

function fresh(): Parameter {
  return { Id: newId(), Name: "", Label: "", HelpText: "", DefaultValue: "", DisplaySettings: { "Octopus.ControlType": "SingleLineText" } };
}
