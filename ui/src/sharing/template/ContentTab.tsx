// What a template is: read, or edited as a form and as JSON.
import { useState } from "react";

import { CodeEditor } from "../../ui/CodeEditor";
import { Segments } from "../../ui/fields";
import { Section } from "../../ui/Page";
import { SimpleTable } from "../../ui/SimpleTable";
import type { Editing } from "../resource/editing";
import { JsonEditor } from "../resource/JsonEditor";
import type { Content } from "../resource/read";
import { ContentForm } from "./ContentForm";
import { otherProperties, scriptsOf, shownValue, text } from "./content";

const WAYS = [
  { value: "form", label: "Form" },
  { value: "json", label: "JSON" },
  { value: "both", label: "Side by side" },
];

export function ContentTab({ content, editing }: { content: Content; editing: Editing }) {
  const [way, setWay] = useState("form");
  const { edit } = editing;
  if (!edit) return <ContentView content={content} />;
  return (
    <div className="form">
      <Segments
        label="Edit as"
        value={way}
        choices={WAYS}
        onChange={(next) => {
          // What cannot be read is only in the JSON; the form goes on from the last content that could.
          editing.setProblem(undefined);
          setWay(next);
        }}
      />
      <div className={way === "both" ? "columns" : undefined}>
        {way === "json" ? null : <ContentForm content={edit.content} onChange={editing.change} />}
        {way === "form" ? null : (
          <JsonEditor content={edit.content} onChange={(next) => editing.change(() => next)} problem={editing.problem} onProblem={editing.setProblem} />
        )}
      </div>
    </div>
  );
}

/** The content as it is read. */
export function ContentView({ content }: { content: Content }) {
  const scripts = scriptsOf(content);
  const description = text(content, "Description");
  return (
    <div className="form">
      <Section title="About">
        <dl className="facts">
          <dt>Description</dt>
          <dd className="resource-prose">{description ? <bdi>{description}</bdi> : "none"}</dd>
          <dt>Action type</dt>
          <dd>{text(content, "ActionType")}</dd>
          {text(content, "Category") ? (
            <>
              <dt>Category</dt>
              <dd>{text(content, "Category")}</dd>
            </>
          ) : null}
        </dl>
      </Section>
      {scripts.map((script) => (
        <Section key={script.property} title={script.label}>
          <CodeEditor label={`${script.label} of this template`} value={script.body} syntax={script.syntax} isReadOnly />
        </Section>
      ))}
      <Section title="Other properties">
        <SimpleTable
          label="Other properties"
          rows={otherProperties(content)}
          getId={([name]) => name}
          empty={<p className="page-lead">This template has none.</p>}
          columns={[
            { header: "Property", cell: ([name]) => <code>{name}</code> },
            { header: "Value", cell: ([, value]) => <Value of={value} /> },
          ]}
        />
      </Section>
    </div>
  );
}

function Value({ of }: { of: unknown }) {
  const { text: shown, isValue } = shownValue(of);
  return isValue ? <pre className="value-text">{shown}</pre> : <span className="resource-dim">{shown}</span>;
}
