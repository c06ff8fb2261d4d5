// The state of the fleet in ten seconds.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { lazy, Suspense } from "react";

import { api } from "../api/client";
import type { AuditEvent } from "../api/generated/atoll/v1/audit_pb";
import type { GetStatusResponse } from "../api/generated/atoll/v1/telemetry_pb";
import { useStatus } from "../api/standing";
import { actionWords } from "../audit/words";
import { CopyButton } from "../ui/copy";
import { Answer, Empty, Loading } from "../ui/feedback";
import { Page, Section } from "../ui/Page";
import { SimpleTable } from "../ui/SimpleTable";
import { Time } from "../ui/time";
import { Breakdown } from "./Breakdown";

const SyncChart = lazy(() => import("./SyncChart").then((module) => ({ default: module.SyncChart })));

export function OverviewPage() {
  const asked = useStatus();
  return (
    <Page title="Overview" cli="atoll status">
      <Answer of={asked} what="the state of the fleet">
        {(status) => (
          <>
            <Counters status={status} />
            {status.nodes === 0n || status.resources === 0n || status.publications === 0n ? <FirstSteps status={status} /> : null}
            <div className="columns">
              <Section title="Sync over time">
                <Suspense fallback={<Loading what="the chart" />}>
                  <SyncChart />
                </Suspense>
              </Section>
              <Section title="Agent versions">
                <Versions />
              </Section>
              <Section title="Recent activity">
                <LastChanges />
              </Section>
              <Section title="Manager">
                <Manager status={status} />
              </Section>
            </div>
          </>
        )}
      </Answer>
    </Page>
  );
}

type CounterProps = { value: bigint; label: string; hint: string; to: string; search?: Record<string, string>; wantsAttention?: boolean };

function Counter({ value, label, hint, to, search = {}, wantsAttention = false }: CounterProps) {
  return (
    <Link to={to} search={search as never} className={wantsAttention ? "counter wants-attention" : "counter"}>
      <span className="counter-value">{value.toLocaleString("en")}</span>
      <span>{label}</span>
      <span className="counter-label">
        {wantsAttention ? <TriangleAlert size={14} aria-hidden /> : null} {hint}
      </span>
    </Link>
  );
}

function Counters({ status }: { status: GetStatusResponse }) {
  const offline = status.nodes - status.nodesOnline;
  const behind = status.nodes - status.nodesInSync;
  return (
    <nav className="counters" aria-label="The fleet in numbers">
      <Counter value={status.nodes} label="Nodes" hint="in the fleet" to="/nodes" />
      <Counter value={status.nodesOnline} label="Connected" wantsAttention={offline > 0n} hint={status.nodes === 0n ? "none yet" : offline === 0n ? "all of them" : `${offline.toLocaleString("en")} not connected`} to="/nodes" search={offline === 0n ? {} : { filter: "connected=false" }} />
      <Counter value={status.nodesInSync} label="In sync" wantsAttention={behind > 0n} hint={status.nodes === 0n ? "none yet" : behind === 0n ? "all of them" : `${behind.toLocaleString("en")} not in sync`} to="/nodes" search={behind === 0n ? {} : { filter: "in_sync=false" }} />
      <Counter value={status.conflictsOpen} label="Conflicts" wantsAttention={status.conflictsOpen > 0n} hint={status.conflictsOpen === 0n ? "nothing to decide" : status.conflictsOpen === 1n ? "needs a decision" : "need a decision"} to="/conflicts" />
      <Counter value={status.proposalsOpen} label="Proposals" wantsAttention={status.proposalsOpen > 0n} hint={status.proposalsOpen === 0n ? "nothing to decide" : status.proposalsOpen === 1n ? "awaits a decision" : "await a decision"} to="/proposals" />
      <Counter value={status.resources} label="Resources" hint={status.publications === 1n ? "and 1 publication" : `and ${status.publications.toLocaleString("en")} publications`} to="/templates" />
    </nav>
  );
}

