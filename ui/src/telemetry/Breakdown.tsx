// Parts of a whole as one bar, with a table that says the same in words and numbers.
import { Link } from "@tanstack/react-router";

import { SimpleTable } from "../ui/SimpleTable";

export type Part = { name: string; count: number; search?: Record<string, string> };

/** Parts that get a colour of their own; the rest is one part. */
const MOST = 6;

/** The largest parts, and the rest as one. */
export function largest(parts: readonly Part[]): Part[] {
  const sorted = [...parts].sort((one, other) => other.count - one.count);
  if (sorted.length <= MOST) return sorted;
  const rest = sorted.slice(MOST - 1).reduce((sum, part) => sum + part.count, 0);
  return [...sorted.slice(0, MOST - 1), { name: "others", count: rest }];
}

/** Cut off, never rounded up: 999 of 1,000 is not everything. */
export function percent(count: number, total: number): string {
  if (total === 0) return "0%";
  return `${Math.floor((count * 1000) / total) / 10}%`;
}

export function Breakdown({ label, parts }: { label: string; parts: readonly Part[] }) {
  const shown = largest(parts);
  const total = shown.reduce((sum, part) => sum + part.count, 0);
  return (
    <div className="breakdown">
      <div className="breakdown-bar" aria-hidden>
        {shown.map((part, index) => (
          <span key={part.name} className={`part-${index}`} style={{ flexGrow: part.count }} title={`${part.name}: ${part.count}`} />
        ))}
      </div>
      <SimpleTable
        label={label}
        rows={shown.map((part, index) => ({ ...part, index }))}
        getId={(part) => part.name}
        columns={[
          {
            header: "Version",
            cell: (part) => (
              <span className="part-name">
                <span className={`part-key part-${part.index}`} aria-hidden />
                {part.search ? (
                  <Link to="/nodes" search={part.search as never} className="row-link">
                    <bdi>{part.name}</bdi>
                  </Link>
                ) : (
                  <bdi>{part.name}</bdi>
                )}
              </span>
            ),
          },
          { header: "Nodes", cell: (part) => part.count.toLocaleString("en") },
          { header: "Share", cell: (part) => percent(part.count, total) },
        ]}
      />
    </div>
  );
}
