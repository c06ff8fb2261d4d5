// Room for a grid inside a tab: as tall as its rows, up to most of the window.
import type { CSSProperties, ReactNode } from "react";

export function GridPlace({ rows, children }: { rows: number; children: ReactNode }) {
  return (
    <div className="form resource-grid" style={{ "--rows": rows } as CSSProperties}>
      {children}
    </div>
  );
}
