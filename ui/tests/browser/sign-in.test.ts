import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";

import { launch, live, newTab, signedIn } from "./browser";
import { Fleet } from "./fleet";

let fleet: Fleet;
let browser: Browser;

beforeAll(async () => {
  [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
});
afterAll(async () => {
  await browser.close();
  await fleet.stop();
});

test("a one-time link signs in once, and leaves nothing behind that a script could read", async () => {
  const link = await fleet.cli("ui", "open", "--print");
  const context = await browser.newContext({ baseURL: fleet.server });
  const { page, complaints } = await newTab(context);
  await page.goto(link);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  expect(page.url()).not.toContain(link.split("#")[1] ?? "#");
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: "atoll_session", httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate(() => document.cookie)).toBe("");
  await page.reload();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: /Signed in as admin/ }).waitFor();

  const other = await newTab(await browser.newContext({ baseURL: fleet.server }));
  await other.page.goto(link);
  await other.page.getByRole("alert").waitFor();
  expect(await other.page.getByRole("alert").textContent()).toContain("did not sign you in");
  expect(complaints).toEqual([]);
  await context.close();
  await other.context.close();
});

test("who is not signed in is asked to, and comes to where the link leads", async () => {
  const { page, context } = await newTab(await browser.newContext({ baseURL: fleet.server }));
  await page.goto("/nodes");
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await page.getByLabel("One-time link").fill(await fleet.cli("ui", "open", "--print"));
  await page.keyboard.press("Enter");
  await page.getByText("No node has joined yet").waitFor();
  await context.close();
});

test("signing out ends the session at the manager too", async () => {
  const { page, context } = await signedIn(browser, fleet);
  const cookies = await context.cookies();
  await page.getByRole("button", { name: /Signed in as/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("One-time link").waitFor();
  await context.addCookies(cookies);
  await page.goto("/");
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await context.close();
});

test("a session of a revoked browser ends while it is looked at", async () => {
  const { page, context } = await signedIn(browser, fleet, { name: "guest" });
  const sessions = await fleet.json<{ id: string; name: string }[]>("session", "list");
  const own = sessions.find((session) => session.name === "guest");
  await fleet.cli("session", "revoke", own?.id ?? "");
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await context.close();
});

test("over TLS the cookie never travels without it, twelve tabs are live, and nobody else's page gets in", async () => {
  const secure = await Fleet.start("--admin-tls");
  try {
    const { page, context, complaints } = await signedIn(browser, secure);
    await live(page);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: "Strict" });
    const pages = [page];
    while (pages.length < 12) {
      const { page: next } = await newTab(context);
      await next.goto("/nodes");
      pages.push(next);
    }
    await Promise.all(pages.map((each) => live(each)));
    const answer = await context.request.post("/atoll.v1.Access/WhoAmI", {
      headers: { "content-type": "application/grpc-web+proto", origin: "https://elsewhere.example" },
      data: Buffer.from([0, 0, 0, 0, 0]),
    });
    expect(answer.headers()["grpc-status"], "permission denied").toBe("7");
    expect(complaints).toEqual([]);
    await context.close();
  } finally {
    await secure.stop();
  }
});
