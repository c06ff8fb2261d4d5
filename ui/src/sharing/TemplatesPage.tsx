// The templates of the fleet.
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { Button } from "../ui/Button";
import { Empty } from "../ui/feedback";
import { Select } from "../ui/fields";
import { TEMPLATE } from "./resource/kind";
import { NewDialog } from "./resource/NewDialog";
import { ResourceList } from "./resource/ResourceList";
import { newTemplate, SYNTAXES } from "./template/content";

const route = getRouteApi("/shell/templates");

export function TemplatesPage() {
  return (
    <ResourceList
      kind={TEMPLATE}
      lead="Reusable steps for many servers. Every change is kept in the history; nodes get what you publish."
      search={route.useSearch()}
      dialog={(onClose) => <NewTemplateDialog onClose={onClose} />}
      empty={(onNew, onImport) => (
        <Empty
          title="No template yet"
          actions={
            <>
              <Button kind="primary" onClick={onNew}>
                Write the first template
              </Button>
              <Button onClick={onImport}>Import files</Button>
            </>
          }
        >
          A template is a step with a script and parameters that servers share instead of copying it. Exported step templates can be imported as they are. On
          the command line: <code>atoll template import *.json</code>
        </Empty>
      )}
    />
  );
}

function NewTemplateDialog({ onClose }: { onClose: () => void }) {
  const [syntax, setSyntax] = useState<string>(SYNTAXES[0]);
  return (
    <NewDialog kind={TEMPLATE} contentOf={(name, description) => newTemplate(name, description, syntax)} onClose={onClose}>
      <Select label="Script language" value={syntax} onChange={setSyntax} choices={SYNTAXES.map((one) => ({ value: one, label: one }))} />
    </NewDialog>
  );
}
