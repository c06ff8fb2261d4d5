// Lists: pages are asked for one after the other; the manager filters, orders and counts.
import { type InfiniteData, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

import type { ListOptions, ListSummary } from "./generated/atoll/v1/common_pb";
import type { Key } from "./query";

const PAGE_SIZE = 100;

type Ask = { filter?: string | undefined; order?: string | undefined };
type PageOptions = Pick<ListOptions, "pageSize" | "pageToken" | "filter" | "orderBy">;
type Page = { summary?: ListSummary | undefined };

/**
 * One list of the manager. `key` begins with its topic; filter and order are added to it. What was shown before stays
 * until the new answer is there, so that a filter does not make the page flash.
 */
export function useList<P extends Page, Row>(
  key: Key,
  ask: Ask,
  read: (options: PageOptions, signal: AbortSignal) => Promise<P>,
  rowsOf: (page: P) => Row[],
) {
  const query = useInfiniteQuery({
    queryKey: [...key, ask.filter ?? "", ask.order ?? ""],
    queryFn: ({ pageParam, signal }) =>
      read({ pageSize: PAGE_SIZE, pageToken: pageParam, filter: ask.filter ?? "", orderBy: ask.order ?? "" }, signal),
    initialPageParam: "",
    getNextPageParam: (page: P) => page.summary?.nextPageToken || undefined,
    placeholderData: keepPreviousData<InfiniteData<P, string>>,
  });
  const first = query.data?.pages[0]?.summary;
  return {
    rows: query.data?.pages.flatMap(rowsOf),
    total: Number(first?.total ?? 0n),
    facets: first?.facets ?? [],
    hasMore: query.hasNextPage,
    onMore: () => {
      if (!query.isFetchingNextPage) void query.fetchNextPage({ cancelRefetch: false });
    },
    error: query.error,
    isPending: query.isPending,
    isOld: query.isPlaceholderData,
    refetch: query.refetch,
  };
}
