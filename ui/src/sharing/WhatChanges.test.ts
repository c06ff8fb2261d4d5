import { expect, it } from "vitest";

import { newcomerWords, nodesWords } from "./WhatChanges";

const nothing = { nodes: 0n, cordoned: 0n, ownEdits: 0n, stoppedEdits: 0n, confirms: false };

it("names the nodes that get it later, and those that keep a local edit", () => {
  expect(nodesWords(nothing)).toEqual([]);
  expect(nodesWords({ ...nothing, nodes: 1n })).toEqual(["Published content would change for 1 node."]);
  expect(nodesWords({ ...nothing, nodes: 12_000n, cordoned: 1n, ownEdits: 2n })).toEqual([
    "Published content would change for 12,000 nodes.",
    "1 of them is cordoned and gets the change once uncordoned.",
    "2 of them keep local edits, merged with the change unless they conflict.",
  ]);
  expect(nodesWords({ ...nothing, nodes: 3n, stoppedEdits: 1n })[1]).toBe("1 of them stops running a local edit.");
  expect(nodesWords({ ...nothing, nodes: 3n, stoppedEdits: 3n })[1]).toBe("3 of them stop running local edits.");
});

it("says that a new name also confirms the node", () => {
  expect(nodesWords({ ...nothing, confirms: true })).toEqual(["This also confirms the node: sensitive values scoped to its name then apply to it."]);
});

it("counts what a node that joins would get", () => {
  expect(newcomerWords({})).toEqual([]);
  expect(newcomerWords({ step_template: 12n, variable_set: 1n })).toEqual(["It would get 12 templates and 1 variable set."]);
});
