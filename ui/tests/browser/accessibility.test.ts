import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { axeFinds, launch, settled, signedIn, type Tab } from "./browser";
import { eventually, Fleet } from "./fleet";
import { pages, type Scene, setUp } from "./scene";

let fleet: Fleet;
let browser: Browser;
let scene: Scene;

beforeAll(async () => {
  [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
  scene = await setUp(fleet);
});
afterAll(async () => {
  await browser.close();
  await fleet.stop();
});

/** Everything that axe finds on every page, by page. */
async function findings(tab: Tab): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, path] of Object.entries(pages(scene))) {
    await tab.page.goto(path);
    await settled(tab.page);
    const finds = await axeFinds(tab.page);
    if (finds.length > 0) found[name] = finds;
  }
  return found;
}

test.for(["light", "dark"] as const)("axe finds nothing on any page in %s", { timeout: 180_000 }, async (theme) => {
  const tab = await signedIn(browser, fleet, { theme });
  expect(await findings(tab)).toEqual({});
  expect(tab.complaints).toEqual([]);
  await tab.context.close();
});

test.for([320, 640])("at %i pixels nothing scrolls sideways, nor the whole page away", { timeout: 120_000 }, async (width) => {
  const tab = await signedIn(browser, fleet, { viewport: { width, height: 800 } });
  for (const [name, path] of Object.entries(pages(scene))) {
    await tab.page.goto(path);
    await settled(tab.page);
    const overflow = await tab.page.evaluate(() => {
      const root = document.documentElement;
      return { wide: root.scrollWidth - root.clientWidth, high: root.scrollHeight - root.clientHeight };
    });
    expect(overflow, name).toEqual({ wide: 0, high: 0 });
  }
  await tab.context.close();
});

test("by keyboard alone: find a node and label it", async () => {
  const { page, context } = await signedIn(browser, fleet);
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  await page.locator(".grid-data").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("prod-2");
  await page.getByText("1 in all").waitFor();
  for (let step = 0; step < 40 && !(await page.evaluate(() => document.activeElement?.getAttribute("role") === "grid")); step++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "prod-2" }).waitFor();
  await page.getByRole("button", { name: "Label", exact: true }).waitFor();
  for (let step = 0; step < 40 && !(await page.evaluate(() => document.activeElement?.textContent === "Label")); step++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Label prod-2" }).waitFor();
  for (let step = 0; step < 10 && !(await page.evaluate(() => document.activeElement?.getAttribute("role") === "combobox")); step++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type("by=keyboard");
  await page.keyboard.press("Enter");
  for (let step = 0; step < 10 && !(await page.evaluate(() => document.activeElement?.textContent === "Save labels")); step++) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await eventually("the node has the label", async () => {
    const nodes = await fleet.json<{ name: string }[]>("node", "list", "--filter", "by=keyboard");
    return nodes[0]?.name === "prod-2" ? true : undefined;
  });
  await context.close();
});

test("by keyboard alone: the palette finds what has a name and goes there", async () => {
  const { page, context } = await signedIn(browser, fleet);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or run a command" }).waitFor();
  await page.keyboard.type("restart a");
  await page.getByRole("option", { name: "Restart a service Template" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Restart a service" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("conflicts");
  await page.getByRole("option", { name: "Go to Conflicts Place" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Conflicts" }).waitFor();
  await context.close();
});

test("single keys can be switched off", async () => {
  const { page, context } = await signedIn(browser, fleet);
  await page.keyboard.press("?");
  await page.getByRole("checkbox", { name: "Single-key shortcuts" }).uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or run a command" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/");
  await context.close();
});
