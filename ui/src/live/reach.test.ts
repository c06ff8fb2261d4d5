import { expect, it } from "vitest";

import { Reach } from "./reach";

const LIVE = { kind: "live" } as const;

it("says nothing while the manager answers", async () => {
  let changes = 0;
  const reach = new Reach(() => Promise.resolve(), () => (changes += 1));
  await reach.doubt();
  expect(reach.over(LIVE)).toEqual(LIVE);
  expect(changes).toBe(0);
});

it("does not let a live stream stand over a connection that is cut, until the manager answers again", async () => {
  const answers = [false, false, true];
  const shown: string[] = [];
  const reach: Reach = new Reach(
    () => (answers.shift() ? Promise.resolve() : Promise.reject(new Error("cut"))),
    () => shown.push(reach.over(LIVE).kind),
    () => Promise.resolve(),
  );
  await reach.doubt();
  expect(shown).toEqual(["reconnecting", "reconnecting", "live"]);
});

it("leaves what the stream itself says", async () => {
  let release = () => {};
  const waiting = new Promise<void>((resolve) => (release = resolve));
  let isCut = true;
  const reach = new Reach(() => (isCut ? Promise.reject(new Error("cut")) : Promise.resolve()), () => {}, () => waiting);
  const doubting = reach.doubt();
  await Promise.resolve();
  expect(reach.over({ kind: "signed-out" })).toEqual({ kind: "signed-out" });
  isCut = false;
  release();
  await doubting;
  expect(reach.over(LIVE)).toEqual(LIVE);
});
