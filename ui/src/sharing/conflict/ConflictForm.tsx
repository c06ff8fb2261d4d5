// Answering a question: place after place, then sending everything at once.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";

import { api } from "../../api/client";
import type { Conflict, Resource } from "../../api/generated/atoll/v1/sharing_pb";
import { makeOld, staleTopics } from "../../api/query";
import { Button } from "../../ui/Button";
import { useConsent, type Words } from "../../ui/consent";
import { CopyCli } from "../../ui/copy";
import { Empty, ProblemNote } from "../../ui/feedback";
import { Checkbox, TextArea } from "../../ui/fields";
import { Section } from "../../ui/Page";
import { tellDone } from "../../ui/toast";
import { findOpenConflict } from "../resource/read";
import { ChangedNote } from "./Changed";
import { resolveCommand } from "./command";
import { answeredCount, choicesOf, type Draft, revisionsOf, stateOf, takeRest } from "./draft";
import { Progress, QuestionList } from "./Progress";
import { Question } from "./Question";
import { Result } from "./Result";
import { sideNames } from "./sides";
import { useDraft } from "./useDraft";
import { useElementNames } from "./useElementNames";
import { useQuestionKeys } from "./useQuestionKeys";

/** What came of the answers. */
export type Next = {
  /** The version that was released; empty where none was. */
  version: string;
  /** The next open question about the same resource; empty where there is none. */
  conflictId: string;
};

type ConflictFormProps = { conflict: Conflict; onResolved: (next: Next) => void };

export function ConflictForm({ conflict, onResolved }: ConflictFormProps) {
  const { places } = conflict;
  const answering = useDraft(conflict);
  const { draft, change, answer } = answering;
  const [current, setCurrent] = useState(() => Math.max(0, places.findIndex((place) => stateOf(place, draft.answers[place.key]) !== "answered")));
  const hasMoved = useRef(false);
  // Readers hear the question that one goes to; the first one does not take the focus from the page.
  const focusHeading = useCallback((heading: HTMLHeadingElement | null) => {
    if (hasMoved.current) heading?.focus();
  }, []);
  const names = useElementNames(conflict);
  const sides = sideNames(conflict);
  const isSending = useRef(false);
  const sending = useSending(conflict, draft, (next) => {
    answering.forget();
    onResolved(next);
  });
  const consent = useConsent(sending.error);
  const index = Math.min(current, places.length - 1);
  const place = places[index];
  const go = (to: number) => {
    hasMoved.current = true;
    setCurrent((to + places.length) % Math.max(1, places.length));
  };
  const open = places.length - answeredCount(places, draft);
  const whyNot = answering.isChanged ? "The conflict changed: review the new values first" : open > 0 ? openWords(open) : undefined;
  const submit = () => {
    // A second press may come before the first one is drawn.
    if (whyNot !== undefined || isSending.current) return;
    isSending.current = true;
    sending.mutate(consent.words, { onSettled: () => (isSending.current = false) });
  };
  useQuestionKeys({ next: () => go(index + 1), previous: () => go(index - 1), submit });
  if (!place) return <Empty title="No open place is left">The sides no longer conflict. The resource shows the result.</Empty>;
  return (
    <>
      {answering.isChanged ? (
        <ChangedNote conflict={conflict} draft={draft} isUnsent={sending.data === "changed"} onSeen={() => change({ revisions: revisionsOf(conflict) })} />
      ) : null}
      <Progress
        places={places}
        draft={draft}
        sides={sides}
        onNext={() => go(index + 1)}
        onPrevious={() => go(index - 1)}
        onRest={(side) => change(takeRest(places, draft, side))}
      />
      <div className={places.length > 1 ? "conflict-body" : undefined}>
        {places.length > 1 ? <QuestionList places={places} draft={draft} current={index} onGo={go} /> : null}
        <Question
          key={place.key}
          conflict={conflict}
          place={place}
          number={index + 1}
          answer={draft.answers[place.key]}
          onAnswer={(given) => answer(place.key, given)}
          names={names}
          headingRef={focusHeading}
        />
      </div>
      <Section title="The result">
        <Result conflict={conflict} draft={draft} names={names} />
        <TextArea
          label="Message"
          description="What you decided, and why. It is kept in the history."
          value={draft.message}
          onChange={(message) => change({ message })}
          rows={2}
        />
        {conflict.staysOnNode ? (
          <p className="conflict-plain">
            The result stays on <bdi>{conflict.node}</bdi>: the publication keeps edits on their nodes.
          </p>
        ) : (
          <Checkbox
            label="Release the result at once"
            description="Nodes that follow get it now. Without it, the result is a draft until somebody releases it."
            checked={draft.release}
            onChange={(release) => change({ release })}
          />
        )}
        {sending.error ? <ProblemNote error={sending.error} onRetry={submit} /> : null}
        {consent.tick}
        <div className="form-actions">
          <CopyCli command={resolveCommand(conflict, draft) + consent.flags} />
          <Button kind="primary" isBusy={sending.isPending} disabledReason={whyNot} onClick={submit}>
            Resolve the conflict (Ctrl Enter)
          </Button>
        </div>
      </Section>
    </>
  );
}

function doneWords(conflict: Conflict, version: string): string {
  if (version) return `Released as ${version}.`;
  return conflict.staysOnNode ? `The result goes to ${conflict.node}.` : "The result is not released yet.";
}

function openWords(count: number): string {
  return count === 1 ? "One field is still open" : `${count} fields are still open`;
}

/** The next question about the same resource, where one answer was not the last. */
async function nextQuestion(about: Resource | undefined): Promise<string> {
  if (!about) return "";
  try {
    const { resource } = await api.sharing.getResource({ kind: about.kind, resource: about.id });
    return resource?.state === "conflict" ? await findOpenConflict(resource) : "";
  } catch {
    // The answer is taken; only where to go next is not known.
    return "";
  }
}

/**
 * Sends the answers. They name sides, so the question is read once more before: answers to what it was must not decide
 * what it has become.
 */
function useSending(conflict: Conflict, draft: Draft, onResolved: (next: Next) => void) {
  const queries = useQueryClient();
  return useMutation<Next | "changed", Error, Words>({
    mutationFn: async (words) => {
      const now = await api.sharing.getConflict({ id: conflict.id });
      if (now.conflict?.state !== conflict.state || revisionsOf(now.conflict).join() !== revisionsOf(conflict).join()) {
        queries.setQueryData(["conflicts", "one", conflict.id], now);
        return "changed";
      }
      const { message } = draft;
      const release = draft.release && !conflict.staysOnNode;
      const { release: made } = await api.sharing.resolveConflict({
        id: conflict.id,
        choices: choicesOf(conflict.places, draft),
        message,
        release,
        expectedEtag: conflict.etag,
        ...words,
      });
      return { version: made?.version ?? "", conflictId: await nextQuestion(conflict.resource) };
    },
    onSuccess: (next) => {
      if (next === "changed") return;
      if (next.conflictId) tellDone(`${conflict.resource?.name ?? "It"} has another open conflict`, "Your answer is saved.");
      else tellDone("The conflict is resolved", doneWords(conflict, next.version));
      onResolved(next);
      makeOld(queries, [...staleTopics("conflict.resolve"), "status"]);
    },
    // Somebody else may have answered: what the question is now says who.
    onError: () => void queries.invalidateQueries({ queryKey: ["conflicts"] }),
  });
}
