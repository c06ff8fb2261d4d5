// Who did what, newest first.
import { Text } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useCallback, useState } from "react";

import { api } from "../api/client";
import type { AuditEvent } from "../api/generated/atoll/v1/audit_pb";
import { useList } from "../api/list";
import { Button } from "../ui/Button";
import { quote } from "../ui/copy";
import type { Column } from "../ui/DataGrid";
import { Dialog } from "../ui/Dialog";
import { Empty } from "../ui/feedback";
import { ListView } from "../ui/ListView";
import { Page } from "../ui/Page";
import { moment, Time } from "../ui/time";
import { tellDone, tellProblem } from "../ui/toast";
import { actionWords } from "./words";

const route = getRouteApi("/shell/audit");
/** Events of one export: more are had by the command line, page by page. */
const EXPORT_MOST = 10_000;

export function AuditPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const [open, setOpen] = useState<AuditEvent>();
  const filter = search.filter ?? "";
  const onFilter = useCallback(
    (next: string) => void navigate({ to: "/audit", search: next ? { filter: next } : {}, replace: true }),
    [navigate],
  );
  const list = useList(["audit"], { filter }, (options, signal) => api.audit.listEvents({ options }, { signal }), (page) => page.events);
  const columns: readonly Column<AuditEvent>[] = [
    { id: "number", header: "Number", width: "6rem", cell: (event) => event.number.toString() },
    { id: "at", header: "When", width: "minmax(8rem, 0.8fr)", cell: (event) => <Time at={event.atMs} /> },
    { id: "actor", header: "Who", width: "minmax(8rem, 1fr)", cell: (event) => <bdi>{event.actor}</bdi> },
    { id: "action", header: "What", width: "minmax(12rem, 1.5fr)", cell: (event) => actionWords(event.action) },
    { id: "subject", header: "Target", width: "minmax(10rem, 2fr)", cell: (event) => <bdi title={event.subject}>{event.subject}</bdi> },
    {
      id: "detail",
      header: "Details",
      width: "7rem",
      cell: (event) => (
        <Button size="xs" kind="quiet" onClick={() => setOpen(event)}>
          Show<span className="visually-hidden"> details of event {event.number.toString()}</span>
        </Button>
      ),
    },
  ];
  return (
    <Page
      title="Audit"
      lead="Every action and who took it, recorded in the same transaction as the change. Event numbers are consecutive."
      cli={`atoll audit list${filter ? ` --filter ${quote(filter)}` : ""}`}
      actions={<Export filter={filter} />}
    >
      <ListView
        what="events"
        list={list}
        columns={columns}
        getId={(event) => event.number.toString()}
        getName={(event) => `event ${event.number}`}
        onOpen={setOpen}
        filter={filter}
        onFilter={onFilter}
        facetLabels={{ action: "What", actor: "Who" }}
        placeholder="actor=, action=, subject="
        empty={<Empty title="No activity yet">Every action of an administrator or a node appears here.</Empty>}
      />
      {open ? <Details event={open} onClose={() => setOpen(undefined)} /> : null}
    </Page>
  );
}

function Details({ event, onClose }: { event: AuditEvent; onClose: () => void }) {
  return (
    <Dialog title={`Event ${event.number}`} onClose={onClose}>
      <dl className="facts">
        <dt>When</dt>
        <dd>{moment(event.atMs)}</dd>
        <dt>Who</dt>
        <dd>
          <bdi>{event.actor}</bdi>
        </dd>
        <dt>What</dt>
        <dd>
          {actionWords(event.action) === event.action ? null : `${actionWords(event.action)} `}
          <code>{event.action}</code>
        </dd>
        <dt>Target</dt>
        <dd>
          <bdi>{event.subject}</bdi>
        </dd>
      </dl>
      <Text size="sm" fw={600} mt="md">
        Details
      </Text>
      <pre className="value-text panel">{pretty(event.detail)}</pre>
    </Dialog>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function Export({ filter }: { filter: string }) {
  const [isBusy, setBusy] = useState(false);
  const save = () => {
    setBusy(true);
    readAll(filter)
      .then((events) => {
        const lines = events.map((event) => JSON.stringify({ ...event, $typeName: undefined, number: Number(event.number), atMs: undefined, at: new Date(Number(event.atMs)).toISOString() }));
        const address = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }));
        const anchor = document.createElement("a");
        anchor.href = address;
        anchor.download = "audit.jsonl";
        anchor.click();
        URL.revokeObjectURL(address);
        const isCut = events.length >= EXPORT_MOST;
        tellDone(`${events.length.toLocaleString("en")} events exported`, isCut ? "Only the newest: narrow the filter, or use the command line for all." : "");
      })
      .catch(tellProblem)
      .finally(() => setBusy(false));
  };
  return (
    <Button icon={Download} isBusy={isBusy} onClick={save}>
      Export
    </Button>
  );
}

async function readAll(filter: string): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let pageToken = "";
  do {
    const page = await api.audit.listEvents({ options: { filter, pageSize: 1_000, pageToken } });
    events.push(...page.events);
    pageToken = page.summary?.nextPageToken ?? "";
  } while (pageToken !== "" && events.length < EXPORT_MOST);
  return events;
}
