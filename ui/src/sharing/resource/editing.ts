// An edit from its begin to its save. It remembers the revision it began from: the manager merges with whatever was saved
// meanwhile, and nothing that is typed is touched by news.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useRef, useState } from "react";

import type { GetResourceResponse, SaveResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
import type { Words } from "../../ui/consent";
import { tellDone, tellProblem } from "../../ui/toast";
import { type Draft, dropDraft, findDraft, hasLeftOut, keepDraft, withBase } from "./draft";
import type { Kind } from "./kind";
import { type Content, contentOf, writeContent } from "./read";
import { refresh, save } from "./write";

/** A pause in typing after which what is typed is kept. */
const PAUSE_MS = 250;

type Edit = { base: string; start: Content; content: Content; message: string };

export type Editing = {
  edit: Edit | undefined;
  isDirty: boolean;
  /** What was typed before and not saved. */
  draft: Draft | undefined;
  begin: () => void;
  takeDraft: () => void;
  dropDraft: () => void;
  /** Changes the content; an edit that is not open is begun. */
  change: (change: (content: Content) => Content) => void;
  setMessage: (message: string) => void;
  discard: () => void;
  /** Saves; with what was said to be meant, once the manager has asked. */
  save: (words?: Words) => void;
  isSaving: boolean;
  error: unknown;
  /** What stands in a field that cannot be read, such as JSON that is not complete. */
  problem: string | undefined;
  setProblem: (problem: string | undefined) => void;
};

type Options = {
  kind: Kind;
  /** The newest revision as it is known now. */
  newest: GetResourceResponse;
  onSaved: (answer: SaveResourceResponse) => void;
  /** Reads the revision that a draft was begun from. */
  readBase: (revision: string) => Promise<Content | undefined>;
};

export function useEditing({ kind, newest, onSaved, readBase }: Options): Editing {
  const queries = useQueryClient();
  const id = newest.resource?.id ?? "";
  const [edit, setEdit] = useState<Edit>();
  const [problem, setProblem] = useState<string>();
  const [draft, setDraft] = useState(() => findDraft(id));
  const isDirty = edit !== undefined && edit.content !== edit.start && writeContent(edit.content) !== writeContent(edit.start);
  const kept = useKept(id, edit, isDirty);
  const isSending = useRef(false);

  const start = (): Edit | undefined => {
    const content = contentOf(newest);
    return content && { base: newest.revision?.id ?? "", start: content, content, message: "" };
  };
  const end = () => {
    kept.forget();
    if (edit) dropDraft(id, edit.base);
    setEdit(undefined);
    setDraft(undefined);
    setProblem(undefined);
    saving.reset();
  };
  const saving = useMutation({
    mutationFn: ({ one, widen }: { one: Edit; widen: boolean }) =>
      save(kind, { resource: id, content: JSON.stringify(one.content), base: one.base, message: one.message, widen }),
    onSuccess: (answer) => {
      end();
      refresh(queries);
      tellDone(...outcome(answer));
      onSaved(answer);
    },
    onSettled: () => {
      isSending.current = false;
    },
  });
  return {
    edit,
    isDirty,
    draft: edit ? undefined : draft,
    begin: () => setEdit((before) => before ?? start()),
    takeDraft: () => {
      if (draft) reopen(draft, readBase).then(setEdit, tellProblem);
    },
    dropDraft: () => {
      if (draft) dropDraft(draft.resource, draft.revision);
      setDraft(undefined);
    },
    change: (change) =>
      setEdit((before) => {
        const open = before ?? start();
        return open && { ...open, content: change(open.content) };
      }),
    setMessage: (message) => setEdit((before) => before && { ...before, message }),
    discard: end,
    save: (words) => {
      // A second press may come before the first one is drawn.
      if (!edit || !isDirty || problem !== undefined || isSending.current) return;
      isSending.current = true;
      saving.mutate({ one: edit, widen: words?.widen ?? false });
    },
    isSaving: saving.isPending,
    error: saving.error,
    problem,
    setProblem,
  };
}

/** Keeps what is typed after a pause, and at once when the page goes. What is saved or discarded is not kept again. */
function useKept(resource: string, edit: Edit | undefined, isDirty: boolean): { forget: () => void } {
  const waiting = useRef<Draft>(undefined);
  useEffect(() => {
    waiting.current = undefined;
    if (!edit || !isDirty) return;
    const { base: revision, content, message } = edit;
    waiting.current = { resource, revision, content, message, atMs: Date.now() };
    const timer = setTimeout(() => keepWaiting(waiting), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [resource, edit, isDirty]);
  useEffect(() => {
    const keep = () => keepWaiting(waiting);
    window.addEventListener("pagehide", keep);
    return () => {
      window.removeEventListener("pagehide", keep);
      keep();
    };
  }, []);
  return {
    forget: () => {
      waiting.current = undefined;
    },
  };
}

function keepWaiting(waiting: RefObject<Draft | undefined>): void {
  if (waiting.current) keepDraft(waiting.current);
  waiting.current = undefined;
}

async function reopen(draft: Draft, readBase: Options["readBase"]): Promise<Edit> {
  const base = (await readBase(draft.revision)) ?? {};
  if (hasLeftOut(draft.content)) tellDone("Sensitive values were not kept", "Type them again before you save.");
  return { base: draft.revision, start: base, content: withBase(draft.content, base), message: draft.message };
}

function outcome(answer: SaveResourceResponse): [string, string] {
  if (!answer.changed) return ["Nothing changed", "The content is the same as before."];
  if (answer.conflictId !== "") return ["Saved. It does not merge automatically: resolve the conflict", "Nothing is lost. The page leads to the conflict."];
  const isMerged = answer.resource !== undefined && !answer.resource.heads.includes(answer.revision?.id ?? "");
  return isMerged ? ["Saved and merged", "Someone else saved in the meantime; the newest revision has both edits."] : ["Saved as a draft", "Publish it to deliver it to nodes."];
}
