// What stands over an open edit: news about the resource, what the edit is about, and saving it.
import { useState } from "react";

import type { GetResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { useConsent } from "../../ui/consent";
import { CopyCli, quote } from "../../ui/copy";
import { Dialog } from "../../ui/Dialog";
import { Note, ProblemNote } from "../../ui/feedback";
import { TextField } from "../../ui/fields";
import { Time } from "../../ui/time";
import { Comparison } from "../revision/Comparison";
import { madeBy } from "../revision/words";
import type { Editing } from "./editing";
import { type Kind, shortId } from "./kind";

type EditBarProps = { kind: Kind; newest: GetResourceResponse; editing: Editing };

export function EditBar({ kind, newest, editing }: EditBarProps) {
  const { edit } = editing;
  const consent = useConsent(editing.error);
  const save = () => editing.save(consent.words);
  const name = newest.resource?.name ?? "";
  if (!edit) return <DraftNote editing={editing} />;
  const reason = editing.problem ?? (editing.isDirty ? undefined : "No changes yet");
  return (
    <>
      <NewerNote kind={kind} newest={newest} base={edit.base} />
      {editing.error ? <ProblemNote error={editing.error} onRetry={save} /> : null}
      {consent.tick}
      <div className="edit-bar" role="group" aria-label="The open edit">
        <div className="edit-bar-message">
          <TextField
            label="Message: what this edit is about"
            isHiddenLabel
            placeholder="What this edit is about"
            value={edit.message}
            onChange={editing.setMessage}
          />
        </div>
        <span className="resource-dim">
          {editing.isDirty ? "Not saved yet; kept in this browser, without sensitive values" : "No change yet"} (from {shortId(edit.base)})
        </span>
        <CopyCli command={`atoll ${kind.command} edit ${quote(name)}${edit.message ? ` -m ${quote(edit.message)}` : ""}${consent.flags}`} />
        <Button onClick={editing.discard}>{editing.isDirty ? "Discard" : "Close"}</Button>
        <Button kind="primary" onClick={save} isBusy={editing.isSaving} disabledReason={reason}>
          Save
        </Button>
      </div>
    </>
  );
}

/** Somebody saved while this edit was open. What is typed stays; saving merges. */
function NewerNote({ kind, newest, base }: { kind: Kind; newest: GetResourceResponse; base: string }) {
  const [isShown, setShown] = useState(false);
  const { resource, revision } = newest;
  if (!resource || !revision || resource.heads.includes(base) || revision.id === base) return null;
  return (
    <>
      <Note title={`${revision.author || "Somebody"} saved a newer revision`}>
        <bdi>{madeBy(revision)}</bdi>, <Time at={revision.atMs} />. What you typed stays as it is, and saving merges both edits.
        <div className="note-actions">
          <Button size="xs" onClick={() => setShown(true)}>
            See the difference
          </Button>
        </div>
      </Note>
      {isShown ? (
        <Dialog title="Saved in the meantime" size="xl" onClose={() => setShown(false)}>
          <Comparison kind={kind} resource={resource} from={base} to={revision.id} />
        </Dialog>
      ) : null}
    </>
  );
}

/** What was typed another time and not saved. */
function DraftNote({ editing }: { editing: Editing }) {
  const { draft } = editing;
  if (!draft) return null;
  return (
    <Note title="You have an unsaved edit">
      It is based on revision {shortId(draft.revision)} and was last changed <Time at={draft.atMs} />.
      <div className="note-actions">
        <Button size="xs" kind="primary" onClick={editing.takeDraft}>
          Continue editing
        </Button>
        <Button size="xs" onClick={editing.dropDraft}>
          Discard it
        </Button>
      </div>
    </Note>
  );
}
