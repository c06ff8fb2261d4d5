import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, live, signedIn, type Tab } from "./browser";
import { type Agent, eventually, Fleet, template } from "./fleet";
import { makeConflict, variables } from "./scene";

let fleet: Fleet;
let browser: Browser;
let tab: Tab;
let prod: Agent;
let away: Agent;

beforeAll(async () => {
  [fleet, browser] = await Promise.all([Fleet.start(), launch()]);
  prod = await fleet.join("prod-1", "/eu/prod", "environment=production");
  away = await fleet.join("test-1", "/eu/test", "environment=test");
  tab = await signedIn(browser, fleet);
});
afterAll(async () => {
  expect(tab.complaints).toEqual([]);
  await browser.close();
  await fleet.stop();
});

test("a template is imported from a file, published, and seen on the nodes", async () => {
  const { page } = tab;
  await page.goto("/templates");
  await page.getByText("No template yet").waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Import templates" });
  const file = await fleet.write("hello.json", template("Say hello"));
  await dialog.locator("input[type=file]").setInputFiles(file);
  await dialog.getByRole("list", { name: "Files" }).getByText("Say hello").first().waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("link", { name: "Say hello" }).click();
  await page.getByRole("tab", { name: "Publish" }).click();
  await page.getByRole("button", { name: /^Publish \d+\.\d+\.\d+$/ }).click();
  await page.getByRole("tabpanel").getByText("Nothing new to publish").waitFor();

  await page.goto("/publications?new=1");
  const form = page.getByRole("dialog");
  await form.getByLabel("Name").fill("everywhere");
  await form.getByLabel("Group").selectOption("/");
  await form.getByRole("checkbox", { name: /^Say hello/ }).check();
  await form.getByText(/2 nodes/).first().waitFor();
  await form.getByRole("button", { name: "Create the publication" }).click();
  await page.getByRole("heading", { level: 1, name: /everywhere|Publications/ }).waitFor();
  await prod.document("step_template", "Say hello");
  await page.goto("/templates/Say%20hello?tab=usages");
  await page.getByRole("gridcell", { name: "In sync" }).nth(1).waitFor();
});

