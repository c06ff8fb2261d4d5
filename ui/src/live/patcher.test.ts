import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Patcher } from "./live";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("asks again how many nodes are in each state when one changes, and leaves the list", () => {
  const queries = new QueryClient();
  queries.setQueryData(["nodes", "facets", ""], { states: [] });
  queries.setQueryData(["nodes", "list", ""], { pages: [], pageParams: [] });
  const patcher = new Patcher(queries);
  patcher.take({ managerNowMs: 1, nodes: [{ id: "1", name: "n1" }], events: [], incomplete: false, status: undefined } as never);
  vi.advanceTimersByTime(60_000);
  expect(queries.getQueryState(["nodes", "facets", ""])?.isInvalidated).toBe(true);
  expect(queries.getQueryState(["nodes", "list", ""])?.isInvalidated).toBe(false);
  patcher.stop();
});
