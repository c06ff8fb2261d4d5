// The form of a template's content.
import { Trash2 } from "lucide-react";
import { useState } from "react";

import { Button, IconButton } from "../../ui/Button";
import { CodeEditor } from "../../ui/CodeEditor";
import { isSealed } from "../../ui/Diff";
import { SecretField, Select, TextArea, TextField } from "../../ui/fields";
import type { Content } from "../resource/read";
import { otherProperties, propertiesOf, SCRIPT_BODY, SCRIPT_SYNTAX, scriptsOf, SYNTAXES, text, withoutProperty, withProperty } from "./content";

type FormProps = { content: Content; onChange: (change: (content: Content) => Content) => void };

export function ContentForm({ content, onChange }: FormProps) {
  const set = (key: string) => (value: string) => onChange((before) => ({ ...before, [key]: value }));
  const setProperty = (property: string, value: unknown) => onChange((before) => withProperty(before, property, value));
  const syntax = propertiesOf(content)[SCRIPT_SYNTAX];
  return (
    <div className="form">
      <TextField label="Name" value={text(content, "Name")} onChange={set("Name")} required maxLength={200} />
      <TextArea label="Description" value={text(content, "Description")} onChange={set("Description")} rows={2} />
      {typeof syntax === "string" ? (
        <Select
          label="Syntax"
          value={syntax}
          choices={[...new Set([...SYNTAXES, syntax])].map((one) => ({ value: one, label: one }))}
          onChange={(next) => setProperty(SCRIPT_SYNTAX, next)}
        />
      ) : null}
      {scriptsOf(content).map((script) => (
        <CodeEditor
          key={script.property}
          label={script.label}
          value={script.body}
          syntax={script.syntax}
          onChange={(body) => setProperty(script.property, body)}
        />
      ))}
      <fieldset className="resource-fields">
        <legend>Other properties</legend>
        {otherProperties(content)
          .filter(([property]) => property !== SCRIPT_SYNTAX && property !== SCRIPT_BODY)
          .map(([property, value]) => (
            <div key={property} className="resource-field">
              <PropertyField property={property} value={value} onChange={(next) => setProperty(property, next)} />
              <IconButton label={`Remove the property ${property}`} icon={Trash2} onClick={() => onChange((before) => withoutProperty(before, property))} />
            </div>
          ))}
        <NewProperty known={Object.keys(propertiesOf(content))} onAdd={(property) => setProperty(property, "")} />
      </fieldset>
    </div>
  );
}

type PropertyProps = { property: string; value: unknown; onChange: (value: unknown) => void };

function PropertyField({ property, value, onChange }: PropertyProps) {
  if (isSealed(value)) return <SealedField label={property} value={value as Content} onChange={onChange} />;
  const shown = typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
  return shown.includes("\n") ? (
    <TextArea label={property} value={shown} onChange={onChange} monospace />
  ) : (
    <TextField label={property} value={shown} onChange={onChange} monospace />
  );
}

/** A value that can be written and never read. Left empty, what is there stays. */
export function SealedField({ label, value, onChange }: { label: string; value: Content; onChange: (value: unknown) => void }) {
  const typed = typeof value["NewValue"] === "string" ? value["NewValue"] : "";
  const hasOld = "$secret" in value;
  const set = (next: string) => onChange({ ...value, HasValue: next !== "" || hasOld, NewValue: next === "" ? null : next });
  return (
    <SecretField
      label={label}
      value={typed}
      onChange={set}
      description={hasOld ? "A value is set and never shown. Type a new one to replace it." : "Sealed when it is saved; only nodes read it."}
    />
  );
}

function NewProperty({ known, onAdd }: { known: readonly string[]; onAdd: (property: string) => void }) {
  const [name, setName] = useState("");
  const reason = name.trim() === "" ? "Type a name first" : known.includes(name.trim()) ? "A property with that name already exists" : undefined;
  return (
    <div className="resource-field">
      <TextField label="Name of a new property" value={name} onChange={setName} monospace />
      <Button
        disabledReason={reason}
        onClick={() => {
          onAdd(name.trim());
          setName("");
        }}
      >
        Add property
      </Button>
    </div>
  );
}
