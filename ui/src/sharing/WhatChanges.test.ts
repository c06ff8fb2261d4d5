import { expect, it } from "vitest";

import { newcomerWords, nodesWords } from "./WhatChanges";

const nothing = { nodes: 0n, cordoned: 0n, ownEdits: 0n, confirms: false };

it("names those who get something else later, and those who go on with an edit of their own", () => {
  expect(nodesWords(nothing)).toEqual([]);
  expect(nodesWords({ ...nothing, nodes: 1n })).toEqual(["1 node would get something else than now."]);
  expect(nodesWords({ ...nothing, nodes: 12_000n, cordoned: 1n, ownEdits: 2n })).toEqual([
    "12,000 nodes would get something else than now.",
    "1 of them is cordoned, and gets it once it is uncordoned.",
    "2 of them go on with edits of their own, merged with it where the two merge.",
  ]);
});

it("says that a new name also confirms the node", () => {
  expect(nodesWords({ ...nothing, confirms: true })).toEqual(["It also confirms the node: sensitive values for its very name are for it from then on."]);
});

it("counts what a node that joins would get", () => {
  expect(newcomerWords({})).toEqual([]);
  expect(newcomerWords({ step_template: 12n, variable_set: 1n })).toEqual(["It would get 12 templates and 1 variable set."]);
});
