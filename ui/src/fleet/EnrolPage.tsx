// Letting nodes join: the tokens there are, what became of the latest attempts, and the wizard.
import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../api/client";
import type { JoinAttempt, JoinToken } from "../api/generated/atoll/v1/fleet_pb";
import { useList } from "../api/list";
import { managerNow } from "../live/clock";
import { Button, IconButton } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Empty, Loading, ProblemNote } from "../ui/feedback";
import { Labels } from "../ui/Labels";
import { Page, Section } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { State } from "../ui/state";
import { Time } from "../ui/time";
import { EnrolWizard } from "./EnrolWizard";

const route = getRouteApi("/shell/enrol");

export function tokenState(token: JoinToken, nowMs: number): string {
  if (token.revoked) return "revoked";
  if (Number(token.expiresMs) <= nowMs) return "expired";
  return token.uses >= token.usesLimit ? "used_up" : "valid";
}

export function useAttempts(filter = "") {
  return useList(
    ["join-attempts"],
    { filter },
    (options, signal) => api.fleet.listJoinAttempts({ options }, { signal }),
    (page) => page.attempts,
  );
}

export function EnrolPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  if (search.step === "new") return <EnrolWizard onLeave={() => void navigate({ to: "/enrol" })} />;
  return (
    <Page
      title="Enrollment"
      lead="A node joins with a token that names its group and labels. The token pins this manager's key, so a node cannot be tricked into joining another one."
      cli="atoll enroll token list"
      actions={
        <Button kind="primary" icon={Plus} onClick={() => void navigate({ to: "/enrol", search: { step: "new" } })}>
          Enroll a node
        </Button>
      }
    >
      <Tokens />
      <Attempts />
    </Page>
  );
}

function Tokens() {
  const [revoking, setRevoking] = useState<JoinToken>();
  const list = useList(
    ["join-tokens"],
    {},
    (options, signal) => api.fleet.listJoinTokens({ options }, { signal }),
    (page) => page.tokens,
  );
  return (
    <Section title="Join tokens">
      {list.error ? <ProblemNote error={list.error} onRetry={() => void list.refetch()} /> : null}
      {list.rows === undefined ? (
        <Loading what="the tokens" />
      ) : (
        <SimpleTable
          label="Join tokens"
          rows={list.rows}
          getId={(token) => token.id}
          empty={
            <Empty title="No tokens yet">
              On the command line: <code>atoll enroll token create --group /</code>
            </Empty>
          }
          columns={[
            { header: "Description", cell: (token) => <bdi>{token.description || "none"}</bdi> },
            { header: "State", cell: (token) => <State of={tokenState(token, managerNow())} /> },
            { header: "Group", cell: (token) => <bdi>{token.group}</bdi> },
            { header: "Labels", cell: (token) => <Labels of={token.labels} /> },
            { header: "Used", cell: (token) => `${token.uses} of ${token.usesLimit}` },
            { header: "Expires", cell: (token) => <Time at={token.expiresMs} /> },
            { header: "Created by", cell: (token) => <bdi>{token.createdBy}</bdi> },
            {
              header: "Actions",
              cell: (token) => (
                <IconButton
                  label={`Revoke ${token.description || token.id}`}
                  icon={Trash2}
                  disabledReason={tokenState(token, managerNow()) === "valid" ? undefined : "This token no longer works"}
                  onClick={() => setRevoking(token)}
                />
              ),
            },
          ]}
        />
      )}
      {list.hasMore ? <Button onClick={list.onMore}>Show more</Button> : null}
      {revoking ? <RevokeToken token={revoking} onClose={() => setRevoking(undefined)} /> : null}
    </Section>
  );
}

function RevokeToken({ token, onClose }: { token: JoinToken; onClose: () => void }) {
  const queries = useQueryClient();
  return (
    <Confirm
      title="Revoke this join token"
      submit="Revoke the token"
      cli={`atoll enroll token revoke ${token.id}`}
      act={() => api.fleet.revokeJoinToken({ id: token.id })}
      done="The token was revoked"
      onDone={() => void queries.invalidateQueries({ queryKey: ["join-tokens"] })}
      onClose={onClose}
    >
      No more nodes can join with it. Nodes that already joined stay.
    </Confirm>
  );
}

function Attempts() {
  const list = useAttempts();
  return (
    <Section title="Latest attempts">
      {list.error ? <ProblemNote error={list.error} onRetry={() => void list.refetch()} /> : null}
      {list.rows === undefined ? (
        <Loading what="the attempts" />
      ) : (
        <AttemptTable attempts={list.rows.slice(0, 50)} />
      )}
    </Section>
  );
}

export function AttemptTable({ attempts }: { attempts: readonly JoinAttempt[] }) {
  return (
    <SimpleTable
      label="Attempts to join"
      rows={attempts}
      getId={(attempt) => `${attempt.atMs} ${attempt.name} ${attempt.outcome} ${attempt.address}`}
      empty={<Empty title="No attempts since the manager started">Attempts appear here, including refused ones and why.</Empty>}
      columns={[
        { header: "When", cell: (attempt) => <Time at={attempt.atMs} /> },
        { header: "From", cell: (attempt) => attempt.address },
        { header: "Name", cell: (attempt) => <bdi>{attempt.name || "none given"}</bdi> },
        { header: "Outcome", cell: (attempt) => <State of={attempt.outcome === "joined" ? "joined" : "refused"} /> },
        { header: "Details", cell: (attempt) => attempt.text },
      ]}
    />
  );
}
