// One publication: whom it reaches, what it brings, and what may become of edits.
import { Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api } from "../api/client";
import type { Publication } from "../api/generated/atoll/v1/sharing_pb";
import { makeOld, staleTopics } from "../api/query";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import { Confirm } from "../ui/Dialog";
import { Answer, Empty } from "../ui/feedback";
import { Labels } from "../ui/Labels";
import { Page, Section } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { PublicationForm } from "./publication/PublicationForm";
import { modeOf, nodesFilter, selectorWords } from "./publication/wish";
import { kindOf, ResourceLink } from "./ResourceLink";
import { WhatChanges } from "./WhatChanges";

const route = getRouteApi("/shell/publications/$name");

export function PublicationPage() {
  const { name } = route.useParams();
  const navigate = useNavigate();
  const [act, setAct] = useState<"change" | "delete">();
  const asked = useQuery({
    queryKey: ["publications", "one", name],
    queryFn: async ({ signal }) => {
      const page = await api.sharing.listPublications({ options: { filter: `name=${name}` } }, { signal });
      return page.publications.find((publication) => publication.name === name) ?? null;
    },
  });
  const publication = asked.data ?? undefined;
  const close = () => setAct(undefined);
  return (
    <Page
      title={name}
      crumbs={[{ label: "Publications", to: "/publications" }]}
      cli={`atoll publication get ${quote(name)}`}
      actions={
        publication ? (
          <>
            <Button onClick={() => setAct("delete")}>Delete</Button>
            <Button kind="primary" onClick={() => setAct("change")}>
              Change
            </Button>
          </>
        ) : null
      }
    >
      <Answer of={asked} what="the publication">
        {(found) =>
          found ? (
            <Shown publication={found} />
          ) : (
            <Empty title="There is no such publication">It may have been deleted, or never existed.</Empty>
          )
        }
      </Answer>
      {act === "change" && publication ? <PublicationForm publication={publication} onClose={close} /> : null}
      {act === "delete" && publication ? (
        <DeletePublication publication={publication} onClose={close} onDeleted={() => void navigate({ to: "/publications" })} />
      ) : null}
    </Page>
  );
}

function Shown({ publication }: { publication: Publication }) {
  const { selector, items } = publication;
  const mode = modeOf(publication.editMode);
  const labels = selector?.labels ?? {};
  return (
    <>
      <Section title="Nodes it reaches">
        <dl className="facts">
          <dt>To</dt>
          <dd>
            <bdi>{selectorWords(selector)}</bdi> {Object.keys(labels).length > 0 ? <Labels of={labels} /> : null}
          </dd>
          <dt>Nodes reached</dt>
          <dd>
            <Link to="/nodes" search={nodesFilter(selector) ? { filter: nodesFilter(selector) } : {}} className="row-link">
              {publication.nodes.toLocaleString("en")}
            </Link>
          </dd>
          <dt>Priority</dt>
          <dd>{publication.priority.toLocaleString("en")}</dd>
          <dt>Edits on nodes</dt>
          <dd>
            {mode.label}. {mode.sentence}
          </dd>
        </dl>
      </Section>
      <Section title="Resources">
        <SimpleTable
          label="Resources"
          rows={items}
          getId={(item) => item.resourceId}
          empty={<Empty title="No resources yet">Change the publication to choose templates and variable sets.</Empty>}
          columns={[
            { header: "Resource", cell: (item) => <ResourceLink resource={item} /> },
            { header: "Kind", cell: (item) => kindOf(item.kind).noun },
            { header: "Version", cell: (item) => (item.policy === "pin" ? `Pinned to ${item.version}` : "Always the latest") },
            { header: "Offered now", cell: (item) => item.offeredVersion || (item.deleted ? "nothing: it is deleted" : "nothing: not released yet") },
            {
              header: "Sync",
              cell: (item) => (
                <Link to="/sync" search={{ kind: item.kind, resource: item.name }} className="row-link">
                  Who has it<span className="visually-hidden">: {item.name}</span>
                </Link>
              ),
            },
          ]}
        />
      </Section>
    </>
  );
}

type DeleteProps = { publication: Publication; onClose: () => void; onDeleted: () => void };

function DeletePublication({ publication, onClose, onDeleted }: DeleteProps) {
  const queries = useQueryClient();
  const nodes = publication.nodes === 1n ? "1 node loses" : `${publication.nodes.toLocaleString("en")} nodes lose`;
  const count = publication.items.length;
  return (
    <Confirm
      title={`Delete ${publication.name}`}
      submit="Delete the publication"
      typed={publication.name}
      cli={`atoll publication delete ${quote(publication.name)} --yes`}
      act={() => api.sharing.deletePublication({ name: publication.name, expectedEtag: publication.etag })}
      done="The publication was deleted"
      onDone={() => {
        makeOld(queries, [...staleTopics("publication.delete"), "status"]);
        onDeleted();
      }}
      onClose={onClose}
    >
      <Text size="sm">
        {publication.nodes === 0n ? "It reaches no node, so nothing is taken away." : `${nodes} what only this publication provides.`} It includes{" "}
        {count === 1 ? "1 resource" : `${count.toLocaleString("en")} resources`}. What another publication also provides stays, and every resource
        keeps its history.
      </Text>
      <WhatChanges change={{ case: "deletePublication", value: publication.name }} />
    </Confirm>
  );
}
