// Writes every page in both themes, for the documentation and for looking at.
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { launch, settled, signedIn } from "../browser/browser";
import { Fleet } from "../browser/fleet";
import { pages, setUp } from "../browser/scene";

const directory = resolve(process.env["ATOLL_PICTURES"] ?? "screenshots");
/** Charts and editors draw a little after their data is there. */
const DRAWN_MS = 700;

test("every page is pictured in both themes", { timeout: 300_000 }, async () => {
  const [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
  try {
    const scene = await setUp(fleet);
    for (const theme of ["light", "dark"] as const) {
      await mkdir(`${directory}/${theme}`, { recursive: true });
      const { page, complaints, context } = await signedIn(browser, fleet, { theme });
      for (const [name, path] of Object.entries(pages(scene))) {
        await page.goto(path);
        await settled(page);
        await page.waitForTimeout(DRAWN_MS);
        await page.screenshot({ path: `${directory}/${theme}/${name}.png` });
      }
      expect(complaints).toEqual([]);
      await context.close();
    }
  } finally {
    await browser.close();
    await fleet.stop();
  }
});
