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
          waiting: 0n,
          behind: [
            { node: "far-1", state: "offline", sinceMs: BigInt(Date.now() - 3 * 3_600_000), acknowledgedSequence: 5n, outstanding: 1_200n },
            { node: "far-2", state: "offline", sinceMs: BigInt(Date.now() - 60_000), acknowledgedSequence: 1_204n, outstanding: 1n },
          ],
        };
      },
    },
  });
  expect((await screen.findByText(/9,998 of 10,000 have it, 2 offline/, {}, { timeout: 5_000 })).textContent).toContain("the first of those offline was last connected 3 hours ago");
  expect(screen.getByText("lacks 1,200 documents")).toBeTruthy();
  expect(screen.getByText("lacks 1 document")).toBeTruthy();
  expect(screen.getByText(/Have it: 9,998 \(99.9%\)/)).toBeTruthy();
  expect(screen.getByText(/1 node received it but could not apply it/)).toBeTruthy();
  fireEvent.change(screen.getByRole("textbox", { name: "Node" }), { target: { value: "far-1" } });
  fireEvent.click(screen.getByRole("button", { name: "Show" }));
  await waitFor(() => expect(asked.at(-1)).toEqual({ kind: "variable_set", resource: "Database", node: "far-1" }));
  expect(history.location.search).toContain("node=far-1");
});

it("does not count who goes on with something else as having it", async () => {
  renderAt("/sync?kind=variable_set&resource=Database", {
    sharing: {
      getSyncStatus: () => ({
        sequence: 9n,
        expected: 4n,
        have: 1n,
        ownEdits: 1n,
        pinned: 1n,
        cordoned: 1n,
        behind: [
          { node: "own-1", state: "conflict", sinceMs: 0n, acknowledgedSequence: 9n, outstanding: 0n },
          { node: "pin-1", state: "pinned", sinceMs: 0n, acknowledgedSequence: 9n, outstanding: 0n },
          { node: "cordon-1", state: "cordoned", sinceMs: 0n, acknowledgedSequence: 5n, outstanding: 2n },
        ],
      }),
    },
  });
  expect(await screen.findByText("1 of 4 have it, 1 cordoned, 1 runs a local edit, 1 is pinned to another release", {}, { timeout: 5_000 })).toBeTruthy();
  expect(screen.getByText(/Cordoned, pinned or on a local edit: 3 \(75%\)/)).toBeTruthy();
  expect(screen.getByText(/Connected, without it: 0/)).toBeTruthy();
  expect(screen.getByText("Pinned to another release")).toBeTruthy();
});
