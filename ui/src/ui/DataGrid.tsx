// The one table engine: rows are drawn as they come into sight, pages are read as the end comes near, and everything can
// be done from the keyboard. What is filtered, ordered and counted is decided by the manager.
import { columnVisibilityFeature, createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";

import { singleKeysAreOn } from "../shell/keys";

export type Column<Row> = {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** A CSS grid track, such as `minmax(12rem, 2fr)`. */
  width: string;
  /** The field by which the manager sorts, where it can. */
  sortKey?: string;
};

export type Selection = { ids: ReadonlySet<string>; onChange: (ids: ReadonlySet<string>) => void };

type GridProps<Row> = {
  /** What the rows are, for readers. */
  label: string;
  columns: readonly Column<Row>[];
  hidden?: readonly string[];
  rows: readonly Row[];
  getId: (row: Row) => string;
  /** How the row is called, for readers. */
  getName: (row: Row) => string;
  onOpen?: ((row: Row) => void) | undefined;
  total: number;
  hasMore?: boolean;
  onMore?: (() => void) | undefined;
  orderBy?: string;
  onOrder?: ((orderBy: string) => void) | undefined;
  selection?: Selection | undefined;
  /** Shown when there are no rows. */
  empty: ReactNode;
  rowHeightPx?: number;
};

const features = tableFeatures({ columnVisibilityFeature });
/** Rows from the end at which the next page is asked for. */
const AHEAD = 30;

export function DataGrid<Row>(props: GridProps<Row>) {
  const { label, columns, hidden = [], rows, getId, getName, onOpen, total, selection, rowHeightPx = 40 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const prefix = useId();
  const [active, setActive] = useState(-1);
  const anchor = useRef(-1);
  const helper = useMemo(() => createColumnHelper<typeof features, { of: Row }>(), []);
  const table = useTable({
    features,
    data: useMemo(() => rows.map((of) => ({ of })), [rows]),
    columns: useMemo(() => columns.map((column) => helper.display({ id: column.id })), [columns, helper]),
    state: { columnVisibility: Object.fromEntries(hidden.map((id) => [id, false])) },
    getRowId: (row) => getId(row.of),
  });
  const shown = columns.filter((column) => table.getColumn(column.id)?.getIsVisible() ?? true);
  const model = table.getRowModel().rows;
  const virtual = useVirtualizer({
    count: model.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeightPx,
    overscan: 8,
    getItemKey: (index) => model[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { hasMore, onMore } = props;
  useEffect(() => {
    if (hasMore && last >= model.length - AHEAD) onMore?.();
  }, [hasMore, last, model.length, onMore]);

  const minimum = `${shown.reduce((sum, column) => sum + leastRem(column.width), selection ? 2.5 : 0)}rem`;
  const tracks = [...(selection ? ["2.5rem"] : []), ...shown.map((column) => column.width)].join(" ");
  const toggle = (index: number, isRange: boolean) => {
    if (!selection) return;
    const ids = new Set(selection.ids);
    const from = isRange && anchor.current >= 0 ? Math.min(anchor.current, index) : index;
    const to = isRange && anchor.current >= 0 ? Math.max(anchor.current, index) : index;
    const isOn = isRange || !ids.has(model[index]?.id ?? "");
    for (const row of model.slice(from, to + 1)) {
      if (isOn) ids.add(row.id);
      else ids.delete(row.id);
    }
    anchor.current = index;
    selection.onChange(ids);
  };
  const go = (index: number) => {
    const next = Math.max(0, Math.min(model.length - 1, index));
    setActive(next);
    virtual.scrollToIndex(next);
  };
  const press = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = model[active];
    const isSingle = singleKeysAreOn();
    const key = event.key;
    if (key === "ArrowDown" || (isSingle && key === "j")) go(active + 1);
    else if (key === "ArrowUp" || (isSingle && key === "k")) go(active - 1);
    else if (key === "Home") go(0);
    else if (key === "End") go(model.length - 1);
    else if (key === "PageDown") go(active + 15);
    else if (key === "PageUp") go(active - 15);
    else if (key === "Enter" && row && onOpen) onOpen(row.original.of);
    else if ((key === " " || (isSingle && key.toLowerCase() === "x")) && row && selection) toggle(active, event.shiftKey);
    else if (key === "Escape" && selection && selection.ids.size > 0) selection.onChange(new Set());
    else return;
    event.preventDefault();
  };
  if (model.length === 0) return <>{props.empty}</>;
  return (
    <div className="grid-frame">
      <div
        className="grid"
        role="grid"
        ref={scroller}
        tabIndex={0}
        aria-label={label}
        aria-rowcount={total + 1}
        aria-colcount={shown.length + (selection ? 1 : 0)}
        aria-multiselectable={selection ? true : undefined}
        aria-activedescendant={active >= 0 ? `${prefix}-${active}` : undefined}
        onKeyDown={press}
      >
        <div role="rowgroup" className="grid-head" style={{ minWidth: minimum }}>
          <div role="row" aria-rowindex={1} className="grid-row" style={{ gridTemplateColumns: tracks }}>
            {selection ? (
              <div role="columnheader" className="grid-cell grid-check">
                <input
                  type="checkbox"
                  aria-label="Select all rows that are loaded"
                  checked={model.every((row) => selection.ids.has(row.id))}
                  onChange={(event) => selection.onChange(new Set(event.currentTarget.checked ? model.map((row) => row.id) : []))}
                />
              </div>
            ) : null}
            {shown.map((column) => (
              <HeaderCell key={column.id} column={column} orderBy={props.orderBy ?? ""} onOrder={props.onOrder} />
            ))}
          </div>
        </div>
        <div role="rowgroup" className="grid-body" style={{ height: virtual.getTotalSize(), minWidth: minimum }}>
          {items.map((item) => {
            const row = model[item.index];
            if (!row) return null;
            const of = row.original.of;
            const isSelected = selection?.ids.has(row.id) ?? false;
            return (
              <div
                key={row.id}
                id={`${prefix}-${item.index}`}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={selection ? isSelected : undefined}
                className={`grid-row grid-data${item.index === active ? " is-active" : ""}${isSelected ? " is-selected" : ""}`}
                style={{ gridTemplateColumns: tracks, height: item.size, transform: `translateY(${item.start}px)` }}
                onMouseDown={() => setActive(item.index)}
                onDoubleClick={() => onOpen?.(of)}
              >
                {selection ? (
                  <div role="gridcell" className="grid-cell grid-check">
                    <input
                      type="checkbox"
                      aria-label={`Select ${getName(of)}`}
                      checked={isSelected}
                      onChange={(event) => toggle(item.index, (event.nativeEvent as PointerEvent).shiftKey)}
                    />
                  </div>
                ) : null}
                {shown.map((column) => (
                  <div key={column.id} role="gridcell" className="grid-cell">
                    {column.cell(of)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      <p className="grid-foot" role="status">
        {model.length < total ? `${model.length.toLocaleString("en")} of ${total.toLocaleString("en")} loaded` : `${total.toLocaleString("en")} in all`}
      </p>
    </div>
  );
}

/** The least width that a track asks for: head and rows must agree on it, or their columns drift apart. */
function leastRem(width: string): number {
  return Number(/([\d.]+)rem/.exec(width)?.[1] ?? 8);
}

type HeaderProps<Row> = { column: Column<Row>; orderBy: string; onOrder: ((orderBy: string) => void) | undefined };

function HeaderCell<Row>({ column, orderBy, onOrder }: HeaderProps<Row>) {
  const [field, direction] = orderBy.split(" ");
  const isSorted = column.sortKey !== undefined && field === column.sortKey;
  const isDown = isSorted && direction === "desc";
  if (!column.sortKey || !onOrder) {
    return (
      <div role="columnheader" className="grid-cell">
        {column.header}
      </div>
    );
  }
  const next = !isSorted ? column.sortKey : isDown ? "" : `${column.sortKey} desc`;
  return (
    <div role="columnheader" className="grid-cell" aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}>
      <button type="button" className="grid-sort" onClick={() => onOrder(next)}>
        {column.header}
        {isSorted ? isDown ? <ArrowDown size={14} aria-hidden /> : <ArrowUp size={14} aria-hidden /> : null}
      </button>
    </div>
  );
}
