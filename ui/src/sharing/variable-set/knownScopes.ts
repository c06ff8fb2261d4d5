// Names that people probably mean: those of the set, of the groups, and of the nodes' labels.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api } from "../../api/client";
import { type Scope, SCOPE_KEYS, type ScopeKey, type Value } from "./values";

export function useKnownScopes(values: readonly Value[]): Scope {
  const nodes = useQuery({
    queryKey: ["nodes", "facets", ""],
    queryFn: ({ signal }) => api.fleet.listNodes({ options: { filter: "", pageSize: 1 } }, { signal }),
  });
  const groups = useQuery({
    queryKey: ["groups", "names"],
    queryFn: ({ signal }) => api.fleet.listGroups({ options: { pageSize: 1000 } }, { signal }),
  });
  const facets = nodes.data?.summary?.facets;
  const paths = groups.data?.groups;
  return useMemo(() => {
    const known = (key: ScopeKey, field: string) => {
      const own = values.flatMap((value) => value.scope[key]);
      const labels = facets?.find((facet) => facet.field === field)?.values.map((one) => one.value) ?? [];
      const more = key === "groups" ? (paths ?? []).map((group) => group.path) : labels;
      return [...new Set([...own, ...more])].filter((name) => name !== "").sort();
    };
    return Object.fromEntries(SCOPE_KEYS.map(({ key, field }) => [key, known(key, field)])) as Scope;
  }, [values, facets, paths]);
}
