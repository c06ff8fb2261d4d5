import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { act, cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, it } from "vitest";

import { type Conflict, ConflictPlaceSchema, ConflictSchema, type ResolveConflictRequest } from "../api/generated/atoll/v1/sharing_pb";
import { renderAt } from "../test/render";

const ID = "0190aaaa-0000-7000-8000-000000000001";

const timeout = create(ConflictPlaceSchema, {
  path: "/Parameters/Timeout/DefaultValue",
  key: "/Parameters/$items/k1/DefaultValue",
  reason: "both_changed",
  base: '"30"',
  ours: '"60"',
  theirs: '"90"',
  oursBy: { author: "files", node: "prod-1", atMs: 1n },
  theirsBy: { author: "alice", node: "", atMs: 1n, message: "more patience" },
});
const script = create(ConflictPlaceSchema, {
  path: "/Description",
  key: "/Description",
  reason: "text",
  base: JSON.stringify("one\ntwo\nthree\n"),
  ours: JSON.stringify("one\nnode\nthree\n"),
  theirs: JSON.stringify("one\nmanager\nthree\n"),
});

const conflictOf = (over: Partial<Conflict> = {}): Conflict => ({
  ...create(ConflictSchema, {
    id: ID,
    state: "open",
    node: "prod-1",
    nodeSide: "ours",
    resource: { id: "r1", kind: "step_template", name: "Restart a service" },
    revisions: [
      { id: "rev-1", author: "files", atMs: 1n },
      { id: "rev-2", author: "alice", atMs: 1n },
    ],
    places: [timeout, script],
    merged: JSON.stringify({ Name: "Restart a service", Description: "one\ntwo\nthree\n", Parameters: [{ Name: "Timeout", DefaultValue: "30" }] }),
  }),
  ...over,
});

let asked: Conflict;
let sent: ResolveConflictRequest[];
let state: string;
let refusal: ConnectError | undefined;

const fake = () => ({
  telemetry: { getStatus: () => ({ conflictsOpen: 1n }) },
  access: { whoAmI: () => ({ name: "bob" }) },
  audit: {
    listEvents: () => ({ events: [{ number: 1n, atMs: 1n, actor: "carol", action: "conflict.resolve", subject: "Restart a service", detail: JSON.stringify({ conflict: ID, message: "mine" }) }] }),
  },
  sharing: {
    getConflict: () => ({ conflict: asked }),
    listConflicts: () => ({ conflicts: state === "conflict" ? [{ id: "0190-next", resource: { id: "r1" } }] : [] }),
    getResource: () => ({ resource: { id: "r1", kind: "step_template", name: "Restart a service", state, hasDraft: true } }),
    resolveConflict: (request: ResolveConflictRequest) => {
      sent.push(request);
      if (refusal) throw refusal;
      return { resource: asked.resource, ...(request.release ? { release: { version: "1.0.1" } } : {}) };
    },
  },
});

beforeEach(() => {
  localStorage.clear();
  asked = conflictOf();
  sent = [];
  state = "ok";
  refusal = undefined;
});
afterEach(cleanup);

const open = async () => {
  const view = renderAt(`/conflicts/${ID}`, fake());
  await screen.findByText("0 of 2 answered", {}, { timeout: 5_000 });
  return view;
};

it("asks only what is open, one place after the other, and sends the answers by key", async () => {
  const { history } = await open();
  expect(screen.getByText(/Each side changed this/)).toBeTruthy();
  const manager = screen.getByRole("region", { name: "Manager" });
  expect(within(manager).getByText("more patience")).toBeTruthy();
  fireEvent.click(screen.getByRole("radio", { name: /Take node prod-1/ }));
  expect(screen.getByText("1 of 2 answered")).toBeTruthy();

  fireEvent.keyDown(window, { key: "F7" });
  fireEvent.click(await screen.findByRole("radio", { name: /Merge change by change/ }));
  expect(screen.getByText(/0 of 1 changes decided/)).toBeTruthy();
  fireEvent.click(screen.getByRole("radio", { name: "Both" }));
  expect((screen.getByRole("textbox", { name: /Result/ }) as HTMLTextAreaElement).value).toBe("one\nmanager\nnode\nthree\n");
  expect(screen.getByText("2 of 2 answered")).toBeTruthy();

  fireEvent.change(screen.getByRole("textbox", { name: "Message" }), { target: { value: "both are right" } });
  fireEvent.click(screen.getByRole("checkbox", { name: /Release the result/ }));
  fireEvent.keyDown(window, { key: "Enter", ctrlKey: true });
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({
    id: ID,
    message: "both are right",
    release: true,
    choices: [
      { path: timeout.key, take: "ours" },
      { path: "/Description", take: "value", value: JSON.stringify("one\nmanager\nnode\nthree\n") },
    ],
  });
  await waitFor(() => expect(history.location.pathname).toBe("/conflicts"));
  expect(localStorage.getItem(`atoll.conflict.${ID}`)).toBeNull();
});

