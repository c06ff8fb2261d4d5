// Releasing: which version, what is new in it, who follows, and how far it has come.
import { create } from "@bufbuild/protobuf";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";

import { api } from "../../api/client";
import { PlannedReleaseSchema, type Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { CopyCli, quote } from "../../ui/copy";
import { Differences } from "../../ui/Diff";
import { Answer, Note, ProblemNote } from "../../ui/feedback";
import { Segments, TextField } from "../../ui/fields";
import { Section } from "../../ui/Page";
import { SimpleTable } from "../../ui/SimpleTable";
import { tellDone } from "../../ui/toast";
import { ConflictNote } from "../resource/ConflictNote";
import type { Kind } from "../resource/kind";
import { useDifference } from "../resource/read";
import { refresh } from "../resource/write";
import { WhatChanges } from "../WhatChanges";
import { SyncProgress } from "./SyncProgress";
import { carriersOf, followersText, nextVersion, type Step, versionProblem } from "./version";

type PublishProps = { kind: Kind; resource: Resource };

export function PublishTab({ kind, resource }: PublishProps) {
  return (
    <div className="form">
      {resource.state === "conflict" ? (
        <ConflictNote resource={resource} />
      ) : resource.hasDraft ? (
        <ReleaseForm kind={kind} resource={resource} />
      ) : (
        <Note title="Nothing new to publish">
          {resource.version ? `The newest revision is released as ${resource.version}.` : "There is no revision to release."} Edit the {kind.noun}, and the
          draft can be published here.
        </Note>
      )}
      <Followers resource={resource} />
      {resource.version ? <SyncProgress kind={kind} resource={resource} /> : null}
      {resource.hasDraft && resource.state !== "conflict" ? <WhatIsNew kind={kind} resource={resource} /> : null}
    </div>
  );
}

function ReleaseForm({ kind, resource }: PublishProps) {
  const queries = useQueryClient();
  const [step, setStep] = useState<string>("patch");
  const [typed, setTyped] = useState("");
  // Also of one that was deleted in between: its versions are never given again.
  const latest = resource.latestVersion || resource.version;
  const version = step === "own" ? typed : nextVersion(latest, step as Step);
  const problem = step === "own" ? versionProblem(typed, latest) : undefined;
  const reason = resource.state !== "ok" ? "It is deleted; restore a revision first" : problem;
  const release = useMutation({
    mutationFn: () => api.sharing.releaseResource({ kind: kind.name, resource: resource.id, version, expectedRevision: resource.heads[0] ?? "" }),
    onSuccess: ({ release: made, warnings }) => {
      tellDone(`${made?.version ?? version} is released`, ["Nodes that follow get it now.", ...warnings].join(" "));
      refresh(queries);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (reason === undefined && !release.isPending) release.mutate();
  };
  return (
    <Section title="Publish the draft" actions={<CopyCli command={`atoll ${kind.command} publish ${quote(resource.name)} --version ${quote(version)} --wait`} />}>
      <form className="form panel" onSubmit={submit}>
        <p className="page-lead">{latest ? `The latest version is ${latest}.` : "This is the first version."} A version is never changed afterwards.</p>
        <Segments label="Version" value={step} onChange={setStep} choices={choices(latest)} />
        {step === "own" ? <TextField label="Version number" value={typed} onChange={setTyped} error={typed === "" ? undefined : problem} monospace /> : null}
        <WhatChanges change={{ case: "release", value: create(PlannedReleaseSchema, { kind: kind.name, resource: resource.id, revision: resource.heads[0] ?? "" }) }} />
        {release.error ? <ProblemNote error={release.error} /> : null}
        <div className="form-actions">
          <Button type="submit" kind="primary" isBusy={release.isPending} disabledReason={reason}>
            Publish {version}
          </Button>
        </div>
      </form>
    </Section>
  );
}

function choices(latest: string) {
  const own = { value: "own", label: "Another" };
  if (latest === "") return [{ value: "patch", label: "First: 1.0.0" }, own];
  const of = (step: Step, label: string) => ({ value: step, label: `${label}: ${nextVersion(latest, step)}` });
  return [of("patch", "Patch"), of("minor", "Minor"), of("major", "Major"), own];
}

/** Which nodes a release goes to. */
function Followers({ resource }: { resource: Resource }) {
  const publications = useQuery({
    queryKey: ["publications", "all"],
    queryFn: ({ signal }) => api.sharing.listPublications({ options: { pageSize: 1000 } }, { signal }),
  });
  const reached = useQuery({
    queryKey: ["usages", resource.kind, resource.id, "count"],
    queryFn: ({ signal }) => api.sharing.listUsages({ kind: resource.kind, resource: resource.id, options: { pageSize: 1 } }, { signal }),
  });
  return (
    <Section title="Which nodes get it">
      <Answer of={publications} what="the publications">
        {(answer) => {
          const carriers = carriersOf(answer.publications, resource.id);
          return (
            <>
              <p className="publish-reached">{reached.data ? followersText(carriers, Number(reached.data.summary?.total ?? 0n)) : null}</p>
              <SimpleTable
                label="Publications that include it"
                rows={carriers}
                getId={(carrier) => carrier.name}
                empty={
                  <p className="page-lead">
                    No publication includes it, so a release reaches no node yet. <Link to="/publications" className="row-link">Publications</Link> say which nodes get what.
                  </p>
                }
                columns={[
                  {
                    header: "Publication",
                    cell: (carrier) => (
                      <Link to="/publications/$name" params={{ name: carrier.name }} className="row-link">
                        <bdi>{carrier.name}</bdi>
                      </Link>
                    ),
                  },
                  { header: "Nodes it reaches", cell: (carrier) => carrier.nodes.toLocaleString("en") },
                  { header: "With a new version", cell: (carrier) => (carrier.pinned ? `pinned to ${carrier.pinned}` : "gets it") },
                ]}
              />
            </>
          );
        }}
      </Answer>
    </Section>
  );
}

function WhatIsNew({ kind, resource }: PublishProps) {
  const asked = useDifference(kind, resource.id, resource.releasedRevision, "", resource.releasedRevision !== "");
  if (resource.releasedRevision === "") return null;
  return (
    <Section title={`What is new since ${resource.version}`}>
      <Answer of={asked} what="what is new">
        {({ differences }) => <Differences of={differences} from={resource.version} to="Draft" />}
      </Answer>
    </Section>
  );
}
