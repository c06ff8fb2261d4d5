// One variable set: what is written in it, what a node gets from it, and how it came to be.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Pencil, Send } from "lucide-react";
import { useState } from "react";

import type { GetResourceResponse } from "../api/generated/atoll/v1/sharing_pb";
import { withoutEmpty } from "../shell/search";
import { Button } from "../ui/Button";
import { Answer, Note } from "../ui/feedback";
import { type Tab, Tabs } from "../ui/Tabs";
import { VARIABLE_SET } from "./resource/kind";
import { contentOf, useResource } from "./resource/read";
import { QUESTION_OPEN, whyNotPublished } from "./resource/reason";
import { ResourceFrame } from "./resource/ResourceFrame";
import { Shown } from "./resource/Shown";
import { type ResourceSearch, useCommonTabs } from "./resource/tabs";
import { AboutDialog } from "./variable-set/AboutDialog";
import { EffectiveTab } from "./variable-set/EffectiveTab";
import { readPlace, writePlace } from "./variable-set/place";
import { ValuesTab } from "./variable-set/ValuesTab";

const route = getRouteApi("/shell/variable-sets/$name");

type Search = ResourceSearch & { node?: string | undefined };

export function VariableSetPage() {
  const { name } = route.useParams();
  const newest = useResource(VARIABLE_SET, name);
  return (
    <Answer of={newest} what="the variable set">
      {(answer) => <VariableSet key={answer.resource?.id} newest={answer} />}
    </Answer>
  );
}

function VariableSet({ newest }: { newest: GetResourceResponse }) {
  const { name } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const [isNaming, setNaming] = useState(false);
  const [conflictId, setConflictId] = useState("");
  const change = (next: Search) =>
    void navigate({ to: "/variable-sets/$name", params: { name }, search: (before) => withoutEmpty({ ...before, ...next }), replace: true });
  const common = useCommonTabs({ kind: VARIABLE_SET, answer: newest, search, onSearch: change, firstTab: "values" });
  const revision = search.revision ?? "";
  const content = contentOf(newest);
  const { resource } = newest;
  if (!resource) return null;
  const lockedReason = lockedBecause(newest, revision);
  const base = { set: resource.id, revision: newest.revision?.id ?? "", content: content ?? {} };
  return (
    <ResourceFrame
      kind={VARIABLE_SET}
      answer={newest}
      revision={revision}
      onNewest={() => change({ revision: "" })}
      actions={
        <>
          <Button icon={Pencil} disabledReason={lockedReason} onClick={() => setNaming(true)}>
            Name and description
          </Button>
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
      {content?.["Description"] ? <p className="resource-prose set-description">{String(content["Description"])}</p> : null}
      {conflictId !== "" && resource.state !== "conflict" ? (
        <Note title="Saved. It does not merge automatically: resolve the conflict">
          It and a newer edit change the same place.{" "}
          <Link to="/conflicts/$id" params={{ id: conflictId }} className="row-link">
            Resolve the conflict
          </Link>
        </Note>
      ) : null}
      <Tabs
        label="Parts of the variable set"
        tabs={[...ownTabs({ newest, search, change, lockedReason, onConflict: setConflictId }), ...common]}
        value={search.tab ?? "values"}
        onChange={(tab) => change({ tab, filter: "", node: "" })}
      />
      {isNaming ? (
        <AboutDialog
          base={base}
          onSaved={(answer) => {
            setConflictId(answer.conflictId);
            const renamed = answer.resource?.name ?? name;
            if (renamed !== name) void navigate({ to: "/variable-sets/$name", params: { name: renamed }, search: (before) => before, replace: true });
          }}
          onClose={() => setNaming(false)}
        />
      ) : null}
    </ResourceFrame>
  );
}

type OwnTabs = {
  newest: GetResourceResponse;
  search: Search;
  change: (next: Search) => void;
  lockedReason: string | undefined;
  onConflict: (id: string) => void;
};

function ownTabs({ newest, search, change, lockedReason, onConflict }: OwnTabs): Tab[] {
  const { resource } = newest;
  if (!resource) return [];
  const values = () => (
    <Shown kind={VARIABLE_SET} newest={newest} revision={search.revision ?? ""}>
      {(content) => (
        <ValuesTab
          resource={resource}
          revision={newest.revision?.id ?? ""}
          content={content}
          filter={search.filter ?? ""}
          onFilter={(filter) => change({ filter })}
          onEffective={() => change({ tab: "effective", filter: "" })}
          onConflict={onConflict}
          lockedReason={lockedReason}
        />
      )}
    </Shown>
  );
  const effective = () => (
    <EffectiveTab
      resource={resource}
      content={contentOf(newest)}
      place={readPlace(search.node ?? "", search.filter ?? "")}
      onPlace={(place) => change(writePlace(place))}
      onValues={() => change({ tab: "values", filter: "", node: "" })}
    />
  );
  return [
    { value: "values", label: "Values", content: values },
    { value: "effective", label: "Effective", content: effective },
  ];
}

function lockedBecause(newest: GetResourceResponse, revision: string): string | undefined {
  if (revision !== "") return "This is an older revision; show the newest one to edit, or restore this one under Versions";
  if (newest.resource?.state === "conflict") return QUESTION_OPEN;
  return newest.content === "" ? "It is deleted; restore a revision under Versions first" : undefined;
}
