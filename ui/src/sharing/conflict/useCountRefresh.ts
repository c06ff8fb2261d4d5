// Lists that change without an act of a person: the counters of the live stream tell, the list is read again.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import type { GetStatusResponse } from "../../api/generated/atoll/v1/telemetry_pb";
import type { Topic } from "../../api/query";
import { useStatus } from "../../api/standing";

export function useCountRefresh(topic: Topic, read: (status: GetStatusResponse) => bigint): void {
  const queries = useQueryClient();
  const status = useStatus();
  const count = status.data ? read(status.data) : undefined;
  const before = useRef(count);
  useEffect(() => {
    if (before.current !== undefined && count !== undefined && before.current !== count) {
      void queries.invalidateQueries({ queryKey: [topic] });
    }
    before.current = count;
  }, [count, queries, topic]);
}
