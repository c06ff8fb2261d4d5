import { create } from "@bufbuild/protobuf";
import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import {
  GetResourceResponseSchema,
  ResourceSchema,
  RevisionSchema,
  type SaveResourceRequest,
  SaveResourceResponseSchema,
} from "../api/generated/atoll/v1/sharing_pb";
import { renderAt } from "../test/render";

// The editor draws by measuring, which the test environment does not do.
vi.mock("../ui/CodeEditor", () => ({
  CodeEditor: ({ label, value, onChange }: { label: string; value: string; onChange?: (value: string) => void }) => (
    <textarea aria-label={label} value={value} onChange={(event) => onChange?.(event.currentTarget.value)} />
  ),
}));

beforeEach(() => localStorage.clear());
afterEach(cleanup);

/** A manager with one template, to which others may write too. */
class Manager {
  revision = "aaaaaaaaaaaa";
  author = "me";
  description = "Restarts a service.";
  conflictId = "";
  state = "ok";
  saved: SaveResourceRequest[] = [];

  #resource = () => create(ResourceSchema, { id: "1", kind: "step_template", name: "Restart", state: this.state, heads: [this.revision], version: "1.0.0", hasDraft: true });
  #revision = () => create(RevisionSchema, { id: this.revision, author: this.author, atMs: BigInt(Date.now()), origin: "edit" });

  fake = {
    sharing: {
      getResource: () =>
        create(GetResourceResponseSchema, {
          resource: this.#resource(),
          revision: this.#revision(),
          content: JSON.stringify({
            Name: "Restart",
            Description: this.description,
            ActionType: "Octopus.Script",
            Properties: { "Octopus.Action.Script.ScriptBody": "echo", "Octopus.Action.Script.Syntax": "Bash" },
            Kept: { whatever: 1 },
          }),
        }),
      saveResource: (request: SaveResourceRequest) => {
        this.saved.push(request);
        const written = this.#revision();
        this.revision = "cccccccccccc";
        return create(SaveResourceResponseSchema, { resource: this.#resource(), revision: written, changed: true, conflictId: this.conflictId });
      },
    },
  };
}

async function editing(manager: Manager) {
  const view = renderAt("/templates/Restart", manager.fake);
  fireEvent.click(await screen.findByRole("button", { name: "Edit" }, { timeout: 5_000 }));
  fireEvent.change(await screen.findByLabelText("Script", { selector: "textarea" }), { target: { value: "echo mine" } });
  return view;
}

it("keeps what is typed when somebody else saves, says so, and saves on the revision the edit began from", async () => {
  const manager = new Manager();
  const { queries } = await editing(manager);
  manager.revision = "bbbbbbbbbbbb";
  manager.author = "Ada";
  manager.description = "Changed by Ada.";
  await queries.invalidateQueries({ queryKey: ["resource"] });
  expect(await screen.findByText("Ada saved a newer revision")).toBeTruthy();
  expect(screen.getByLabelText<HTMLTextAreaElement>("Script", { selector: "textarea" }).value).toBe("echo mine");
  expect(screen.getByLabelText<HTMLTextAreaElement>("Description").value).toBe("Restarts a service.");

  fireEvent.keyDown(window, { key: "Enter", ctrlKey: true });
  await waitFor(() => expect(manager.saved).toHaveLength(1));
  const [request] = manager.saved;
  expect(request).toMatchObject({ resource: "1", baseRevision: "aaaaaaaaaaaa", imported: false });
  expect(JSON.parse(request?.content ?? "")).toMatchObject({ Kept: { whatever: 1 }, Properties: { "Octopus.Action.Script.ScriptBody": "echo mine" } });
  expect(await screen.findByText("Saved and merged")).toBeTruthy();
});

it("leads to the question when the manager cannot merge", async () => {
  const manager = new Manager();
  manager.conflictId = "42";
  await editing(manager);
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  const link = await screen.findByRole("link", { name: "Resolve the conflict" });
  expect(link.getAttribute("href")).toBe("/conflicts/42");
});

it("offers what was typed and not saved, and goes on from there", async () => {
  const manager = new Manager();
  await editing(manager);
  await waitFor(() => expect(JSON.stringify({ ...localStorage })).toContain("echo mine"));
  cleanup();
  renderAt("/templates/Restart", manager.fake);
  fireEvent.click(await screen.findByRole("button", { name: "Continue editing" }));
  expect((await screen.findByLabelText<HTMLTextAreaElement>("Script", { selector: "textarea" })).value).toBe("echo mine");
  fireEvent.click(screen.getByRole("button", { name: "Discard" }));
  await waitFor(() => expect(JSON.stringify({ ...localStorage })).not.toContain("echo mine"));
});

it("keeps what was typed just before the page is left or loaded again, and not what was saved", async () => {
  const manager = new Manager();
  const first = await editing(manager);
  expect(JSON.stringify({ ...localStorage })).not.toContain("echo mine");
  window.dispatchEvent(new Event("pagehide"));
  expect(JSON.stringify({ ...localStorage })).toContain("echo mine");
  fireEvent.change(screen.getByLabelText("Description"), { target: { value: "typed last" } });
  first.unmount();
  expect(JSON.stringify({ ...localStorage })).toContain("typed last");

  localStorage.clear();
  const second = await editing(manager);
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  await screen.findByRole("button", { name: "Edit" });
  second.unmount();
  expect(manager.saved).toHaveLength(1);
  expect(JSON.stringify({ ...localStorage })).not.toContain("echo mine");
});

it("locks editing and publishing while a question is open", async () => {
  const manager = new Manager();
  manager.state = "conflict";
  renderAt("/templates/Restart?tab=publish", manager.fake);
  for (const name of ["Edit", "Publish"]) {
    const button = await screen.findByRole("button", { name }, { timeout: 5_000 });
    expect(button.getAttribute("aria-disabled")).toBe("true");
  }
  expect(await screen.findAllByText("Two edits do not merge")).not.toHaveLength(0);
  expect(screen.queryByRole("button", { name: /^Publish \d/ })).toBeNull();
});

it("does not save JSON that is not complete, and says why", async () => {
  const manager = new Manager();
  await editing(manager);
  fireEvent.click(screen.getByLabelText("JSON"));
  fireEvent.change(await screen.findByLabelText("Content as JSON"), { target: { value: "{" } });
  fireEvent.keyDown(window, { key: "Enter", ctrlKey: true });
  expect(screen.getByRole("button", { name: "Save" }).getAttribute("aria-disabled")).toBe("true");
  expect(manager.saved).toEqual([]);
});
