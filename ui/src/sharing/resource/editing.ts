// An edit from its begin to its save. It remembers the revision it began from: the manager merges with whatever was saved
// meanwhile, and nothing that is typed is touched by news.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { GetResourceResponse, SaveResourceResponse } from "../../api/generated/atoll/v1/sharing_pb";
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
  save: () => void;
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
  useKept(id, edit, isDirty);

  const start = (): Edit | undefined => {
    const content = contentOf(newest);
    return content && { base: newest.revision?.id ?? "", start: content, content, message: "" };
  };
  const end = () => {
    if (edit) dropDraft(id, edit.base);
    setEdit(undefined);
    setDraft(undefined);
    setProblem(undefined);
    saving.reset();
  };
  const saving = useMutation({
    mutationFn: (one: Edit) => save(kind, { resource: id, content: JSON.stringify(one.content), base: one.base, message: one.message }),
    onSuccess: (answer) => {
      end();
      refresh(queries);
      tellDone(...outcome(answer));
      onSaved(answer);
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
    save: () => {
      if (edit && isDirty && problem === undefined && !saving.isPending) saving.mutate(edit);
    },
    isSaving: saving.isPending,
    error: saving.error,
    problem,
    setProblem,
  };
}

function useKept(resource: string, edit: Edit | undefined, isDirty: boolean): void {
  useEffect(() => {
    if (!edit || !isDirty) return;
    const { base: revision, content, message } = edit;
    const keep = () => keepDraft({ resource, revision, content, message, atMs: Date.now() });
    const timer = setTimeout(keep, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [resource, edit, isDirty]);
}

async function reopen(draft: Draft, readBase: Options["readBase"]): Promise<Edit> {
  const base = (await readBase(draft.revision)) ?? {};
  if (hasLeftOut(draft.content)) tellDone("Sensitive values were not kept", "Type them again before you save.");
  return { base: draft.revision, start: base, content: withBase(draft.content, base), message: draft.message };
}

function outcome(answer: SaveResourceResponse): [string, string] {
  if (!answer.changed) return ["Nothing changed", "The content is the same as before."];
  if (answer.conflictId !== "") return ["Saved, and a question arose", "Your edit and a newer one do not merge. Nothing is lost."];
  const isMerged = answer.resource !== undefined && !answer.resource.heads.includes(answer.revision?.id ?? "");
  return isMerged ? ["Saved and merged", "Somebody saved meanwhile; both edits are in the newest revision."] : ["Saved as a draft", "Publish it when nodes shall get it."];
}