it("takes one side for the rest, and keeps what was answered over a reload", async () => {
  const first = await open();
  fireEvent.click(screen.getByRole("radio", { name: /Keep the previous value/ }));
  fireEvent.click(screen.getByRole("button", { name: "Take the manager for the rest" }));
  expect(screen.getByText("2 of 2 answered")).toBeTruthy();
  first.unmount();
  renderAt(`/conflicts/${ID}`, fake());
  await screen.findByText("2 of 2 answered");
  expect((screen.getByRole("radio", { name: /Keep the previous value/ }) as HTMLInputElement).checked).toBe(true);
});

it("sends nothing when the conflict became another one, says who did what, and keeps the answers", async () => {
  await open();
  fireEvent.click(screen.getByRole("button", { name: "Take node prod-1 for the rest" }));
  const now = create(ConflictPlaceSchema, { ...timeout, ours: '"75"' });
  asked = conflictOf({ places: [now, script] });
  asked.revisions = [{ ...asked.revisions[0], id: "rev-3", message: "even longer" } as Conflict["revisions"][number], ...asked.revisions.slice(1)];
  fireEvent.click(screen.getByRole("button", { name: /Resolve the conflict/ }));
  expect(await screen.findByText(/Not sent: this conflict changed/)).toBeTruthy();
  expect(screen.getByText("even longer")).toBeTruthy();
  expect(sent).toEqual([]);
  expect(screen.getByText("1 of 2 answered")).toBeTruthy();
  expect(screen.getByText("This place has changed since you answered")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Continue with the new values" }));
  fireEvent.click(screen.getByRole("button", { name: "Keep my answer" }));
  fireEvent.click(screen.getByRole("button", { name: /Resolve the conflict/ }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]?.choices[0]).toMatchObject({ path: timeout.key, take: "value", value: '"60"' });
});

it("says who was faster, and shows the answers that were not sent", async () => {
  await open();
  fireEvent.click(screen.getByRole("button", { name: "Take node prod-1 for the rest" }));
  refusal = new ConnectError("this conflict is resolved already", Code.FailedPrecondition);
  fireEvent.click(screen.getByRole("button", { name: /Resolve the conflict/ }));
  await waitFor(() => expect(sent).toHaveLength(1));
  await act(async () => {
    asked = conflictOf({ state: "resolved", places: [] });
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  cleanup();
  renderAt(`/conflicts/${ID}`, fake());
  expect(await screen.findByText("carol")).toBeTruthy();
  const unsent = screen.getByRole("region", { name: "Your answers that were not sent" });
  expect(within(unsent).getByText("60")).toBeTruthy();
});

it("goes on to the next question about the same resource, and sends once on a double click", async () => {
  state = "conflict";
  const { history } = await open();
  fireEvent.click(screen.getByRole("button", { name: "Take node prod-1 for the rest" }));
  const resolve = screen.getByRole("button", { name: /Resolve the conflict/ });
  fireEvent.click(resolve);
  fireEvent.click(resolve);
  expect(await screen.findByText("Restart a service has another open conflict")).toBeTruthy();
  await waitFor(() => expect(history.location.pathname).toBe("/conflicts/0190-next"));
  expect(sent).toHaveLength(1);
});

it("leads to publishing where the result was not released", async () => {
  await open();
  fireEvent.click(screen.getByRole("button", { name: "Take node prod-1 for the rest" }));
  fireEvent.click(screen.getByRole("button", { name: /Resolve the conflict/ }));
  await waitFor(() => expect(sent).toHaveLength(1));
  cleanup();
  asked = conflictOf({ state: "resolved", places: [], waitsForRelease: true });
  if (asked.resource) asked.resource.state = "ok";
  renderAt(`/conflicts/${ID}`, fake());
  const link = await screen.findByRole("link", { name: "Publish it" });
  expect(link.getAttribute("href")).toContain("tab=publish");
});

it("offers no release of what stays on its node, and leads nowhere afterwards", async () => {
  asked = conflictOf({ staysOnNode: true });
  await open();
  expect(screen.getByText(/The result stays on/)).toBeDefined();
  expect(screen.queryByRole("checkbox", { name: /Release the result/ })).toBeNull();
  fireEvent.click(screen.getByRole("button", { name: "Take node prod-1 for the rest" }));
  fireEvent.click(screen.getByRole("button", { name: /Resolve the conflict/ }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]).toMatchObject({ release: false });
  cleanup();
  // Somebody else's draft waits for a release, and this answer is no part of it.
  asked = conflictOf({ state: "resolved", places: [] });
  renderAt(`/conflicts/${ID}`, fake());
  await screen.findByText("How it was resolved");
  expect(screen.queryByRole("link", { name: "Publish it" })).toBeNull();
});
