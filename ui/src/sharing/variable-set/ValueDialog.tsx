// One value with its scope. A sensitive one goes in and never comes out again.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "../../ui/Button";
import { FormDialog } from "../../ui/Dialog";
import { Checkbox, ListField, SecretField, Segments, TextArea, TextField } from "../../ui/fields";
import { refresh } from "../resource/write";
import { type Base, isEntryChanged, isValueChanged, setCommand, type ValueKind, type Wish, wishOf, writeValue } from "./change";
import { useKnownScopes } from "./knownScopes";
import { isSameScope, SCOPE_KEYS, scopeText, type Value } from "./values";

type ValueDialogProps = {
  base: Base;
  setName: string;
  /** Absent for a new one. */
  value: Value | undefined;
  known: readonly Value[];
  onConflict: (id: string) => void;
  onClose: () => void;
};

export function ValueDialog({ base: given, setName, value, known, onConflict, onClose }: ValueDialogProps) {
  const queries = useQueryClient();
  // News may make the set newer while the form is open; the edit began from what was shown.
  const [base] = useState(given);
  const [wish, setWish] = useState<Wish>(() => wishOf(value));
  const set = (next: Partial<Wish>) => setWish((before) => ({ ...before, ...next }));
  return (
    <FormDialog
      title={value ? "Edit a value" : "Add a value"}
      submit="Save"
      size="xl"
      cli={setCommand(setName, value, wish)}
      disabledReason={problemOf(wish, value, known)}
      act={() => writeValue(base, value, { ...wish, name: wish.name.trim() })}
      done={({ conflictId }) => (conflictId === "" ? "Saved as a draft; publish the set to deliver it to nodes" : "Saved. It does not merge automatically: resolve the conflict")}
      onDone={({ conflictId }) => {
        refresh(queries);
        if (conflictId !== "") onConflict(conflictId);
      }}
      onClose={onClose}
    >
      <TextField label="Name" value={wish.name} onChange={(name) => set({ name })} required autoFocus={!value} monospace />
      <ValueFields wish={wish} value={value} onChange={set} />
      <ScopeFields wish={wish} known={known} onChange={set} />
      <TextField label="Description" value={wish.description} onChange={(description) => set({ description })} />
      <TextField label="Message" description="What this edit is about, for the history." value={wish.message} onChange={(message) => set({ message })} />
    </FormDialog>
  );
}

type FieldsProps = { wish: Wish; onChange: (next: Partial<Wish>) => void };

const KINDS = [
  { value: "text", label: "A text" },
  { value: "null", label: "Explicit null" },
  { value: "none", label: "No value" },
];

function ValueFields({ wish, value, onChange }: FieldsProps & { value: Value | undefined }) {
  const wasSensitive = value?.isSensitive ?? false;
  return (
    <fieldset className="resource-fields">
      <legend>Value</legend>
      <Segments label="What the value is" value={wish.kind} choices={KINDS} onChange={(kind) => onChange({ kind: kind as ValueKind })} />
      {wish.kind === "none" ? <p className="page-lead">Declares the variable without a value. Where it is required and no other scope provides one, it is reported as missing.</p> : null}
      {wish.kind === "text" ? <TextValue wish={wish} wasSensitive={wasSensitive} onChange={onChange} /> : null}
      {wish.kind === "text" && !wasSensitive ? (
        <Checkbox
          label="Sensitive"
          description="Sealed for the nodes in its scope. It cannot be shown again, only replaced."
          checked={wish.isSensitive}
          onChange={(isSensitive) => onChange({ isSensitive, isReplaced: true, ...(isSensitive ? {} : { text: "" }) })}
        />
      ) : null}
      <Checkbox
        label="Required"
        description="A node that gets no value for this name is shown as “Value missing”. An explicit null counts as a value."
        checked={wish.isRequired}
        onChange={(isRequired) => onChange({ isRequired })}
      />
    </fieldset>
  );
}

function TextValue({ wish, wasSensitive, onChange }: FieldsProps & { wasSensitive: boolean }) {
  if (!wish.isSensitive) return <TextArea label="Text" value={wish.text} onChange={(text) => onChange({ text })} rows={2} monospace />;
  if (!wish.isReplaced) {
    return (
      <div className="resource-acts">
        <span>A sensitive value is set and never shown.</span>
        <Button size="xs" onClick={() => onChange({ isReplaced: true, text: "" })}>
          Replace
        </Button>
      </div>
    );
  }
  return (
    <SecretField
      label={wasSensitive ? "New sensitive value" : "Sensitive value"}
      value={wish.text}
      onChange={(text) => onChange({ text })}
      description="It is sealed when you save."
    />
  );
}

function ScopeFields({ wish, known, onChange }: FieldsProps & { known: readonly Value[] }) {
  const choices = useKnownScopes(known);
  return (
    <fieldset className="resource-fields">
      <legend>Where it applies</legend>
      <p className="page-lead">
        Now: <bdi>{scopeText(wish.scope)}</bdi>. Names in one field are alternatives; fields are conditions that must all hold.
      </p>
      {SCOPE_KEYS.map(({ key, label }) => (
        <ListField
          key={key}
          label={`${label}s`}
          value={wish.scope[key]}
          known={choices[key]}
          onChange={(names) => onChange({ scope: { ...wish.scope, [key]: names } })}
        />
      ))}
    </fieldset>
  );
}

/** Why it cannot be saved as it is. What only the manager can know it says itself. */
export function problemOf(wish: Wish, value: Value | undefined, known: readonly Value[]): string | undefined {
  const name = wish.name.trim().toLowerCase();
  if (name === "") return "Give it a name";
  if (wish.isSensitive && wish.isReplaced && wish.kind === "text" && wish.text === "") return "Type the sensitive value";
  const isTaken = known.some((other) => other.index !== value?.index && other.name.toLowerCase() === name && isSameScope(other.scope, wish.scope));
  if (isTaken) return "There is a value with this name and scope; edit that one";
  return isEntryChanged(value, wish) || isValueChanged(value, wish) ? undefined : "Nothing is changed yet";
}
