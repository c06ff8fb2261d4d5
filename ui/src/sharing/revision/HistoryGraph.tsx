// One row of the history graph. The list says the same in words, so readers are not told twice.
import type { GraphRow } from "./graph";

const LANE_PX = 14;
const RADIUS_PX = 4;
/** More lanes than this are drawn in the last one: the graph stays small. */
const MOST_LANES = 8;

export function graphWidthPx(rows: readonly GraphRow[]): number {
  const lanes = rows.reduce((most, row) => Math.max(most, row.lanes), 1);
  return (Math.min(lanes, MOST_LANES) + 1) * LANE_PX;
}

type HistoryGraphProps = { row: GraphRow; isMerge: boolean; isRelease: boolean; widthPx: number; heightPx: number };

export function HistoryGraph({ row, isMerge, isRelease, widthPx, heightPx }: HistoryGraphProps) {
  const middle = heightPx / 2;
  return (
    <svg className="history-graph" width={widthPx} height={heightPx} aria-hidden focusable="false">
      {row.above.map((edge) => (
        <path key={`above-${edge.from}-${edge.to}`} d={curve(edge.from, 0, edge.to, middle)} />
      ))}
      {row.below.map((edge) => (
        <path key={`below-${edge.from}-${edge.to}`} d={curve(edge.from, middle, edge.to, heightPx)} />
      ))}
      <circle
        cx={xOf(row.lane)}
        cy={middle}
        r={isMerge ? RADIUS_PX + 1 : RADIUS_PX}
        className={isRelease ? "is-release" : isMerge ? "is-merge" : undefined}
      />
    </svg>
  );
}

function xOf(lane: number): number {
  return (Math.min(lane, MOST_LANES - 1) + 1) * LANE_PX - LANE_PX / 2;
}

function curve(from: number, top: number, to: number, bottom: number): string {
  const bend = (top + bottom) / 2;
  return `M${xOf(from)},${top} C${xOf(from)},${bend} ${xOf(to)},${bend} ${xOf(to)},${bottom}`;
}
