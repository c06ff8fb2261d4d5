// What the web UI costs before ten thousand nodes, measured in a real browser. Prints a table; fails on a missed limit.
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { resolve } from "node:path";

import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, live, newTab, signedIn, type Tab } from "../browser/browser";
import { Fleet } from "../browser/fleet";
import { Load } from "./load";

const NODES = Number(process.env["ATOLL_BENCH_NODES"] ?? 10_000);
const EVENTS_PER_SECOND = 50;
const ROUNDS = 7;

type Row = { measure: string; value: number; unit: string; limit: number };
const rows: Row[] = [];

let fleet: Fleet;
let browser: Browser;
let load: Load;
let tab: Tab;
let devtools: CDPSession;

beforeAll(async () => {
  const programs = process.env["ATOLL_PROGRAMS"] ?? resolve(import.meta.dirname, "../../../target/bench-run");
  process.env["ATOLL_PROGRAMS"] = programs;
  fleet = await Fleet.start("--joins-per-minute", "100000000", "--reports-per-minute", "100000000");
  for (const group of ["/eu/prod", "/eu/test", "/us/prod"]) await fleet.cli("group", "create", group);
  load = new Load(resolve(programs, "atoll-bench"));
  const token = await fleet.cli("enroll", "token", "create", "--group", "/eu/prod", "--uses", String(NODES), "--label", "environment=production");
  await load.join(token, NODES);
  await load.connect();
  browser = await launch();
  tab = await signedIn(browser, fleet);
  devtools = await tab.context.newCDPSession(tab.page);
});

afterAll(async () => {
  const width = Math.max(...rows.map((row) => row.measure.length));
  const lines = rows.map(({ measure, value, unit, limit }) => {
    const verdict = value <= limit ? "ok" : "MISSED";
    return `${measure.padEnd(width)}  ${value.toFixed(value < 10 ? 2 : 0).padStart(8)} ${unit.padEnd(4)}  at most ${limit} ${unit}  ${verdict}`;
  });
  console.log(`\n${NODES} nodes, ${cpus().length} cores, ${browser?.version() ?? "no browser"}\n${lines.join("\n")}\n`);
  await writeFile(resolve(import.meta.dirname, "../../../bench-results/ui.json"), JSON.stringify(rows, null, 2)).catch(() => undefined);
  load?.stop();
  await browser?.close();
  await fleet?.stop();
});

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function record(measure: string, value: number, unit: string, limit: number): void {
  rows.push({ measure, value, unit, limit });
  expect.soft(value, measure).toBeLessThanOrEqual(limit);
}

test("first load", async () => {
  // A context of its own: nothing is in its cache.
  const context = await browser.newContext({ baseURL: fleet.server, storageState: await tab.context.storageState() });
  const { page } = await newTab(context);
  const scripts: Promise<number>[] = [];
  page.on("requestfinished", (request) => {
    if (new URL(request.url()).pathname.endsWith(".js")) scripts.push(request.sizes().then((sizes) => sizes.responseBodySize));
  });
  await page.goto("/nodes");
  await page.locator(".grid-data").first().waitFor();
  await live(page);
  const bytes = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
  record("script of the first load, gzip", bytes / 1024, "KiB", 250);
  await context.close();
});

test("first rows", async () => {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { page } = await newTab(tab.context);
    await page.goto("/nodes");
    await page.locator(".grid-data").first().waitFor();
    times.push(await page.evaluate(() => performance.now()));
    await page.close();
  }
  record("first rows, median", median(times), "ms", 1_000);
});

/** Runs in the page: from the act until the rows are those of the filter. */
async function filterTime(page: Page, text: string, total: string): Promise<number> {
  return page.evaluate(
    ([filter, wanted]) =>
      new Promise<number>((done) => {
        const field = document.querySelector<HTMLInputElement>("search input");
        const grid = () => document.querySelector("[role=grid]")?.getAttribute("aria-rowcount");
        const started = performance.now();
        const look = () => (grid() === wanted ? done(performance.now() - started) : requestAnimationFrame(look));
        const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
        if (field) set?.call(field, filter);
        field?.dispatchEvent(new Event("input", { bubbles: true }));
        look();
      }),
    [text, total] as const,
  );
}

test("filter answer", async () => {
  await tab.page.goto("/nodes");
  await tab.page.locator(".grid-data").first().waitFor();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Each answer has another number of rows than the one before: an old page cannot be taken for it.
    const [text, rowCount] = round % 2 === 0 ? [`node-0${round}0`, "101"] : [`node-0${round}`, "1001"];
    times.push(await filterTime(tab.page, text, rowCount));
    await tab.page.locator(".grid-data").first().waitFor();
  }
  record("filter answer from the last key, median", median(times), "ms", 150);
  await filterTime(tab.page, "", String(NODES + 1));
});

/** Lets this many labels change a second, until it is told to stop. */
function events(perSecond: number): () => Promise<void> {
  const over = new AbortController();
  const label = async () => {
    const token = (await (await import("node:fs/promises")).readFile(fleet.path("manager/admin.token"), "utf8")).trim();
    const { createClient } = await import("@connectrpc/connect");
    const { createGrpcWebTransport } = await import("@connectrpc/connect-web");
    const { Fleet: Service } = await import("../../src/api/generated/atoll/v1/fleet_pb");
    const client = createClient(
      Service,
      createGrpcWebTransport({
        baseUrl: fleet.server,
        interceptors: [(next) => (request) => { request.header.set("authorization", `Bearer ${token}`); return next(request); }],
      }),
    );
    for (let count = 0; !over.signal.aborted; count++) {
      const due = performance.now() + 1_000 / perSecond;
      await client.labelNode({ node: `node-${String(count % 60).padStart(5, "0")}`, set: { round: String(count) } });
      await new Promise((wake) => setTimeout(wake, Math.max(0, due - performance.now())));
    }
  };
  const running = label();
  return async () => {
    over.abort();
    await running;
  };
}

test("frames while fifty events a second come in", async () => {
  await live(tab.page);
  const stop = events(EVENTS_PER_SECOND);
  await tab.page.waitForTimeout(1_000);
  const worst = await tab.page.evaluate(
    () =>
      new Promise<number[]>((done) => {
        const gaps: number[] = [];
        let last = performance.now();
        const end = last + 10_000;
        const frame = (now: number) => {
          gaps.push(now - last);
          last = now;
          if (now < end) requestAnimationFrame(frame);
          else done(gaps.toSorted((one, other) => other - one));
        };
        requestAnimationFrame(frame);
      }),
  );
  await stop();
  record("worst frame at 50 events a second", worst[0] ?? Number.NaN, "ms", 50);
  record("frame before the worst 1 %", worst[Math.floor(worst.length / 100)] ?? Number.NaN, "ms", 50);
});

test("heap", async () => {
  await devtools.send("HeapProfiler.enable");
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  record("heap of the node list", usedSize / 1024 / 1024, "MiB", 80);
});

test("twelve tabs, and a restart of the manager", async () => {
  const pages = [tab.page];
  while (pages.length < 12) {
    const { page } = await newTab(tab.context);
    await page.goto("/nodes");
    pages.push(page);
  }
  await Promise.all(pages.map((page) => live(page)));
  record("tabs that are not live, of twelve", 0, "", 0);
  for (const page of pages.slice(1)) await page.close();
  await fleet.stopManager();
  await tab.page.getByText("Reconnecting").waitFor();
  await fleet.startManager();
  const ready = performance.now();
  await live(tab.page);
  record("live again after the manager is ready", performance.now() - ready, "ms", 2_000);
});
