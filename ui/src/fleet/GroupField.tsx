// Choosing a group among those there are.
import { useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import { ProblemNote } from "../ui/feedback";
import { Select } from "../ui/fields";

const MOST = 1_000;

export function useGroups() {
  return useQuery({
    queryKey: ["groups", "all"],
    queryFn: ({ signal }) => api.fleet.listGroups({ options: { pageSize: MOST } }, { signal }),
  });
}

type GroupFieldProps = { label: string; value: string; onChange: (group: string) => void; description?: string };

export function GroupField({ label, value, onChange, description }: GroupFieldProps) {
  const groups = useGroups();
  if (groups.error) return <ProblemNote error={groups.error} onRetry={() => void groups.refetch()} />;
  const choices = (groups.data?.groups ?? []).map((group) => ({ value: group.path, label: group.path === "/" ? "/ (the whole fleet)" : group.path }));
  return (
    <Select
      label={label}
      value={value}
      onChange={onChange}
      {...(description ? { description } : {})}
      choices={[{ value: "", label: groups.isPending ? "Loading groups…" : "Choose a group" }, ...choices]}
    />
  );
}
