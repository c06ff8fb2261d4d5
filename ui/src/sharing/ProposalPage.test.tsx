import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import type { DecideProposalRequest } from "../api/generated/atoll/v1/sharing_pb";
import { renderAt } from "../test/render";

afterEach(cleanup);

const proposal = {
  id: "0190-p1",
  state: "proposed",
  node: "test-1",
  resource: { id: "r1", kind: "step_template", name: "Say hello", version: "1.0.0" },
  revision: { id: "rev", author: "files", message: "friendlier" },
  differences: [{ path: "/Description", from: '"Writes a line"', to: '"Writes one line"' }],
};

/** What the manager knows of it may change while somebody looks. */
function show(over: object, decided: object = {}) {
  const sent: DecideProposalRequest[] = [];
  const view = renderAt("/proposals/0190-p1", {
    sharing: {
      listProposals: ({ options }) =>
        options?.pageToken ? { proposals: [{ ...proposal, ...over }], summary: {} } : { proposals: [], summary: { nextPageToken: "after-1" } },
      decideProposal: (request) => {
        sent.push(request);
        return decided;
      },
      getConflict: () => ({}),
    },
  });
  return { ...view, sent };
}

it("shows place by place what a node changed, and takes it for everybody", async () => {
  const { sent } = show({}, { release: { version: "1.0.1" } });
  expect(await screen.findByText("one", { selector: "mark" }, { timeout: 5_000 })).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Accept" }));
  const dialog = await screen.findByRole("dialog");
  fireEvent.click(within(dialog).getByRole("checkbox", { name: /Release/ }));
  fireEvent.change(within(dialog).getByRole("textbox", { name: "Message" }), { target: { value: "good" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Accept the edit" }));
  expect(await screen.findByText("The edit was accepted and released as 1.0.1")).toBeTruthy();
  expect(sent[0]).toMatchObject({ id: "0190-p1", accept: true, release: true, message: "good" });
});

it("says whether the edit runs, whatever its state is called", async () => {
  show({ runs: true });
  expect(await screen.findByText(/runs on this node only/)).toBeTruthy();
  cleanup();
  show({ state: "conflict", runs: false, message: "the resource was deleted, so this edit runs on its node no longer" });
  expect(await screen.findByText(/does not run on its node now.*the resource was deleted/)).toBeTruthy();
  expect(screen.queryByText(/keeps its own/)).toBeNull();
  cleanup();
  show({ state: "declined", message: "turned down by ada, who resolved the conflict without it" });
  expect(await screen.findByText(/was declined.*turned down by ada/)).toBeTruthy();
});

it("calls nothing released that was taken back, left out or undone", async () => {
  for (const [state, message, shown] of [
    ["declined", "taken back before it was released", /what is released contains none of it/],
    ["released", "released in part: /Properties/b differs", /not all of it: \/Properties\/b differs/],
    ["released", "undone on its node; nothing of it is left", /was undone on its node/],
    ["released", "now part of what is released", /is part of what is released\./],
  ] as const) {
    show({ state, message });
    expect(await screen.findByText(shown)).toBeTruthy();
    cleanup();
  }
});

it("says why an edit waits that would have been released at once", async () => {
  show({ runs: true, message: "runs here and awaits approval: it contains what was declined before" });
  expect(await screen.findByText(/not released at once, because it contains what was declined before/)).toBeTruthy();
  cleanup();
  show({ runs: true, message: "runs here, and is released after what it is made from" });
  expect(await screen.findByText(/released by itself after what it was made from/)).toBeTruthy();
});

it("leads to the conflict that stands in the way", async () => {
  const { history } = show({}, { conflictId: "0190-c1" });
  fireEvent.click(await screen.findByRole("button", { name: "Accept" }));
  fireEvent.click(await screen.findByRole("button", { name: "Accept the edit" }));
  await waitFor(() => expect(history.location.pathname).toBe("/conflicts/0190-c1"));
});

it("says why nothing is left to decide", async () => {
  show({ state: "declined" });
  const decline = await screen.findByRole("button", { name: "Decline" });
  expect(decline.getAttribute("aria-disabled")).toBe("true");
  expect(screen.getByText(/node goes back to the release/)).toBeTruthy();
});

it("leads to publishing what was accepted and is not released", async () => {
  show({ state: "accepted", resource: { ...proposal.resource, hasDraft: true } });
  const link = await screen.findByRole("link", { name: "Publish it" });
  expect(link.getAttribute("href")).toContain("tab=publish");
});

it("decides about what its person was shown, though the node has gone on since", async () => {
  const over: { revision?: object } = {};
  const { sent, queries } = show(over);
  fireEvent.click(await screen.findByRole("button", { name: "Accept" }));
  const dialog = await screen.findByRole("dialog");
  over.revision = { id: "newer", author: "files", message: "and another thing" };
  await queries.invalidateQueries();
  expect(await screen.findByText("and another thing")).toBeTruthy();
  fireEvent.click(within(dialog).getByRole("button", { name: "Accept the edit" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({ expectedRevision: "rev" });
});
