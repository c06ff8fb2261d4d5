// Views of the node list that people gave a name, and which columns it shows.
import { Checkbox, Popover, Stack, UnstyledButton } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Bookmark, Columns3 } from "lucide-react";
import { lazy, Suspense, useState } from "react";

import { api } from "../api/client";
import type { SavedView } from "../api/generated/atoll/v1/access_pb";
import type { Node } from "../api/generated/atoll/v1/fleet_pb";
import { useWho } from "../api/standing";
import type { Column } from "../ui/DataGrid";
import { MenuButton } from "../ui/MenuButton";
import { tellDone, tellProblem } from "../ui/toast";

export const SCREEN = "nodes";

const SaveView = lazy(() => import("./SaveView").then((module) => ({ default: module.SaveView })));

export type Search = { filter?: string; order?: string; hide?: string };

export function SavedViews({ search }: { search: Search }) {
  const [isSaving, setSaving] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const views = useQuery({
    queryKey: ["views", SCREEN],
    queryFn: ({ signal }) => api.access.listSavedViews({ options: { filter: `screen=${SCREEN}`, pageSize: 200 } }, { signal }),
  });
  const who = useWho();
  const open = (view: SavedView) => {
    const query = new URLSearchParams(view.query);
    void navigate({ to: "/nodes", search: Object.fromEntries(query) as Search });
  };
  const forget = (view: SavedView) => {
    api.access
      .deleteView({ id: view.id })
      .then(() => {
        tellDone("View deleted", view.name);
        return queries.invalidateQueries({ queryKey: ["views"] });
      })
      .catch(tellProblem);
  };
  const known = views.data?.views ?? [];
  return (
    <>
      <MenuButton
        label="Views"
        groups={[
          {
            title: "Open",
            empty: "No saved views",
            items: known.map((view) => ({
              id: view.id,
              label: (
                <>
                  <bdi>{view.name}</bdi> <span className="dim">{view.shared ? `shared by ${view.owner}` : "private"}</span>
                </>
              ),
              onClick: () => open(view),
            })),
          },
          {
            title: "Manage",
            items: [
              { id: "save", label: "Save this view…", onClick: () => setSaving(true) },
              ...known
                .filter((view) => view.owner === who.data?.name)
                .map((view) => ({
                  id: `forget ${view.id}`,
                  label: (
                    <>
                      Delete <bdi>{view.name}</bdi>
                    </>
                  ),
                  onClick: () => forget(view),
                })),
            ],
          },
        ]}
      >
        <Bookmark size={16} aria-hidden /> Views
      </MenuButton>
      <Suspense>{isSaving ? <SaveView search={search} onClose={() => setSaving(false)} /> : null}</Suspense>
    </>
  );
}

type ColumnsProps = { columns: readonly Column<Node>[]; hidden: readonly string[]; onChange: (hidden: string[]) => void };

export function ColumnsMenu({ columns, hidden, onChange }: ColumnsProps) {
  return (
    <Popover position="bottom-end" trapFocus withArrow>
      <Popover.Target>
        <UnstyledButton className="cli-button menu-button">
          <Columns3 size={16} aria-hidden /> Columns
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        <Stack gap="xs" role="group" aria-label="Columns that are shown">
          {columns.slice(1).map((column) => (
            <Checkbox
              key={column.id}
              label={column.header}
              checked={!hidden.includes(column.id)}
              onChange={(event) =>
                onChange(
                  event.currentTarget.checked
                    ? hidden.filter((id) => id !== column.id && id !== "")
                    : [...hidden.filter((id) => id !== ""), column.id],
                )
              }
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
