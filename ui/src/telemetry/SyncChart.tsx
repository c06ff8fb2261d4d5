// How the fleet was over time, as lines and as a table.
import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";

import { api } from "../api/client";
import type { Sample } from "../api/generated/atoll/v1/telemetry_pb";
import { managerNow } from "../live/clock";
import { Answer, Empty } from "../ui/feedback";
import { Segments } from "../ui/fields";
import { SimpleTable } from "../ui/SimpleTable";
import { moment } from "../ui/time";

const POINTS = 300;
const HEIGHT_PX = 220;
const HOUR_MS = 3_600_000;
const SPANS = [
  { value: "6", label: "6 hours" },
  { value: "24", label: "A day" },
  { value: "168", label: "A week" },
];

export function SyncChart() {
  const [hours, setHours] = useState("24");
  const [isTable, setTable] = useState("chart");
  const asked = useQuery({
    queryKey: ["samples", hours],
    queryFn: ({ signal }) => {
      const fromMs = BigInt(Math.floor(managerNow() - Number(hours) * HOUR_MS));
      return api.telemetry.listSamples({ fromMs, options: { pageSize: POINTS } }, { signal });
    },
    refetchInterval: 60_000,
  });
  return (
    <>
      <div className="section-header">
        <Segments label="Span" value={hours} onChange={setHours} choices={SPANS} />
        <Segments
          label="Shown as"
          value={isTable}
          onChange={setTable}
          choices={[
            { value: "chart", label: "Lines" },
            { value: "table", label: "Table" },
          ]}
        />
      </div>
      <Answer of={asked} what="the samples">
        {(answer) => {
          if (answer.samples.length < 2) return <Empty title="No data yet">The manager takes one sample a minute; the chart needs at least two.</Empty>;
          return isTable === "table" ? <SampleTable samples={answer.samples} /> : <Lines samples={answer.samples} />;
        }}
      </Answer>
    </>
  );
}

function SampleTable({ samples }: { samples: readonly Sample[] }) {
  return (
    <SimpleTable
      label="The fleet over time"
      rows={[...samples].reverse().slice(0, 60)}
      getId={(sample) => sample.atMs.toString()}
      columns={[
        { header: "When", cell: (sample) => moment(sample.atMs) },
        { header: "Nodes", cell: (sample) => sample.nodes.toLocaleString("en") },
        { header: "Connected", cell: (sample) => sample.online.toLocaleString("en") },
        { header: "In sync", cell: (sample) => sample.inSync.toLocaleString("en") },
        { header: "Conflicts", cell: (sample) => sample.conflicts.toLocaleString("en") },
      ]}
    />
  );
}

/** Told apart by dashes as well as by colour. */
const SERIES = [
  { label: "Nodes", light: "#495057", dark: "#ced4da", dash: [] as number[] },
  { label: "Connected", light: "#0b7285", dark: "#3bc9db", dash: [8, 4] },
  { label: "In sync", light: "#2b8a3e", dark: "#69db7c", dash: [2, 3] },
];

function Lines({ samples }: { samples: readonly Sample[] }) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const target = place.current;
    if (!target) return;
    const isDark = scheme === "dark";
    const ink = isDark ? "#ced4da" : "#495057";
    const axis = { stroke: ink, grid: { stroke: isDark ? "#3b4046" : "#e3e7ea", width: 1 } };
    const plot = new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT_PX,
        cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
        axes: [axis, { ...axis, size: 56 }],
        series: [{}, ...SERIES.map((line) => ({ label: line.label, stroke: isDark ? line.dark : line.light, width: 2, dash: line.dash }))],
      },
      [
        samples.map((sample) => Number(sample.atMs) / 1000),
        samples.map((sample) => Number(sample.nodes)),
        samples.map((sample) => Number(sample.online)),
        samples.map((sample) => Number(sample.inSync)),
      ],
      target,
    );
    const follow = new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height: HEIGHT_PX }));
    follow.observe(target);
    return () => {
      follow.disconnect();
      plot.destroy();
    };
  }, [samples, scheme]);
  const last = samples.at(-1);
  const words = last ? `Now ${last.nodes} nodes, ${last.online} connected, ${last.inSync} in sync. The table has all points.` : "";
  return <div ref={place} role="img" aria-label={`Nodes, connected and in sync over time. ${words}`} className="chart" />;
}
