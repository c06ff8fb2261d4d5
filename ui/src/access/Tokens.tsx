// Administrator tokens: named, shown once, ended at once.
import { Code, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { api } from "../api/client";
import type { CreateTokenResponse, Token } from "../api/generated/atoll/v1/access_pb";
import { useList } from "../api/list";
import { managerNow } from "../live/clock";
import { Button, IconButton } from "../ui/Button";
import { CopyButton, quote } from "../ui/copy";
import { Confirm, Dialog, FormDialog } from "../ui/Dialog";
import { Empty, Loading, ProblemNote } from "../ui/feedback";
import { Select, TextField } from "../ui/fields";
import { SimpleTable } from "../ui/SimpleTable";
import { State } from "../ui/state";
import { Time } from "../ui/time";

const DAY_MS = 86_400_000n;
const LIFETIMES = [
  { value: "0", label: "until revoked" },
  { value: "1", label: "for a day" },
  { value: "30", label: "for 30 days" },
  { value: "365", label: "for a year" },
];

function stateOf(token: Token): string {
  if (token.revoked) return "revoked";
  return token.expiresMs !== 0n && Number(token.expiresMs) <= managerNow() ? "expired" : "valid";
}

export function Tokens() {
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<CreateTokenResponse>();
  const [revoking, setRevoking] = useState<Token>();
  const list = useList(["tokens"], {}, (options, signal) => api.access.listTokens({ options }, { signal }), (page) => page.tokens);
  return (
    <>
      <div className="section-header">
        <div className="page-actions">
          <Button kind="primary" icon={Plus} onClick={() => setMaking(true)}>
            New token
          </Button>
        </div>
      </div>
      {list.error ? <ProblemNote error={list.error} onRetry={() => void list.refetch()} /> : null}
      {list.rows === undefined ? (
        <Loading what="the tokens" />
      ) : (
        <SimpleTable
          label="Tokens"
          rows={list.rows}
          getId={(token) => token.id}
          empty={<Empty title="No tokens">The CLI and scripts authenticate with tokens.</Empty>}
          columns={[
            { header: "Name", cell: (token) => <bdi>{token.name}</bdi> },
            { header: "State", cell: (token) => <State of={stateOf(token)} /> },
            { header: "Created", cell: (token) => <Time at={token.createdMs} /> },
            { header: "By", cell: (token) => <bdi>{token.createdBy}</bdi> },
            { header: "Expires", cell: (token) => <Time at={token.expiresMs} /> },
            {
              header: "Actions",
              cell: (token) => (
                <IconButton
                  label={`Revoke ${token.name}`}
                  icon={Trash2}
                  disabledReason={stateOf(token) === "valid" ? undefined : "This token no longer works"}
                  onClick={() => setRevoking(token)}
                />
              ),
            },
          ]}
        />
      )}
      {list.hasMore ? <Button onClick={list.onMore}>Show more</Button> : null}
      {isMaking ? <NewToken onMade={setMade} onClose={() => setMaking(false)} /> : null}
      {made ? <ShownOnce made={made} onClose={() => setMade(undefined)} /> : null}
      {revoking ? <Revoke token={revoking} onClose={() => setRevoking(undefined)} /> : null}
    </>
  );
}

function NewToken({ onMade, onClose }: { onMade: (made: CreateTokenResponse) => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [days, setDays] = useState("30");
  const [requestId] = useState(() => crypto.randomUUID());
  const queries = useQueryClient();
  return (
    <FormDialog
      title="New token"
      submit="Create the token"
      cli={`atoll token create ${quote(name || "NAME")}${days === "0" ? "" : ` --expires ${Number(days) * 24}h`}`}
      disabledReason={name.trim() === "" ? "Give it a name first" : undefined}
      act={() => api.access.createToken({ name: name.trim(), lifetimeMs: BigInt(days) * DAY_MS, requestId })}
      done="The token was created"
      onDone={(made) => {
        void queries.invalidateQueries({ queryKey: ["tokens"] });
        onMade(made);
      }}
      onClose={onClose}
    >
      <TextField label="Name" description="It is recorded with everything that is done with the token." value={name} onChange={setName} autoFocus maxLength={100} />
      <Select label="Valid" value={days} onChange={setDays} choices={LIFETIMES} />
    </FormDialog>
  );
}

function ShownOnce({ made, onClose }: { made: CreateTokenResponse; onClose: () => void }) {
  return (
    <Dialog title={`The token ${made.token?.name ?? ""}`} onClose={onClose}>
      <Text size="sm" mb="sm">
        Copy it now: it is not kept and cannot be shown again. Give it to the command line as <Code>ATOLL_TOKEN</Code>.
      </Text>
      <div className="section-header">
        <Code block className="value-text">
          {made.text}
        </Code>
        <CopyButton text={made.text} label="Copy the token" />
      </div>
    </Dialog>
  );
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const queries = useQueryClient();
  return (
    <Confirm
      title={`Revoke ${token.name}`}
      submit="Revoke the token"
      cli={`atoll token revoke ${quote(token.name)}`}
      act={() => api.access.revokeToken({ token: token.id })}
      done="The token was revoked"
      onDone={() => void queries.invalidateQueries({ queryKey: ["tokens"] })}
      onClose={onClose}
    >
      It stops working at once, and browsers that signed in through it are signed out. Tokens and join tokens created
      with it are revoked too; to keep them, use the command with <Code>--keep-made</Code>.
    </Confirm>
  );
}
