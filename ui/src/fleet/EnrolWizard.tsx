// Four steps: where the node belongs, the command for it, waiting with the person, and whether it works.
import { create } from "@bufbuild/protobuf";
import { Code, List, NumberInput, Stepper, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { api } from "../api/client";
import type { CreateJoinTokenResponse } from "../api/generated/atoll/v1/fleet_pb";
import { PlannedJoinSchema } from "../api/generated/atoll/v1/sharing_pb";
import { WhatChanges } from "../sharing/WhatChanges";
import { Button } from "../ui/Button";
import { CopyButton, quote } from "../ui/copy";
import { ListField, Segments, Select, TextField } from "../ui/fields";
import { Note, ProblemNote } from "../ui/feedback";
import { readLabels } from "../ui/Labels";
import { Page } from "../ui/Page";
import { State } from "../ui/state";
import { AttemptTable, useAttempts } from "./EnrolPage";
import { GroupField } from "./GroupField";

const HOUR_MS = 3_600_000n;
const LIFETIMES = [
  { value: "1", label: "an hour" },
  { value: "24", label: "a day" },
  { value: "168", label: "a week" },
];
/** How often attempts are looked at while somebody waits: they are not in the record of acts when they fail. */
const LOOK_MS = 1_500;

export function EnrolWizard({ onLeave }: { onLeave: () => void }) {
  const [made, setMade] = useState<CreateJoinTokenResponse>();
  return (
    <Page title="Enroll a node" crumbs={[{ label: "Enrollment", to: "/enrol" }]} lead="The node creates its own keys; only the token is sent to it.">
      {made ? <Wait made={made} onLeave={onLeave} onAgain={() => setMade(undefined)} /> : <Describe onMade={setMade} />}
    </Page>
  );
}

function Describe({ onMade }: { onMade: (made: CreateJoinTokenResponse) => void }) {
  const [group, setGroup] = useState("/");
  const [labels, setLabels] = useState<string[]>([]);
  const [uses, setUses] = useState(1);
  const [hours, setHours] = useState("1");
  const [description, setDescription] = useState("");
  const [requestId, setRequestId] = useState(() => crypto.randomUUID());
  const isSent = useRef(false);
  const queries = useQueryClient();
  const read = readLabels(labels);
  const make = useMutation({
    mutationFn: () =>
      api.fleet.createJoinToken({
        group,
        labels: read.labels,
        usesLimit: uses,
        lifetimeMs: BigInt(hours) * HOUR_MS,
        description,
        requestId,
      }),
    onSuccess: (answer) => {
      // Only now: a call whose answer was lost is repeated under the same id, and makes no second token.
      setRequestId(crypto.randomUUID());
      void queries.invalidateQueries({ queryKey: ["join-tokens"] });
      onMade(answer);
    },
  });
  const problem = read.problem ?? (group === "" ? "Choose a group first" : undefined);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (problem === undefined && !isSent.current) {
      isSent.current = true;
      make.mutate(undefined, { onSettled: () => (isSent.current = false) });
    }
  };
  const given = labels.map((label) => ` --label ${quote(label)}`).join("");
  return (
    <form className="form wizard" onSubmit={send}>
      <Steps active={0} />
      <GroupField label="Home group" value={group} onChange={setGroup} description="The node gets what is published to this group, to the groups above it and to its labels." />
      <ListField label="Labels" value={labels} onChange={setLabels} placeholder="environment=production" description="Press Enter after each." />
      <TextField label="Description" value={description} onChange={setDescription} placeholder="web servers in the new rack" maxLength={200} />
      <NumberInput label="Maximum number of nodes" allowDecimal={false} allowNegative={false} clampBehavior="strict" min={1} max={100_000} value={uses} onChange={(value) => setUses(Number(value) || 1)} />
      <Select label="Valid for" value={hours} onChange={setHours} choices={LIFETIMES} />
      {problem === undefined ? <WhatChanges change={{ case: "join", value: create(PlannedJoinSchema, { group, labels: read.labels }) }} /> : null}
      {make.error ? <ProblemNote error={make.error} /> : null}
      <Text size="sm" c="dimmed">
        On the command line:{" "}
        <Code>
          atoll enroll token create --group {quote(group)}
          {given}
          {description ? ` --description ${quote(description)}` : ""} --uses {uses} --expires {hours}h
        </Code>
      </Text>
      <div className="form-actions">
        <Button type="submit" kind="primary" isBusy={make.isPending} disabledReason={problem}>
          Create the token
        </Button>
      </div>
    </form>
  );
}

function Steps({ active }: { active: number }) {
  return (
    <Stepper active={active} size="xs" aria-label="Steps">
      <Stepper.Step label="Where it belongs" />
      <Stepper.Step label="Run the command" />
      <Stepper.Step label="Wait for it" />
      <Stepper.Step label="Check that it works" />
    </Stepper>
  );
}

type WaitProps = { made: CreateJoinTokenResponse; onLeave: () => void; onAgain: () => void };

