// What stands around every page of one resource: its name, its state, and what waits.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { GetResourceResponse, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { quote } from "../../ui/copy";
import { Note } from "../../ui/feedback";
import { Page } from "../../ui/Page";
import { State } from "../../ui/state";
import { Time } from "../../ui/time";
import { madeBy } from "../revision/words";
import { ConflictNote } from "./ConflictNote";
import { conflictsWords } from "./columns";
import { type Kind, shortId } from "./kind";

type FrameProps = {
  kind: Kind;
  answer: GetResourceResponse;
  /** The revision that the address names; empty for the newest one. */
  revision: string;
  onNewest: () => void;
  actions: ReactNode;
  children: ReactNode;
};

export function ResourceFrame({ kind, answer, revision, onNewest, actions, children }: FrameProps) {
  const { resource } = answer;
  if (!resource) return null;
  return (
    <Page
      title={resource.name}
      crumbs={[{ label: kind.title, to: kind.list }]}
      cli={`atoll ${kind.command} get ${quote(resource.name)}${revision ? ` --revision ${quote(revision)}` : ""}`}
      aside={<Marks resource={resource} />}
      actions={actions}
      lead={<Changed answer={answer} />}
    >
      {resource.state === "conflict" ? <ConflictNote resource={resource} /> : null}
      {resource.state !== "conflict" && resource.openConflicts > 0 ? (
        <Note title={conflictsWords(resource.openConflicts)}>
          Edits made on nodes do not merge with the release or the draft. Other nodes are not affected.{" "}
          <Link to="/conflicts" search={{ filter: `resource=${resource.id}` }} className="row-link">
            See the open conflicts
          </Link>
        </Note>
      ) : null}
      {resource.state === "deleted" || resource.state === "pending_delete" ? (
        <Note title="Deleted">Its history stays. Restore a revision under Versions to bring it back.</Note>
      ) : null}
      {revision !== "" ? (
        <Note title={`You are viewing ${revision.includes(".") ? revision : shortId(revision)}`}>
          <div className="note-actions">
            <Button size="xs" onClick={onNewest}>
              Show the newest revision
            </Button>
          </div>
        </Note>
      ) : null}
      {children}
    </Page>
  );
}

function Marks({ resource }: { resource: Resource }) {
  return (
    <span className="resource-acts">
      <State of={resource.openConflicts > 0 ? "conflict" : resource.state} />
      {resource.state === "deleted" ? null : <span>{resource.version === "" ? "not published yet" : resource.version}</span>}
      {resource.hasDraft ? <State of="draft" reason="The newest revision is not released yet." /> : null}
    </span>
  );
}

function Changed({ answer }: { answer: GetResourceResponse }) {
  const { revision } = answer;
  if (!revision) return null;
  return (
    <>
      Revision {shortId(revision.id)}, written by <bdi>{madeBy(revision)}</bdi> <Time at={revision.atMs} />
      {revision.message ? (
        <>
          : <bdi>{revision.message}</bdi>
        </>
      ) : null}
    </>
  );
}
