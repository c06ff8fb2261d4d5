import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";

import type { SavePublicationRequest } from "../api/generated/atoll/v1/sharing_pb";
import { renderAt } from "../test/render";

afterEach(cleanup);

const everywhere = {
  id: "p1",
  name: "everywhere",
  selector: { group: "/" },
  priority: 0,
  editMode: "propose",
  nodes: 120n,
  items: [{ resourceId: "r1", kind: "step_template", name: "Say hello", policy: "latest" }],
};

function fake(sent: SavePublicationRequest[] = []) {
  return {
    fleet: { listGroups: () => ({ groups: [{ path: "/" }, { path: "/eu" }] }) },
    sharing: {
      listPublications: () => ({ publications: [everywhere], summary: { total: 1n } }),
      listResources: () => ({ resources: [{ id: "r1", kind: "step_template", name: "Say hello" }], summary: { total: 1n } }),
      getResource: () => ({ releases: [{ version: "1.2.0" }] }),
      previewPublication: ({ publication }: { publication?: { priority: number } | undefined }) =>
        publication?.priority === 0
          ? { nodes: 120n, gained: 12n, lost: 3n, gainedNodes: ["new-1"], lostNodes: ["old-1"], problem: 'publication everywhere brings "Say hello" too' }
          : { nodes: 120n },
      savePublication: (request: SavePublicationRequest) => {
        sent.push(request);
        return { publication: everywhere };
      },
      deletePublication: () => ({}),
    },
  };
}

it("shows what a publication would reach before it is saved, and why it cannot be", async () => {
  const sent: SavePublicationRequest[] = [];
  renderAt("/publications?new=1", fake(sent));
  const dialog = await screen.findByRole("dialog", {}, { timeout: 5_000 });
  expect(within(dialog).getByText(/Enter a name to see which nodes/)).toBeTruthy();
  fireEvent.change(within(dialog).getByRole("textbox", { name: "Name" }), { target: { value: "eu" } });
  fireEvent.click(await within(dialog).findByRole("checkbox", { name: /Say hello/ }));
  expect(await within(dialog).findByText("Reaches 120 nodes: 12 new, 3 lost.")).toBeTruthy();
  expect(within(dialog).getByText("new-1")).toBeTruthy();
  // Beside the count, and as the reason of the button.
  expect(within(dialog).getAllByText(/brings "Say hello" too/)).toHaveLength(2);
  expect(within(dialog).getByRole("button", { name: "Create the publication" }).getAttribute("aria-disabled")).toBe("true");

  fireEvent.change(within(dialog).getByRole("textbox", { name: "Priority" }), { target: { value: "10" } });
  fireEvent.click(within(dialog).getByRole("radio", { name: /Locked/ }));
  fireEvent.change(within(dialog).getByRole("combobox", { name: "Which version of Say hello" }), { target: { value: "pin" } });
  await within(dialog).findByRole("option", { name: "1.2.0" });
  fireEvent.change(within(dialog).getByRole("combobox", { name: /is pinned to/ }), { target: { value: "1.2.0" } });
  expect(await within(dialog).findByText("Reaches 120 nodes: the same nodes as now.")).toBeTruthy();
  fireEvent.click(within(dialog).getByRole("button", { name: "Create the publication" }));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(sent[0]?.publication).toMatchObject({ name: "eu", priority: 10, editMode: "locked", items: [{ resourceId: "r1", policy: "pin", version: "1.2.0" }] });
});

it("does not let a new publication take the place of one that is there", async () => {
  renderAt("/publications?new=1", fake());
  const dialog = await screen.findByRole("dialog", {}, { timeout: 5_000 });
  fireEvent.change(within(dialog).getByRole("textbox", { name: "Name" }), { target: { value: "everywhere" } });
  expect(await within(dialog).findByText(/A publication with this name already exists.*to see/)).toBeTruthy();
});

it("says what a deletion takes away, and wants the name typed", async () => {
  renderAt("/publications/everywhere", fake());
  fireEvent.click(await screen.findByRole("button", { name: "Delete" }, { timeout: 5_000 }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/120 nodes lose what only this publication provides/)).toBeTruthy();
  const submit = () => within(dialog).getByRole("button", { name: "Delete the publication" });
  expect(submit().getAttribute("aria-disabled")).toBe("true");
  fireEvent.change(within(dialog).getByRole("textbox"), { target: { value: "everywhere" } });
  expect(submit().getAttribute("aria-disabled")).toBeNull();
});
