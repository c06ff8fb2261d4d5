import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, live, newTab, signedIn } from "./browser";
import { Fleet, template } from "./fleet";

let fleet: Fleet;
let browser: Browser;

beforeAll(async () => {
  [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
});
afterAll(async () => {
  await browser.close();
  await fleet.stop();
});

test("a manager that restarts is waited for, said, and live again within two seconds", async () => {
  const { page, context, complaints } = await signedIn(browser, fleet);
  await live(page);
  await fleet.stopManager();
  await page.getByText("Reconnecting").waitFor();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await fleet.startManager();
  const ready = Date.now();
  await live(page);
  expect(Date.now() - ready).toBeLessThan(2_000);
  // What happens after is told by the same stream.
  await fleet.cli("group", "create", "/after-the-restart");
  await page.getByText("/after-the-restart").first().waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

test("a session that ends in the middle of a form loses nothing that was typed", async () => {
  const { page, context } = await signedIn(browser, fleet, { name: "typist" });
  await page.goto("/groups");
  await page.getByRole("button", { name: "New group", exact: true }).click();
  await page.getByLabel("Path").fill("/typed/before");
  await page.getByLabel("Description").fill("typed before the session ended");
  const sessions = await fleet.json<{ id: string; name: string }[]>("session", "list");
  await fleet.cli("session", "revoke", sessions.find((session) => session.name === "typist")?.id ?? "");
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await again.waitFor();
  await again.getByLabel("One-time link").fill(await fleet.cli("ui", "open", "--print"));
  await again.getByRole("button", { name: "Sign in and continue" }).click();
  await again.waitFor({ state: "hidden" });
  expect(await page.getByLabel("Description").inputValue()).toBe("typed before the session ended");
  await page.getByRole("button", { name: "Create the group" }).click();
  await page.getByRole("link", { name: "/typed/before" }).waitFor();
  await context.close();
});

test("names of 200 characters, right-to-left or with markup in them are shown as what they are", async () => {
  const long = "x".repeat(190) + " the end";
  const names = [long, "قالب النشر", "<img src=x onerror=alert(1)>", "a && rm -rf / ; $(id)"];
  for (const name of names) await fleet.publish("template", template(name));
  const { page, context, complaints } = await signedIn(browser, fleet);
  let alerts = 0;
  page.on("dialog", (dialog) => {
    alerts += 1;
    void dialog.dismiss();
  });
  await page.goto("/templates");
  for (const name of names) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    const isWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(isWide, `${name.slice(0, 20)} widens the page`).toBe(false);
    await page.goto("/templates");
  }
  expect(alerts).toBe(0);
  expect(complaints).toEqual([]);
  await context.close();
});

test("ages are right in a browser whose clock is wrong", async () => {
  await fleet.cli("group", "create", "/clock");
  const context = await browser.newContext({ baseURL: fleet.server });
  const { page } = await newTab(context);
  await page.clock.install({ time: Date.now() + 3 * 3_600_000 });
  await page.goto(await fleet.cli("ui", "open", "--print"));
  await page.clock.resume();
  await live(page);
  const row = page.getByRole("table", { name: "Recent activity" }).getByRole("row").filter({ hasText: "/clock" });
  await expect.poll(() => row.first().getByRole("time").or(row.first().locator("time")).first().textContent()).toMatch(/just now|minute/);
  await context.close();
});

test("a stream that is cut goes on where it was", async () => {
  const { page, context } = await signedIn(browser, fleet);
  await live(page);
  await context.setOffline(true);
  await fleet.cli("group", "create", "/while-away");
  await context.setOffline(false);
  await live(page);
  await page.getByText("/while-away").first().waitFor();
  await context.close();
});

test("with the network cut nothing stands under Live, and a page says why it is empty", async () => {
  const { page, context } = await signedIn(browser, fleet);
  await live(page);
  // The programs of the other pages are loaded once the first one is drawn.
  await expect.poll(() => page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("AuditPage"))), { timeout: 20_000 }).toBe(true);
  await context.setOffline(true);
  await page.locator("[data-live=reconnecting], [data-live=stale]").waitFor();
  // A page that was not read before does not spin without an end.
  await page.getByRole("link", { name: "Audit" }).first().click();
  await page.getByText("The manager is not responding").first().waitFor();
  await context.setOffline(false);
  await live(page);
  // What could not be read is read again by itself.
  await page.getByRole("grid").first().waitFor();
  await context.close();
});

test("twelve tabs are live at once", async () => {
  const { page, context } = await signedIn(browser, fleet);
  const pages = [page];
  while (pages.length < 12) {
    const { page: next } = await newTab(context);
    await next.goto("/audit");
    pages.push(next);
  }
  await Promise.all(pages.map((each) => live(each)));
  await fleet.cli("group", "create", "/twelve");
  for (const each of pages) {
    // A browser draws only the tab that is looked at.
    await each.bringToFront();
    await each.getByText("/twelve").first().waitFor();
  }
  await context.close();
});
