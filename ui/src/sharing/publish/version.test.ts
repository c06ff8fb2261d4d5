import { describe, expect, it } from "vitest";

import { followersText, nextVersion, versionProblem } from "./version";

describe("the next version", () => {
  it("counts up one number and starts those after it again", () => {
    expect(["major", "minor", "patch"].map((step) => nextVersion("1.4.9", step as "major"))).toEqual(["2.0.0", "1.5.0", "1.4.10"]);
    expect(nextVersion("", "minor")).toBe("1.0.0");
  });

  it("must be three numbers, and higher than the latest", () => {
    expect(versionProblem("1.4", "1.0.0")).toContain("such as 1.4.0");
    expect(versionProblem("1.4.9", "1.4.9")).toBe("It must be higher than 1.4.9");
    expect(versionProblem("1.10.0", "1.9.9")).toBeUndefined();
    expect(versionProblem("0.1.0", "")).toBeUndefined();
  });
});

describe("who follows", () => {
  it("counts a node that two publications reach only once", () => {
    const both = [{ name: "a", nodes: 3, pinned: "" }, { name: "b", nodes: 3, pinned: "" }];
    expect(followersText(both, 4)).toBe("Nodes that follow: 4 nodes.");
  });

  it("does not count those that stay at a version", () => {
    expect(followersText([{ name: "a", nodes: 3, pinned: "1.0.0" }], 3)).toBe("No node follows.");
    expect(followersText([{ name: "a", nodes: 1, pinned: "" }, { name: "b", nodes: 9, pinned: "1.0.0" }], 10)).toContain("at most 1 node.");
  });
});
