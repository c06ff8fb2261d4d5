// Text merging, taking the content along as a file, and deleting.
import { create } from "@bufbuild/protobuf";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Download, Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../../api/client";
import { type GetResourceResponse, type Resource, ResourceNameSchema } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { CopyCli, quote } from "../../ui/copy";
import { Confirm } from "../../ui/Dialog";
import { ProblemNote } from "../../ui/feedback";
import { Checkbox, Segments, TextField } from "../../ui/fields";
import { Section } from "../../ui/Page";
import { tellDone } from "../../ui/toast";
import { WhatChanges } from "../WhatChanges";
import { type Kind } from "./kind";
import { type Content, contentOf, writeContent } from "./read";
import { refresh } from "./write";

const MODES = [
  { value: "off", label: "Off", text: "Changes by two people to the same text always need a decision." },
  { value: "review", label: "Review", text: "Edits to different lines are merged, and a person reviews the result before it takes effect." },
  { value: "auto", label: "Automatic", text: "Edits to different lines are merged without review." },
];

export function SettingsTab({ kind, answer }: { kind: Kind; answer: GetResourceResponse }) {
  const { resource } = answer;
  if (!resource) return null;
  return (
    <div className="form">
      <TextMode kind={kind} resource={resource} />
      <Export kind={kind} resource={resource} answer={answer} />
      <Delete kind={kind} resource={resource} />
    </div>
  );
}

function TextMode({ kind, resource }: { kind: Kind; resource: Resource }) {
  const queries = useQueryClient();
  const set = useMutation({
    mutationFn: (textMode: string) => api.sharing.setTextMode({ kind: kind.name, resource: resource.id, textMode }),
    onSuccess: () => {
      tellDone("Text merging is set");
      refresh(queries);
    },
  });
  return (
    <Section title="Text merging" actions={<CopyCli command={`atoll ${kind.command} text-mode ${quote(resource.name)} ${resource.textMode || "review"}`} />}>
      <p className="page-lead">Scripts and other texts of several lines can be changed by two people at once, in different lines.</p>
      <Segments label="Text merging" value={set.variables ?? resource.textMode} choices={MODES} onChange={(mode) => set.mutate(mode)} />
      <p className="page-lead" role="status">
        {MODES.find((mode) => mode.value === resource.textMode)?.text}
      </p>
      {set.error ? <ProblemNote error={set.error} /> : null}
    </Section>
  );
}

function Export({ kind, resource, answer }: { kind: Kind; resource: Resource; answer: GetResourceResponse }) {
  const [withRevision, setWithRevision] = useState(false);
  const content = contentOf(answer);
  const revision = answer.revision?.id ?? "";
  return (
    <Section
      title="Export as a file"
      actions={<CopyCli command={`atoll ${kind.command} export ${quote(resource.name)}${withRevision ? "" : " --without-revision"}`} />}
    >
      <p className="page-lead">The content as JSON, as it can be imported again. Sensitive values are not in it, only references to them.</p>
      <Checkbox
        label="Write the revision into the file"
        description="An edited file then knows what it was edited from, and merges when it is imported."
        checked={withRevision}
        onChange={setWithRevision}
      />
      <div>
        <Button
          icon={Download}
          disabledReason={content ? undefined : "This revision is a deletion and has no content"}
          onClick={() => content && download(fileName(resource.name), exported(content, withRevision ? revision : ""))}
        >
          Export JSON
        </Button>
      </div>
    </Section>
  );
}

function Delete({ kind, resource }: { kind: Kind; resource: Resource }) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const [message, setMessage] = useState("");
  const reason = resource.state === "deleted" ? "Already deleted" : undefined;
  return (
    <Section title="Delete">
      <p className="page-lead">It is removed from every node that got it from here. Its history stays, and a revision can be restored.</p>
      <div>
        <Button kind="danger" icon={Trash2} disabledReason={reason} onClick={() => setOpen(true)}>
          Delete this {kind.noun}
        </Button>
      </div>
      {isOpen ? (
        <Confirm
          title={`Delete this ${kind.noun}`}
          submit="Delete"
          typed={resource.name}
          cli={`atoll ${kind.command} delete ${quote(resource.name)}${message ? ` -m ${quote(message)}` : ""}`}
          act={() => api.sharing.deleteResource({ kind: kind.name, resource: resource.id, message, expectedRevision: resource.heads.length === 1 ? (resource.heads[0] ?? "") : "*" })}
          done={`${resource.name} is deleted`}
          onDone={() => {
            refresh(queries);
            void navigate({ to: kind.list });
          }}
          onClose={() => setOpen(false)}
        >
          <p className="page-lead">
            <bdi>{resource.name}</bdi> will be removed from every node.{" "}
            {resource.publications.length > 0 ? `Publications that include it: ${resource.publications.join(", ")}.` : "No publication includes it."}
          </p>
          <WhatChanges change={{ case: "deleteResource", value: create(ResourceNameSchema, { kind: kind.name, resource: resource.id }) }} />
          <TextField label="Message" description="Why, for the history." value={message} onChange={setMessage} />
        </Confirm>
      ) : null}
    </Section>
  );
}

/** The text of an exported file. */
export function exported(content: Content, revision: string): string {
  return `${writeContent(revision === "" ? content : { ...content, $revision: revision })}\n`;
}

/** A name that every file system takes. */
export function fileName(name: string): string {
  const plain = name.normalize("NFKD").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  return `${plain.slice(0, 80) || "resource"}.json`;
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address));
}
