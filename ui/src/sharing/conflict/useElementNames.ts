// Names of list elements, for questions about an order: the question lists the manager's keys, the contents of the two
// sides list the elements in the same order.
import { useQueries } from "@tanstack/react-query";

import { api } from "../../api/client";
import type { Conflict } from "../../api/generated/atoll/v1/sharing_pb";
import { isOrder } from "./place";
import { elementNames } from "./preview";

export function useElementNames(conflict: Conflict): ReadonlyMap<string, string> {
  const orders = conflict.places.filter((place) => isOrder(place.path));
  const kind = conflict.resource?.kind ?? "";
  const resource = conflict.resource?.id ?? "";
  return useQueries({
    queries: (orders.length > 0 ? conflict.revisions.slice(0, 2) : []).map(({ id: revision }) => ({
      queryKey: ["resource", kind, resource, revision],
      queryFn: ({ signal }: { signal: AbortSignal }) => api.sharing.getResource({ kind, resource, revision }, { signal }),
    })),
    combine: (answers) => {
      const found = orders.flatMap((place) =>
        answers.flatMap((answer, at) => [...elementNames(answer.data?.content ?? "", place.path, at === 0 ? place.ours : place.theirs)]),
      );
      return new Map(found);
    },
  });
}
