// One template: what it is, how it came to be, where it runs.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Pencil, Send } from "lucide-react";
import { useState } from "react";

import { api } from "../api/client";
import type { GetResourceResponse, SaveResourceResponse } from "../api/generated/atoll/v1/sharing_pb";
import { useKeys } from "../shell/keys";
import { withoutEmpty } from "../shell/search";
import { Button } from "../ui/Button";
import { Answer, Note } from "../ui/feedback";
import { type Tab, Tabs } from "../ui/Tabs";
import { EditBar } from "./resource/EditBar";
import { type Editing, useEditing } from "./resource/editing";
import { TEMPLATE } from "./resource/kind";
import { QUESTION_OPEN, whyNotPublished } from "./resource/reason";
import { contentOf, useResource } from "./resource/read";
import { ResourceFrame } from "./resource/ResourceFrame";
import { Shown } from "./resource/Shown";
import { type ResourceSearch, useCommonTabs } from "./resource/tabs";
import { parametersOf } from "./template/content";
import { ContentTab, ContentView } from "./template/ContentTab";
import { ParametersTab } from "./template/ParametersTab";

const route = getRouteApi("/shell/templates/$name");

export function TemplatePage() {
  const { name } = route.useParams();
  const newest = useResource(TEMPLATE, name);
  return (
    <Answer of={newest} what="the template">
      {(answer) => <Template key={answer.resource?.id} newest={answer} />}
    </Answer>
  );
}

function Template({ newest }: { newest: GetResourceResponse }) {
  const search = route.useSearch();
  const change = useChange();
  const { editing, conflictId } = useTemplateEditing(newest);
  const revision = search.revision ?? "";
  const lockedReason = lockedBecause(newest, revision, editing.edit !== undefined);
  const common = useCommonTabs({ kind: TEMPLATE, answer: newest, search, onSearch: change, firstTab: "content" });
  const edit = () => {
    editing.begin();
    const isThere = search.tab === undefined || search.tab === "content" || search.tab === "parameters";
    if (!isThere) change({ tab: "content", filter: "" });
  };
  return (
    <ResourceFrame
      kind={TEMPLATE}
      answer={newest}
      revision={revision}
      onNewest={() => change({ revision: "" })}
      actions={
        <>
          {editing.edit ? null : (
            <Button icon={Pencil} disabledReason={lockedReason} onClick={edit}>
              Edit
            </Button>
          )}
          <Button
            kind="primary"
            icon={Send}
            disabledReason={whyNotPublished(newest)}
            onClick={() => change({ tab: "publish", filter: "" })}
          >
            Publish
          </Button>
        </>
      }
    >
      {conflictId !== "" && newest.resource?.state !== "conflict" ? <QuestionNote id={conflictId} /> : null}
      <EditBar kind={TEMPLATE} newest={newest} editing={editing} />
      <Tabs
        label="Parts of the template"
        tabs={[...contentTabs(newest, revision, editing, lockedReason), ...common]}
        value={search.tab ?? "content"}
        onChange={(tab) => change({ tab, filter: "" })}
      />
    </ResourceFrame>
  );
}

function useChange(): (next: ResourceSearch) => void {
  const { name } = route.useParams();
  const navigate = useNavigate();
  return (next) => void navigate({ to: "/templates/$name", params: { name }, search: (before) => withoutEmpty({ ...before, ...next }), replace: true });
}

function useTemplateEditing(newest: GetResourceResponse): { editing: Editing; conflictId: string } {
  const { name } = route.useParams();
  const navigate = useNavigate();
  const [conflictId, setConflictId] = useState("");
  const onSaved = ({ conflictId: asked, resource }: SaveResourceResponse) => {
    setConflictId(asked);
    if (resource && resource.name !== name) {
      void navigate({ to: "/templates/$name", params: { name: resource.name }, search: (before) => before, replace: true });
    }
  };
  const readBase = async (revision: string) => contentOf(await api.sharing.getResource({ kind: TEMPLATE.name, resource: newest.resource?.id ?? name, revision }));
  const editing = useEditing({ kind: TEMPLATE, newest, onSaved, readBase });
  useKeys({ "mod+Enter": () => editing.save() });
  return { editing, conflictId };
}

function contentTabs(newest: GetResourceResponse, revision: string, editing: Editing, lockedReason: string | undefined): Tab[] {
  const count = parametersOf(editing.edit?.content ?? contentOf(newest) ?? {}).length;
  const shown = (render: Parameters<typeof Shown>[0]["children"]) => (
    <Shown kind={TEMPLATE} newest={newest} revision={revision}>
      {render}
    </Shown>
  );
  return [
    {
      value: "content",
      label: "Content",
      content: () => shown((content) => (revision === "" ? <ContentTab content={content} editing={editing} /> : <ContentView content={content} />)),
    },
    {
      value: "parameters",
      label: `Parameters (${count.toLocaleString("en")})`,
      content: () => shown((content) => <ParametersTab content={content} editing={editing} lockedReason={lockedReason} />),
    },
  ];
}

function QuestionNote({ id }: { id: string }) {
  return (
    <Note title="Saved. It does not merge automatically: resolve the conflict">
      It and a newer edit change the same place.{" "}
      <Link to="/conflicts/$id" params={{ id }} className="row-link">
        Resolve the conflict
      </Link>
    </Note>
  );
}

function lockedBecause(newest: GetResourceResponse, revision: string, isEditing: boolean): string | undefined {
  if (revision !== "") return "This is an older revision; show the newest one to edit, or restore this one under Versions";
  // An edit that is open already can be finished: saving it loses nothing.
  if (newest.resource?.state === "conflict" && !isEditing) return QUESTION_OPEN;
  return newest.content === "" ? "It is deleted; restore a revision under Versions first" : undefined;
}
