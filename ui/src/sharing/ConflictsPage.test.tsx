import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import { renderAt } from "../test/render";

afterEach(cleanup);

it("lists what waits, with who stands on each side, and shows what is resolved on request", async () => {
  const filters: string[] = [];
  const conflict = {
    id: "0190-1",
    state: "open",
    node: "prod-1",
    nodeSide: "theirs",
    resource: { id: "r1", kind: "variable_set", name: "<b>Database</b>" },
    revisions: [
      { id: "a", author: "alice" },
      { id: "b", author: "files" },
    ],
    places: [{}, {}],
  };
  const { history } = renderAt("/conflicts", {
    sharing: {
      listConflicts: ({ options }) => {
        filters.push(options?.filter ?? "");
        return options?.filter.includes("resolved") ? { conflicts: [], summary: { total: 0n } } : { conflicts: [conflict], summary: { total: 1n } };
      },
    },
    telemetry: { getStatus: () => ({ conflictsOpen: 1n }) },
    access: { whoAmI: () => ({ name: "bob" }) },
  });
  // Rows are drawn as they come into sight, and this environment has no sizes: the count tells.
  expect(await screen.findByText("1 in all", {}, { timeout: 5_000 })).toBeTruthy();
  fireEvent.click(screen.getByRole("radio", { name: "Resolved" }));
  expect(await screen.findByText("No conflicts match this filter")).toBeTruthy();
  expect(history.location.search).toContain("state%3Dresolved");
  expect(filters).toEqual(["", "state=resolved"]);
});

it("says that nothing waits, and when that was checked", async () => {
  renderAt("/conflicts", { sharing: { listConflicts: () => ({ conflicts: [], summary: { total: 0n } }) } });
  expect(await screen.findByText("No open conflict", {}, { timeout: 5_000 })).toBeTruthy();
  await waitFor(() => expect(screen.getByText(/Last checked/).textContent).toContain("just now"));
});
