// Browsers that are signed in.
import { useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../api/client";
import type { Session } from "../api/generated/atoll/v1/access_pb";
import { useList } from "../api/list";
import { Button, IconButton } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Empty, Loading, ProblemNote } from "../ui/feedback";
import { SimpleTable } from "../ui/SimpleTable";
import { Time } from "../ui/time";

export function Sessions() {
  const [ending, setEnding] = useState<Session>();
  const list = useList(["sessions"], {}, (options, signal) => api.access.listSessions({ options }, { signal }), (page) => page.sessions);
  return (
    <>
      {list.error ? <ProblemNote error={list.error} onRetry={() => void list.refetch()} /> : null}
      {list.rows === undefined ? (
        <Loading what="the browsers" />
      ) : (
        <SimpleTable
          label="Browsers that are signed in"
          rows={list.rows}
          getId={(session) => session.id}
          empty={<Empty title="No browser is signed in">You appear to be using a token.</Empty>}
          columns={[
            { header: "Signed in as", cell: (session) => <bdi>{session.name}</bdi> },
            { header: "Browser", cell: (session) => (session.current ? `${session.browser} (this one)` : session.browser) },
            { header: "Signed in", cell: (session) => <Time at={session.createdMs} /> },
            { header: "Expires", cell: (session) => <Time at={session.expiresMs} /> },
            {
              header: "Actions",
              cell: (session) => <IconButton label={`Sign out ${session.name}, ${session.browser}`} icon={Trash2} onClick={() => setEnding(session)} />,
            },
          ]}
        />
      )}
      {list.hasMore ? <Button onClick={list.onMore}>Show more</Button> : null}
      {ending ? <End session={ending} onClose={() => setEnding(undefined)} /> : null}
    </>
  );
}

function End({ session, onClose }: { session: Session; onClose: () => void }) {
  const queries = useQueryClient();
  return (
    <Confirm
      title="Sign this browser out"
      submit="Sign it out"
      cli={`atoll session revoke ${session.id}`}
      act={() => api.access.revokeSession({ id: session.id })}
      done="The browser was signed out"
      onDone={() => void queries.invalidateQueries({ queryKey: ["sessions"] })}
      onClose={onClose}
    >
      {session.current ? "This is your current browser: you will have to sign in again." : "Unsaved input stays in the page there."}
    </Confirm>
  );
}
