// The answers to one question as they are given, kept in the browser until they are sent.
import { useMemo, useState } from "react";

import type { Conflict } from "../../api/generated/atoll/v1/sharing_pb";
import { type Answer, type Draft, fitted, forgetDraft, keepDraft, newDraft, readDraft, revisionsOf } from "./draft";

export type Answering = {
  draft: Draft;
  /** Whether the question became another one since the answers were given. */
  isChanged: boolean;
  change: (next: Partial<Draft>) => void;
  answer: (key: string, answer: Answer | undefined) => void;
  /** Everything was sent. */
  forget: () => void;
};

export function useDraft(conflict: Conflict): Answering {
  const [kept, setKept] = useState<Draft>(() => readDraft(conflict.id) ?? newDraft(conflict));
  const revisions = revisionsOf(conflict);
  const isEmpty = Object.keys(kept.answers).length === 0;
  const isChanged = !isEmpty && revisions.length > 0 && revisions.join() !== kept.revisions.join();
  const draft = useMemo<Draft>(() => ({ ...kept, answers: fitted(conflict.places, kept.answers) }), [kept, conflict.places]);
  const change = (next: Partial<Draft>) => {
    const changed = { ...draft, ...(isEmpty ? { revisions } : {}), ...next };
    setKept(changed);
    keepDraft(conflict.id, changed);
  };
  const answer = (key: string, given: Answer | undefined) => {
    const { [key]: _, ...rest } = draft.answers;
    change({ answers: given ? { ...rest, [key]: given } : rest });
  };
  return { draft, isChanged, change, answer, forget: () => forgetDraft(conflict.id) };
}
