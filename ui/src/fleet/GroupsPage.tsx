// Groups as a tree: how many nodes are where, and what is published to them.
import { Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../api/client";
import type { Group } from "../api/generated/atoll/v1/fleet_pb";
import type { Publication } from "../api/generated/atoll/v1/sharing_pb";
import { Button, IconButton } from "../ui/Button";
import { quote } from "../ui/copy";
import { Confirm, FormDialog } from "../ui/Dialog";
import { TextField } from "../ui/fields";
import { Answer, Empty } from "../ui/feedback";
import { Page } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { useGroups } from "./GroupField";

const route = getRouteApi("/shell/groups");

export function GroupsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const groups = useGroups();
  const publications = useQuery({
    queryKey: ["publications", "all"],
    queryFn: ({ signal }) => api.sharing.listPublications({ options: { pageSize: 1_000 } }, { signal }),
  });
  const [deleting, setDeleting] = useState<Group>();
  const setNew = (isOpen: boolean, under = "") =>
    void navigate({ to: "/groups", search: isOpen ? { new: under || "/" } : {}, replace: true });
  return (
    <Page
      title="Groups"
      lead="Every node has one home group. What is published to a group goes to the groups below it too."
      cli="atoll group list"
      actions={
        <Button kind="primary" icon={Plus} onClick={() => setNew(true)}>
          New group
        </Button>
      }
    >
      <Answer of={groups} what="the groups">
        {(answer) => (
          <SimpleTable
            label="Groups"
            rows={answer.groups}
            getId={(group) => group.path}
            empty={<Empty title="No groups">The fleet itself is the group /.</Empty>}
            columns={[
              { header: "Group", cell: (group) => <GroupName group={group} /> },
              { header: "Description", cell: (group) => <bdi>{group.description}</bdi> },
              { header: "Nodes here", cell: (group) => group.nodes.toLocaleString("en") },
              { header: "Including subgroups", cell: (group) => group.nodesBelow.toLocaleString("en") },
              { header: "Published here", cell: (group) => <Published group={group} publications={publications.data?.publications ?? []} /> },
              {
                header: "Actions",
                cell: (group) => (
                  <>
                    <IconButton label={`New group below ${group.path}`} icon={Plus} onClick={() => setNew(true, group.path)} />
                    <IconButton
                      label={`Delete ${group.path}`}
                      icon={Trash2}
                      disabledReason={whyNotDeleted(group)}
                      onClick={() => setDeleting(group)}
                    />
                  </>
                ),
              },
            ]}
          />
        )}
      </Answer>
      {search.new ? <NewGroup under={search.new} onClose={() => setNew(false)} /> : null}
      {deleting ? <DeleteGroup group={deleting} onClose={() => setDeleting(undefined)} /> : null}
    </Page>
  );
}

function GroupName({ group }: { group: Group }) {
  const depth = group.path === "/" ? 0 : group.path.split("/").length - 1;
  return (
    <span style={{ paddingInlineStart: `${depth * 1.25}rem` }}>
      <Link to="/nodes" search={group.path === "/" ? {} : { filter: `group=${group.path}` }} className="row-link">
        <bdi>{group.path === "/" ? "/ (the whole fleet)" : group.path}</bdi>
      </Link>
    </span>
  );
}

function Published({ group, publications }: { group: Group; publications: readonly Publication[] }) {
  const own = publications.filter((publication) => (publication.selector?.group || "/") === group.path);
  if (own.length === 0) return <span className="dim">none</span>;
  return (
    <>
      {own.map((publication) => (
        <Link key={publication.id} to="/publications/$name" params={{ name: publication.name }} className="row-link">
          <bdi>{publication.name}</bdi>{" "}
        </Link>
      ))}
    </>
  );
}

function whyNotDeleted(group: Group): string | undefined {
  if (group.path === "/") return "The root group cannot be deleted";
  if (group.nodesBelow > 0n) return `Nodes in it or its subgroups: ${group.nodesBelow.toLocaleString("en")}. Move them first`;
  return undefined;
}

function NewGroup({ under, onClose }: { under: string; onClose: () => void }) {
  const [path, setPath] = useState(under.startsWith("/") ? (under === "/" ? "/" : `${under}/`) : "/");
  const [description, setDescription] = useState("");
  const [requestId] = useState(() => crypto.randomUUID());
  const queries = useQueryClient();
  const described = description ? ` --description ${quote(description)}` : "";
  return (
    <FormDialog
      title="New group"
      submit="Create the group"
      cli={`atoll group create ${quote(path)}${described}`}
      disabledReason={path.length < 2 || path.endsWith("/") ? "Enter a path such as /eu/prod" : undefined}
      act={() => api.fleet.createGroup({ path, description, requestId })}
      done="The group was created"
      onDone={() => void queries.invalidateQueries({ queryKey: ["groups"] })}
      onClose={onClose}
    >
      <TextField label="Path" description="Missing parent groups are created too." value={path} onChange={setPath} monospace autoFocus />
      <TextField label="Description" value={description} onChange={setDescription} />
    </FormDialog>
  );
}

function DeleteGroup({ group, onClose }: { group: Group; onClose: () => void }) {
  const queries = useQueryClient();
  return (
    <Confirm
      title={`Delete ${group.path}`}
      submit="Delete the group"
      cli={`atoll group delete ${quote(group.path)}`}
      act={() => api.fleet.deleteGroup({ path: group.path })}
      done="The group was deleted"
      onDone={() => void queries.invalidateQueries({ queryKey: ["groups"] })}
      onClose={onClose}
    >
      <Text size="sm">No node is in it. It can be created again at any time.</Text>
    </Confirm>
  );
}
