import { describe, expect, it } from "vitest";

import { distanceWords, percent, shares, syncCommand, syncSentence } from "./syncWords";

const status = { expected: 10_000n, have: 9_998n, applied: 0n, failed: 0n, offline: 2n };

describe("sync in words", () => {
  it("counts those who have it, and names what is in the way", () => {
    expect(syncSentence(status, "it")).toBe("9,998 of 10,000 have it, 2 offline");
    expect(syncSentence({ ...status, failed: 3n, applied: 9_995n }, "everything")).toBe(
      "9,998 of 10,000 have everything, 2 offline, 9,995 applied it, 3 failed to apply it",
    );
    expect(syncSentence({ ...status, expected: 0n }, "it")).toContain("not published to any node");
  });

  it("never says that all have it while one does not", () => {
    expect(percent(9_999n, 10_000n)).toBe("99.9%");
    expect(percent(10_000n, 10_000n)).toBe("100%");
    expect(percent(0n, 0n)).toBe("0%");
  });

  it("divides the fleet without leaving anybody out", () => {
    expect(shares({ ...status, have: 9_000n, waiting: 990n, pinned: 8n }).map((share) => share.nodes)).toEqual([9_000n, 990n, 2n, 8n]);
    const lacking = shares({ ...status, have: 9_000n, waiting: 990n, pinned: 5n, incomplete: 3n });
    expect(lacking.map((share) => [share.id, share.nodes])).toEqual([["have", 9_000n], ["behind", 990n], ["offline", 2n], ["lacking", 3n], ["apart", 5n]]);
  });

  it("says how far a node is", () => {
    expect(distanceWords({ acknowledgedSequence: 5n, outstanding: 1_200n })).toBe("lacks 1,200 documents");
    expect(distanceWords({ acknowledgedSequence: 5n, outstanding: 1n })).toBe("lacks 1 document");
    expect(distanceWords({ acknowledgedSequence: 0n, outstanding: 6n })).toBe("has nothing yet");
    expect(distanceWords({ acknowledgedSequence: 6n, outstanding: 0n })).toBe("received everything");
  });

  it("has its command line", () => {
    const quote = (word: string) => `'${word}'`;
    expect(syncCommand("variable_set", "Database", "", quote)).toBe("atoll sync status --vars 'Database'");
    expect(syncCommand("", "", "prod-1", quote)).toBe("atoll sync status --node 'prod-1'");
  });
});