test("what a node proposes is seen, compared and accepted", async () => {
  const { page } = tab;
  await prod.edit("step_template", "Say hello", (document) => {
    document["Description"] = "Says something, gently.";
  });
  await page.goto("/proposals");
  await page.getByRole("link", { name: "Say hello" }).first().click();
  await page.getByText("Says something, gently.").first().waitFor();
  await page.getByRole("button", { name: "Accept" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Message").fill("well said");
  await dialog.getByRole("checkbox", { name: /Release the result at once/ }).check();
  await dialog.getByRole("button", { name: "Accept the edit" }).click();
  await eventually("the other node has it", async () => {
    const document = await away.document("step_template", "Say hello");
    return document["Description"] === "Says something, gently." ? true : undefined;
  });
  await page.goto("/templates/Say%20hello?tab=versions");
  await page.getByRole("gridcell").filter({ hasText: "1.0.1" }).first().waitFor();
});

test("a conflict is counted, shown place by place, answered, and everybody gets the answer", async () => {
  const { page } = tab;
  await page.goto("/");
  await live(page);
  await makeConflict(fleet, prod, "Say hello");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Conflicts 1/ }).click();
  await page.getByRole("link", { name: "Say hello" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Conflict in Say hello" }).waitFor();
  await page.getByText("0 of 2 answered").waitFor();
  const answers = { parameter: /Take node prod-1/, script: /Take the manager/ };
  for (let question = 0; question < 2; question++) {
    const title = (await page.getByRole("region", { name: /^Field/ }).getAttribute("aria-label")) ?? "";
    const answer = /script/i.test(title) ? answers.script : answers.parameter;
    await page.getByRole("radio", { name: answer }).check();
    if (question === 0) await page.keyboard.press("F7");
  }
  await page.getByText("2 of 2 answered").waitFor();
  await page.getByLabel("Message").fill("the node knows its word, the script is ours");
  await page.getByRole("checkbox", { name: /Release the result at once/ }).check();
  await page.keyboard.press("Control+Enter");
  await eventually("both nodes have the answer", async () => {
    for (const agent of [prod, away]) {
      const text = JSON.stringify(await agent.document("step_template", "Say hello"));
      if (!text.includes("a node's word") || !text.includes("says the administrator")) return undefined;
    }
    return true;
  });
  await page.goto("/conflicts");
  await page.getByText(/No open conflict/).first().waitFor();
});

test("a variable set says what a node gets and why, and keeps what is sensitive", async () => {
  const { page } = tab;
  await fleet.publish("vars", variables);
  await fleet.cli("publication", "add", "everywhere", "--vars", "Database");
  await page.goto("/variable-sets/Database");
  await page.getByRole("button", { name: "Add a value" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a value" });
  await dialog.getByLabel("Name", { exact: false }).first().fill("Db.Password");
  await dialog.getByRole("checkbox", { name: /^Sensitive/ }).check();
  await dialog.getByLabel("Sensitive value").fill("correct horse");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("gridcell").filter({ hasText: "sensitive, never shown" }).waitFor();
  expect(await page.content()).not.toContain("correct horse");
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("correct horse");

  await page.goto("/variable-sets/Database?tab=effective&node=prod-1");
  await page.getByText("db.prod.example.org").first().waitFor();
  await page.goto("/nodes/prod-1?tab=variables");
  const row = page.getByRole("row").filter({ hasText: "Db.Host" });
  await row.getByText("db.prod.example.org").waitFor();
  await row.getByText(/environment/i).first().waitFor();
});

test("of two people who edit one template nobody loses anything", async () => {
  const ada = await signedIn(browser, fleet, { name: "ada" });
  const ben = await signedIn(browser, fleet, { name: "ben" });
  for (const { page } of [ada, ben]) {
    await page.bringToFront();
    await page.goto("/templates/Say%20hello");
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("group", { name: "The open edit" }).waitFor();
  }
  await ada.page.bringToFront();
  await ada.page.getByLabel("Description").fill("Written by Ada.");
  await ada.page.keyboard.press("Control+Enter");
  await ada.page.getByText("Written by Ada.").first().waitFor();
  await ben.page.bringToFront();
  // Ben is told, and what he typed stays.
  await ben.page.getByText("ada saved a newer revision").waitFor();
  await ben.page.getByRole("button", { name: "See the difference" }).click();
  await ben.page.getByRole("dialog").getByText("Written by Ada.").first().waitFor();
  await ben.page.keyboard.press("Escape");
  await ben.page.getByRole("tab", { name: /^Parameters/ }).click();
  await ben.page.getByRole("button", { name: /^Edit/ }).first().click();
  await ben.page.getByRole("dialog").getByLabel("Label", { exact: true }).fill("Label by Ben");
  await ben.page.getByRole("dialog").getByRole("button", { name: /^(Save|Done|Take|Apply|Change)/ }).click();
  await ben.page.getByRole("group", { name: "The open edit" }).getByRole("button", { name: "Save" }).click();
  await eventually("both edits are in the template", async () => {
    const text = await fleet.cli("template", "export", "Say hello");
    return text.includes("Written by Ada.") && text.includes("Label by Ben") ? true : undefined;
  });
  await ada.context.close();
  await ben.context.close();
});

test("a node that was cut off while both sides changed loses nothing, and the page says what it waits for", async () => {
  const { page } = tab;
  await away.stop();
  await fleet.cli("node", "wait", "test-1", "--for", "offline", "--timeout", "30s");
  await away.edit("step_template", "Say hello", (document) => {
    (document["Parameters"] as Record<string, unknown>[])[0]!["HelpText"] = "Edited while away.";
  });
  await fleet.cli("vars", "set", "Database", "Db.Port", "6543", "--publish");
  await page.goto("/sync");
  await page.getByText("test-1").first().waitFor();
  away.start();
  await page.getByRole("heading", { level: 1, name: "Sync" }).waitFor();
  await page.goto("/proposals");
  await page.getByRole("gridcell").filter({ hasText: "test-1" }).first().waitFor();
  await eventually("the node has what was changed meanwhile", async () => {
    const text = JSON.stringify(await away.document("variable_set", "Database"));
    return text.includes("6543") ? true : undefined;
  });
});