type Step = { title: string; isDone: boolean; to: string; search: Record<string, string>; command: string; why: string };

function FirstSteps({ status }: { status: GetStatusResponse }) {
  const steps: Step[] = [
    { title: "Enroll the first node", isDone: status.nodes > 0n, to: "/enrol", search: { step: "new" }, command: "atoll enroll token create --group /", why: "A node is a server that follows this manager." },
    { title: "Create or import a template", isDone: status.resources > 0n, to: "/templates", search: { new: "1" }, command: "atoll template import FILE.json --publish", why: "Templates and variable sets are what nodes share." },
    { title: "Publish it", isDone: status.publications > 0n, to: "/publications", search: { new: "1" }, command: "atoll publication set everywhere --all", why: "A publication says which nodes get which resources." },
  ];
  return (
    <Section title="First steps">
      <ol className="steps">
        {steps.map((step) => (
          <li key={step.title} className="panel">
            <strong>{step.isDone ? `Done: ${step.title}` : step.title}</strong>
            <p>{step.why}</p>
            {step.isDone ? null : (
              <>
                <Link to={step.to} search={step.search as never} className="row-link">
                  Do it here
                </Link>
                <span className="command">
                  <code>{step.command}</code>
                  <CopyButton text={step.command} label={`Copy the command: ${step.title}`} />
                </span>
              </>
            )}
          </li>
        ))}
      </ol>
    </Section>
  );
}

function Versions() {
  const asked = useQuery({
    queryKey: ["nodes", "facets", ""],
    queryFn: ({ signal }) => api.fleet.listNodes({ options: { filter: "", pageSize: 1 } }, { signal }),
  });
  return (
    <Answer of={asked} what="the versions">
      {(answer) => {
        const values = answer.summary?.facets.find((facet) => facet.field === "agent_version")?.values ?? [];
        if (values.length === 0) return <Empty title="No node has reported its version yet" />;
        return (
          <Breakdown
            label="Agent versions"
            parts={values.map(({ value, count }) => ({
              name: value || "not reported yet",
              count: Number(count),
              ...(value ? { search: { filter: `agent_version=${value}` } } : {}),
            }))}
          />
        );
      }}
    </Answer>
  );
}

function LastChanges() {
  const asked = useQuery({
    queryKey: ["audit", "last"],
    // Who comes and goes is not a change of the fleet; it stands on the audit page.
    queryFn: ({ signal }) =>
      api.audit.listEvents({ options: { pageSize: 12, filter: "action!=session.create action!=session.revoke action!=sign_in_link.create" } }, { signal }),
  });
  return (
    <Answer of={asked} what="the last changes">
      {(answer) => (
        <SimpleTable<AuditEvent>
          label="Recent activity"
          rows={answer.events}
          getId={(event) => event.number.toString()}
          empty={<Empty title="No activity yet" />}
          columns={[
            { header: "When", cell: (event) => <Time at={event.atMs} /> },
            { header: "Who", cell: (event) => <bdi>{event.actor}</bdi> },
            { header: "What", cell: (event) => actionWords(event.action) },
            { header: "Target", cell: (event) => <bdi className="wrap">{event.subject}</bdi> },
          ]}
        />
      )}
    </Answer>
  );
}

function Manager({ status }: { status: GetStatusResponse }) {
  return (
    <dl className="facts panel">
      <dt>Version</dt>
      <dd>{status.version}</dd>
      <dt>Database</dt>
      <dd>{status.database}</dd>
      <dt>Running since</dt>
      <dd>
        <Time at={status.startedMs} />
      </dd>
      <dt>Node endpoint</dt>
      <dd>
        <code>{status.nodeAddress}</code>
      </dd>
      <dt>Newest sequence number</dt>
      <dd>{status.sequence.toLocaleString("en")}</dd>
      <dt>Root key</dt>
      <dd>
        <code>{status.rootPin}</code>
      </dd>
    </dl>
  );
}
