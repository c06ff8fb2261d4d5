// The variable sets of the fleet.
import { getRouteApi } from "@tanstack/react-router";

import { Button } from "../ui/Button";
import { Empty } from "../ui/feedback";
import { VARIABLE_SET } from "./resource/kind";
import { NewDialog } from "./resource/NewDialog";
import { ResourceList } from "./resource/ResourceList";

const route = getRouteApi("/shell/variable-sets");

export function VariableSetsPage() {
  return (
    <ResourceList
      kind={VARIABLE_SET}
      lead="Named values, each scoped to where it applies. Only nodes in scope can read sensitive values."
      search={route.useSearch()}
      dialog={(onClose) => (
        <NewDialog
          kind={VARIABLE_SET}
          contentOf={(name, description) => ({ Name: name, Description: description, Variables: [] })}
          onClose={onClose}
        />
      )}
      empty={(onNew, onImport) => (
        <Empty
          title="No variable set yet"
          actions={
            <>
              <Button kind="primary" onClick={onNew}>
                Make the first variable set
              </Button>
              <Button onClick={onImport}>Import files</Button>
            </>
          }
        >
          A variable set holds values such as addresses and passwords, each for some environments, roles, servers or groups. On the command line:{" "}
          <code>atoll vars import database.json</code>
        </Empty>
      )}
    />
  );
}
