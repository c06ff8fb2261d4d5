// One question for a person. The manager did the merge: only what two sides really disagree about is asked.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";

import { api } from "../api/client";
import type { Conflict } from "../api/generated/atoll/v1/sharing_pb";
import { quote } from "../ui/copy";
import { Answer, Empty } from "../ui/feedback";
import { Page } from "../ui/Page";
import { State } from "../ui/state";
import { Time } from "../ui/time";
import { Settled } from "./conflict/Changed";
import { ConflictForm, type Next } from "./conflict/ConflictForm";
import { authors } from "./conflict/sides";
import { useCountRefresh } from "./conflict/useCountRefresh";
import { kindOf, ResourceLink } from "./ResourceLink";

const route = getRouteApi("/shell/conflicts/$id");

export function ConflictPage() {
  const { id } = route.useParams();
  const navigate = useNavigate();
  const asked = useQuery({
    queryKey: ["conflicts", "one", id],
    queryFn: ({ signal }) => api.sharing.getConflict({ id }, { signal }),
  });
  useCountRefresh("conflicts", (status) => status.conflictsOpen);
  const conflict = asked.data?.conflict;
  const goOn = (next: Next) => {
    if (next.conflictId) void navigate({ to: "/conflicts/$id", params: { id: next.conflictId } });
    // Otherwise it stays here: the answered question leads to publishing.
    else if (next.version) void navigate({ to: "/conflicts" });
  };
  return (
    <Page
      title={conflict?.resource ? `Conflict in ${conflict.resource.name}` : "Conflict"}
      crumbs={[{ label: "Conflicts", to: "/conflicts" }]}
      aside={conflict ? <State of={conflict.state} /> : null}
      cli={`atoll conflict show ${quote(id)}`}
      lead={conflict ? <Lead conflict={conflict} /> : undefined}
    >
      <Answer of={asked} what="the conflict">
        {(answer) => {
          if (!answer.conflict) return <Empty title="No data for this conflict">Try again later.</Empty>;
          if (answer.conflict.state === "resolved") return <Settled key={id} conflict={answer.conflict} />;
          return <ConflictForm key={id} conflict={answer.conflict} onResolved={goOn} />;
        }}
      </Answer>
    </Page>
  );
}

function Lead({ conflict }: { conflict: Conflict }) {
  const who = authors(conflict);
  return (
    <>
      In the {kindOf(conflict.resource?.kind ?? "").noun} <ResourceLink resource={conflict.resource} />
      {who ? <bdi>, between {who}</bdi> : null}, <Time at={conflict.openedMs} />. Everything else merged automatically.
    </>
  );
}
