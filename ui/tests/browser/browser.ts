// A real Chromium, signed in by a one-time link; whatever it complains about fails the test.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import type { Fleet } from "./fleet";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", headless: true, args: FLAGS });
}

export type Tab = { page: Page; context: BrowserContext; complaints: string[] };

/** What a browser says while a manager is away or a session over: expected there, and nowhere else. */
const NETWORK = /Failed to load resource|net::ERR_|401 \(Unauthorized\)/;

type TabOptions = { theme?: "light" | "dark"; name?: string; viewport?: { width: number; height: number } };

/** A browser of its own, signed in. */
export async function signedIn(browser: Browser, fleet: Fleet, options: TabOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    baseURL: fleet.server,
    // The certificate of a manager under test is its own authority's.
    ignoreHTTPSErrors: true,
    colorScheme: options.theme ?? "light",
    viewport: options.viewport ?? { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const tab = await newTab(context);
  const cli = options.name ? await fleet.as(options.name) : fleet.cli.bind(fleet);
  await tab.page.goto(await cli("ui", "open", "--print"));
  await tab.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  return tab;
}

export async function newTab(context: BrowserContext): Promise<Tab> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !NETWORK.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.setDefaultTimeout(15_000);
  return { page, context, complaints };
}

/** Waits until the page says that it is live. */
export async function live(page: Page): Promise<void> {
  await page.locator("[data-live=live]").waitFor();
}

const require = createRequire(import.meta.url);
let axe: string | undefined;

/** What axe finds against WCAG 2.2 AA, as short lines. */
export async function axeFinds(page: Page): Promise<string[]> {
  axe ??= await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[] };
    const runner = (globalThis as unknown as { axe: { run: (context: Document, options: object) => Promise<Result> } }).axe;
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await runner.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 3).map((node) => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary?.split("\n").slice(1, 3).join(" ") ?? ""}`),
    );
  });
}

/** Waits until the page has its heading and no longer waits for anything itself. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.locator(".loading").first().waitFor({ state: "detached" });
  await page.waitForFunction(() => document.querySelector("[data-live=live]") !== null);
}
