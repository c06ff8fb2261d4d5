import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, live, newTab, signedIn, type Tab } from "./browser";
import { Fleet } from "./fleet";

let fleet: Fleet;
let browser: Browser;
let tab: Tab;

beforeAll(async () => {
  [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
  tab = await signedIn(browser, fleet);
});
afterAll(async () => {
  expect(tab.complaints).toEqual([]);
  await browser.close();
  await fleet.stop();
});

test("an empty fleet teaches the first steps", async () => {
  const { page } = tab;
  await page.getByRole("heading", { name: "First steps" }).waitFor();
  await page.getByText("atoll enroll token create --group /").waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Nodes" }).click();
  await page.getByText("No node has joined yet").waitFor();
});

test("a person enrols a node and watches it arrive", async () => {
  const { page } = tab;
  await page.goto("/groups");
  await page.getByRole("button", { name: "New group", exact: true }).click();
  await page.getByLabel("Path").fill("/eu/prod");
  await page.getByRole("button", { name: "Create the group" }).click();
  await page.getByRole("link", { name: "/eu/prod" }).waitFor();

  await page.goto("/enrol?step=new");
  await page.getByLabel("Home group").selectOption("/eu/prod");
  await page.getByRole("combobox", { name: "Labels" }).fill("environment=production");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Create the token" }).click();
  await page.getByLabel("Node name").fill("web-1");
  await page.getByText("By hand").click();
  await page.getByText("Waiting for a node to join").waitFor();
  expect(await page.locator("pre").textContent()).not.toContain("atoll_join");
  await page.getByRole("button", { name: "Show the token" }).click();
  const command = (await page.locator("pre").textContent()) ?? "";
  const token = /ATOLL_AGENT_TOKEN='([^']+)'/.exec(command)?.[1] ?? "";

  const taken = fleet.agent("web-1");
  taken.start(token);
  await page.getByText("web-1 has joined.").waitFor();
  await page.getByText("It has everything it should have.").waitFor();

  // The token was for one node: a second attempt is refused, and the page says why.
  const second = fleet.agent("web-2");
  second.start(token);
  await page.getByText("The manager refused an attempt to join").waitFor();
  await page.getByText(/was good for 1 nodes/).first().waitFor();
  await second.stop();
  await page.getByRole("link", { name: "Open the node" }).click();
  await page.getByRole("heading", { level: 1, name: "web-1" }).waitFor();
});

test("labels, group and standing are changed by hand, and every other tab sees it at once", async () => {
  const { page } = tab;
  await fleet.cli("publication", "set", "for-web", "--label", "role=web");
  const other = await newTab(tab.context);
  await other.page.goto("/nodes");
  await live(other.page);
  await page.bringToFront();
  await page.goto("/nodes/web-1");
  await page.getByRole("button", { name: "Label", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Label web-1" });
  await dialog.getByRole("combobox", { name: "Labels" }).fill("role=web");
  await page.keyboard.press("Enter");
  // What the label would bring is said before it is set.
  await dialog.getByText("for-web: 1 node would get it").waitFor();
  await dialog.getByRole("button", { name: "Save labels" }).click();
  await page.getByText("role=web").first().waitFor();
  await other.page.getByRole("gridcell").filter({ hasText: "role=web" }).waitFor();

  await page.getByRole("button", { name: "Cordon" }).click();
  await page.getByLabel("Why").fill("disk is being changed");
  await page.getByRole("button", { name: "Cordon the node" }).dblclick();
  await page.getByText("disk is being changed", { exact: false }).first().waitFor();
  await other.page.getByRole("gridcell").filter({ hasText: "Cordoned" }).waitFor();
  const cordons = await fleet.json<unknown[]>("audit", "list", "--filter", "action=node.cordon");
  expect(cordons, "a double click does it once").toHaveLength(1);
  await page.getByRole("button", { name: "Uncordon" }).click();
  await page.getByRole("button", { name: "Uncordon the node" }).click();
  await other.page.getByRole("gridcell").filter({ hasText: "Online" }).waitFor();
  await other.page.close();
});

test("the page says what happened on a node, in one row of time", async () => {
  const { page } = tab;
  await page.goto("/nodes/web-1?tab=events");
  for (const what of ["Node joined", "Labels changed", "Node cordoned", "Connected"]) {
    await page.getByRole("gridcell", { name: what, exact: true }).first().waitFor();
  }
});

test("a node that is cut off is shown as such, with the reason, and back when it is back", async () => {
  const { page } = tab;
  const agent = await fleet.join("edge-1", "/eu/prod");
  await page.goto("/nodes?filter=edge");
  await page.getByRole("gridcell").filter({ hasText: "Online" }).waitFor();
  await agent.stop();
  await page.getByRole("gridcell").filter({ hasText: "Offline" }).waitFor();
  await page.getByRole("link", { name: "edge-1" }).click();
  await page.getByText("disconnected; it keeps running what it has").first().waitFor();
  agent.start();
  await page.getByRole("region", { name: "State" }).getByText("Online").waitFor();
});

test("an act on many nodes is done to exactly as many as were confirmed", async () => {
  const { page } = tab;
  const token = await fleet.cli("enroll", "token", "create", "--group", "/eu/prod", "--uses", "5");
  const agents = [1, 2, 3, 4, 5].map((number) => fleet.agent(`many-${number}`));
  agents.forEach((agent) => agent.start(token));
  await Promise.all(agents.map((agent) => fleet.cli("node", "wait", agent.name)));
  await page.goto("/nodes?filter=many");
  await page.getByRole("checkbox", { name: "Select many-1" }).check();
  await page.getByRole("button", { name: "Select all 5 matching" }).click();
  await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Label" }).click();
  const dialog = page.getByRole("dialog", { name: "Label 5 nodes" });
  await dialog.getByRole("combobox", { name: "Set labels" }).fill("wave=first");
  await page.keyboard.press("Enter");
  // One more joins between the question and the answer: it is not in what was confirmed.
  const late = await fleet.join("many-6", "/eu/prod");
  await dialog.getByRole("button", { name: "Label 5 nodes" }).click();
  await page.getByText("Succeeded on 5 of 5 nodes").waitFor();
  const labelled = await fleet.json<{ name: string }[]>("node", "list", "--filter", "wave=first");
  expect(labelled.map((node) => node.name).toSorted()).toEqual(["many-1", "many-2", "many-3", "many-4", "many-5"]);
  await Promise.all([...agents, late].map((agent) => agent.stop()));
});

test("a view of the list is kept under a name", async () => {
  const { page } = tab;
  await page.goto("/nodes?filter=state%3Doffline&order=name+desc");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("button", { name: "Save this view…" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Who is away");
  await page.getByRole("button", { name: "Save the view" }).click();
  await page.getByText("The view was saved").waitFor();
  await page.goto("/nodes");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("button", { name: /^Who is away private/ }).click();
  await expect.poll(() => new URL(page.url()).searchParams.get("filter")).toBe("state=offline");
  expect(await page.getByLabel("Filter nodes").inputValue()).toBe("state=offline");
});
