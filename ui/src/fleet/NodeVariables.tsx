// What value each variable has on this node, and where it came from.
import { useQuery } from "@tanstack/react-query";

import { api } from "../api/client";
import { Answer, Empty } from "../ui/feedback";
import { SimpleTable } from "../ui/SimpleTable";
import { State } from "../ui/state";

export function NodeVariables({ node }: { node: string }) {
  const asked = useQuery({
    queryKey: ["effective", "node", node],
    queryFn: ({ signal }) => api.sharing.getEffectiveVariables({ node }, { signal }),
  });
  return (
    <Answer of={asked} what="the variables">
      {(answer) => (
        <SimpleTable
          label="Variables on this node"
          rows={answer.variables}
          getId={(variable) => `${variable.set} ${variable.name}`}
          empty={<Empty title="No variable set reaches this node">Publish one to its group or labels.</Empty>}
          columns={[
            { header: "Set", cell: (variable) => <bdi>{variable.set}</bdi> },
            { header: "Name", cell: (variable) => <bdi>{variable.name}</bdi> },
            {
              header: "Value",
              cell: (variable) =>
                variable.outcome !== "value" ? (
                  <State of={variable.outcome} />
                ) : variable.sensitive ? (
                  "sealed; only the node can read it"
                ) : (
                  <code>{shown(variable.value)}</code>
                ),
            },
            { header: "Reason", cell: (variable) => (variable.considered[0] ? `${variable.considered[0].scope}: ${variable.considered[0].why}` : "") },
          ]}
        />
      )}
    </Answer>
  );
}

/** A value as a person reads it: texts without quotes. */
export function shown(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : json;
  } catch {
    return json;
  }
}
