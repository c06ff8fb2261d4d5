import { expect, it } from "vitest";

import { syncReason } from "./syncReason";

const node = { inSync: false, syncState: "behind", state: "online", connected: true };

it("says of a node that is not connected what was known last", () => {
  const away = { ...node, inSync: true, syncState: "in_sync", state: "offline", connected: false };
  expect(syncReason(away, [])).toBe("When last seen, it had proved that it runs the expected configuration.");
  expect(syncReason({ ...away, state: "online", connected: true }, [])).toBe("It has proved that it runs the expected configuration.");
});

it("says that applying failed, and not that something is on its way", () => {
  expect(syncReason(node, [])).toBe("It is receiving or applying what it should have.");
  expect(syncReason(node, [{ code: "EDIT_REFUSED" }])).toBe("It is receiving or applying what it should have.");
  expect(syncReason(node, [{ code: "APPLY_FAILED" }])).toBe("It failed to apply something. See below.");
});