function Wait({ made, onLeave, onAgain }: WaitProps) {
  const [name, setName] = useState("");
  const [platform, setPlatform] = useState("service");
  const [isShown, setShown] = useState(false);
  const tokenId = made.token?.id ?? "";
  const attempts = useAttempts(`token=${tokenId}`);
  const refetch = attempts.refetch;
  useEffect(() => {
    const timer = setInterval(() => void refetch(), LOOK_MS);
    return () => clearInterval(timer);
  }, [refetch]);
  const rows = attempts.rows ?? [];
  const joined = [...new Set(rows.filter((attempt) => attempt.outcome === "joined").map((attempt) => attempt.name))];
  const command = commandFor(platform, isShown ? made.text : "ATOLL-TOKEN", name);
  return (
    <div className="form wizard">
      <Steps active={joined.length > 0 ? 3 : isShown || name !== "" ? 2 : 1} />
      <TextField label="Node name" value={name} onChange={setName} placeholder="web-1" />
      <Segments
        label="How it runs"
        value={platform}
        onChange={setPlatform}
        choices={[
          { value: "service", label: "systemd service" },
          { value: "hand", label: "By hand" },
          { value: "sdk", label: "In your program" },
        ]}
      />
      <div className="panel">
        <div className="section-header">
          <Text size="sm" fw={600}>
            Run this on the node
          </Text>
          <div className="page-actions">
            <Button size="xs" kind="quiet" onClick={() => setShown(!isShown)}>
              {isShown ? "Hide the token" : "Show the token"}
            </Button>
            <CopyButton text={commandFor(platform, made.text, name)} label="Copy the command with the token" />
          </div>
        </div>
        <pre className="value-text">{command}</pre>
        <Text size="xs" c="dimmed" mt={6}>
          The token is not kept and cannot be shown again after you leave this page.
        </Text>
      </div>
      {joined.length === 0 ? (
        <p role="status" className="live">
          Waiting for a node to join with this token…
        </p>
      ) : null}
      {joined.map((node) => (
        <Arrived key={node} name={node} />
      ))}
      {rows.some((attempt) => attempt.outcome !== "joined") ? (
        <Note title="The manager refused an attempt to join">
          <AttemptTable attempts={rows.filter((attempt) => attempt.outcome !== "joined").slice(0, 5)} />
        </Note>
      ) : null}
      {joined.length === 0 && rows.length === 0 ? <Unseen /> : null}
      <div className="form-actions">
        <Button onClick={onAgain}>Create another token</Button>
        <Button kind="primary" onClick={onLeave}>
          {joined.length > 0 ? "Done" : "Close: the node can join later"}
        </Button>
      </div>
    </div>
  );
}

/** What is wrong when nothing at all is seen here: the manager cannot know, so the likely causes in their order. */
function Unseen() {
  return (
    <details>
      <summary>Nothing happening?</summary>
      <List size="sm" mt="xs">
        <List.Item>The node cannot reach the address in the token: a name that does not resolve, a firewall, another port.</List.Item>
        <List.Item>The node reports a root certificate that does not match the token: it reaches another manager, or a proxy terminates TLS.</List.Item>
        <List.Item>The node's clock is days off: certificates appear not yet valid, or expired.</List.Item>
        <List.Item>
          The details are in the node's log: <Code>journalctl -u atoll-agent</Code>, or the output of the command.
        </List.Item>
      </List>
    </details>
  );
}

function Arrived({ name }: { name: string }) {
  const asked = useQuery({ queryKey: ["node", name], queryFn: ({ signal }) => api.fleet.getNode({ node: name }, { signal }), refetchInterval: LOOK_MS });
  const node = asked.data?.node;
  return (
    <div className="panel" role="status">
      <Text fw={600}>
        <bdi>{name}</bdi> has joined.
      </Text>
      {node ? (
        <p>
          <State of={node.state} /> <State of={node.syncState || "unknown"} />{" "}
          {node.inSync ? "It has everything it should have." : "It is being sent what it should have."}{" "}
          <Link to="/nodes/$node" params={{ node: name }} className="row-link">
            Open the node
          </Link>
        </p>
      ) : (
        <p>Checking the connection…</p>
      )}
    </div>
  );
}

/** The command for one way of running a node. */
export function commandFor(platform: string, token: string, name: string): string {
  const called = quote(name.trim() || "NAME");
  if (platform === "service") {
    // The token goes through a file of its own: arguments can be read by everybody on the server.
    return [
      `sudo install -o atoll-agent -m 600 /dev/stdin /var/lib/atoll-agent/token <<< '${token}'`,
      `sudo -u atoll-agent atoll-agent join --token-file /var/lib/atoll-agent/token --name ${called} --data-dir /var/lib/atoll-agent`,
      "sudo rm /var/lib/atoll-agent/token",
      "sudo systemctl enable --now atoll-agent",
    ].join("\n");
  }
  if (platform === "hand") return `ATOLL_AGENT_TOKEN='${token}' atoll-agent run --name ${called} --data-dir ./node --files-dir ./files`;
  return `atoll_node::join(JoinOptions::new("/var/lib/your-program", "${token}".parse()?, "${name.trim() || "NAME"}")).await?;`;
}
