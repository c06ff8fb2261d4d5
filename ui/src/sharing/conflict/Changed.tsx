// What happened to a question while somebody was answering it.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { api } from "../../api/client";
import type { AuditEvent } from "../../api/generated/atoll/v1/audit_pb";
import type { Conflict } from "../../api/generated/atoll/v1/sharing_pb";
import { Button } from "../../ui/Button";
import { Note } from "../../ui/feedback";
import { Section } from "../../ui/Page";
import { Time } from "../../ui/time";
import { kindOf, ResourceLink } from "../ResourceLink";
import { pageOf } from "../resource/kind";
import { type Answer, type Draft, forgetDraft, readDraft } from "./draft";
import { shownJson } from "./place";
import { PlaceName } from "./PlaceName";

type ChangedNoteProps = { conflict: Conflict; draft: Draft; isUnsent: boolean; onSeen: () => void };

/** The sides went on: says who wrote what, and that the answers are still there. */
export function ChangedNote({ conflict, draft, isUnsent, onSeen }: ChangedNoteProps) {
  const added = conflict.revisions.filter((revision) => !draft.revisions.includes(revision.id));
  return (
    <Note title={isUnsent ? "Not sent: this conflict changed while you were resolving it" : "This conflict changed since you started resolving it"}>
      <ul className="conflict-news">
        {added.map((revision) => (
          <li key={revision.id}>
            <bdi>{revision.author}</bdi> made a new edit <Time at={revision.atMs} />
            {revision.message ? (
              <>
                : <q>{revision.message}</q>
              </>
            ) : null}
          </li>
        ))}
      </ul>
      Your answers are kept. Those whose values changed are marked; review them.
      <div className="note-actions">
        <Button size="xs" onClick={onSeen}>
          Continue with the new values
        </Button>
      </div>
    </Note>
  );
}

/** A question that needs nobody any more: who answered it, and what was not sent here. */
export function Settled({ conflict }: { conflict: Conflict }) {
  const act = useQuery({
    queryKey: ["audit", "resolution", conflict.id],
    queryFn: async ({ signal }) => {
      const { events } = await api.audit.listEvents({ options: { filter: "action=conflict.resolve", pageSize: 1_000 } }, { signal });
      return events.find((event) => detailOf(event).conflict === conflict.id) ?? null;
    },
  });
  return (
    <>
      <PublishNote conflict={conflict} />
      <Section title="How it was resolved">
        <p className="conflict-plain">
          {act.data ? (
            <>
              <bdi>{act.data.actor}</bdi> resolved it <Time at={act.data.atMs} />
              {detailOf(act.data).message ? (
                <>
                  : <q>{detailOf(act.data).message}</q>
                </>
              ) : (
                "."
              )}
            </>
          ) : act.isPending ? (
            "Looking up who resolved it…"
          ) : (
            "The two sides no longer conflict: a later edit, a release or a decision on the proposal resolved it."
          )}
        </p>
        <p className="conflict-plain">
          <ResourceLink resource={conflict.resource} />
          {conflict.resource ? (
            <>
              {" · "}
              <Link to={pageOf(kindOf(conflict.resource.kind))} params={{ name: conflict.resource.name }} search={{ tab: "versions" }} className="row-link">
                Its history
              </Link>
            </>
          ) : null}
        </p>
      </Section>
      <Unsent id={conflict.id} />
    </>
  );
}

/** What was decided and is not released yet: the next step. What stays on a node waits for nobody. */
function PublishNote({ conflict }: { conflict: Conflict }) {
  const { resource } = conflict;
  if (!conflict.waitsForRelease || !resource || resource.state !== "ok") return null;
  const kind = kindOf(resource.kind);
  return (
    <Note title="The result is not released yet">
      Nodes get it when it is published.{" "}
      <Link to={pageOf(kind)} params={{ name: resource.name }} search={{ tab: "publish" }} className="row-link">
        Publish it
      </Link>
    </Note>
  );
}

function detailOf(event: AuditEvent): { conflict?: string; message?: string } {
  try {
    return JSON.parse(event.detail) as { conflict?: string; message?: string };
  } catch {
    return {};
  }
}

function Unsent({ id }: { id: string }) {
  const [answers, setAnswers] = useState<Answer[]>(() => Object.values(readDraft(id)?.answers ?? {}));
  if (answers.length === 0) return null;
  const forget = () => {
    forgetDraft(id);
    setAnswers([]);
  };
  return (
    <Section title="Your answers that were not sent" actions={<Button onClick={forget}>Forget them</Button>}>
      <dl className="facts">
        {answers.map((answer) => (
          <div key={answer.path} className="conflict-unsent">
            <dt>
              <PlaceName path={answer.path} />
            </dt>
            <dd>
              <pre className="conflict-value">{answer.value ? shownJson(answer.value) : (answer.text ?? "Nothing: removed")}</pre>
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
