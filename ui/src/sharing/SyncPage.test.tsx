import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import { renderAt } from "../test/render";

afterEach(cleanup);

it("says in words who has it, who does not, and since when", async () => {
  const asked: object[] = [];
  const { history } = renderAt("/sync?kind=variable_set&resource=Database", {
    sharing: {
      getSyncStatus: ({ kind, resource, node }) => {
        asked.push({ kind, resource, node });
        return {
          sequence: 1_205n,
          expected: 10_000n,
          have: 9_998n,
          offline: 2n,
          failed: 1n,
          behind: [
            { node: "far-1", state: "offline", sinceMs: BigInt(Date.now() - 3 * 3_600_000), acknowledgedSequence: 5n },
            { node: "far-2", state: "offline", sinceMs: BigInt(Date.now() - 60_000), acknowledgedSequence: 1_204n },
          ],
        };
      },
    },
  });
  expect((await screen.findByText(/9,998 of 10,000 have it, 2 offline/, {}, { timeout: 5_000 })).textContent).toContain("the longest since 3 hours ago");
  expect(screen.getByText("1,200 changes behind")).toBeTruthy();
  expect(screen.getByText("1 change behind")).toBeTruthy();
  expect(screen.getByText(/Have it: 9,998 \(99.9%\)/)).toBeTruthy();
  expect(screen.getByText(/One node has it and reports/)).toBeTruthy();
  fireEvent.change(screen.getByRole("textbox", { name: "Node" }), { target: { value: "far-1" } });
  fireEvent.click(screen.getByRole("button", { name: "Show" }));
  await waitFor(() => expect(asked.at(-1)).toEqual({ kind: "variable_set", resource: "Database", node: "far-1" }));
  expect(history.location.search).toContain("node=far-1");
});
