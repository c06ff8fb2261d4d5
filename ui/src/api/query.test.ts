import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";

import { createQueryClient } from "./query";

async function readTwice(failure: ConnectError) {
  const queries = createQueryClient();
  const queryKey = ["node", "n5"] as const;
  await queries.fetchQuery({ queryKey, queryFn: () => Promise.resolve("Online") });
  const again = queries.fetchQuery({ queryKey, staleTime: 0, retry: false, queryFn: () => Promise.reject(failure) });
  await expect(again).rejects.toBe(failure);
  return queries.getQueryState(queryKey);
}

it("forgets what is not there any more", async () => {
  const state = await readTwice(new ConnectError("there is no node n5", Code.NotFound));
  expect(state?.data).toBeUndefined();
  expect(state?.status).toBe("error");
});

it("keeps what could not be read again", async () => {
  expect((await readTwice(new ConnectError("", Code.Unavailable)))?.data).toBe("Online");
});
