// A list page's body: filter, rows, and every state in between.
import type { ReactNode } from "react";

import type { Facet } from "../api/generated/atoll/v1/common_pb";
import { Button } from "./Button";
import { type Column, DataGrid, type Selection } from "./DataGrid";
import { Empty, Loading, ProblemNote } from "./feedback";
import { FilterBar } from "./FilterBar";

type List<Row> = {
  rows: Row[] | undefined;
  total: number;
  facets: readonly Facet[];
  hasMore: boolean;
  onMore: () => void;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
};

type ListViewProps<Row> = {
  /** What the rows are, in lower case: `nodes`. */
  what: string;
  list: List<Row>;
  columns: readonly Column<Row>[];
  hidden?: readonly string[];
  getId: (row: Row) => string;
  getName: (row: Row) => string;
  onOpen?: (row: Row) => void;
  filter: string;
  onFilter: (filter: string) => void;
  order?: string;
  onOrder?: (order: string) => void;
  /** Shows what can be written into the filter. */
  placeholder?: string;
  /** Fields offered as chips with their counts. */
  facetLabels?: Record<string, string>;
  facets?: readonly Facet[] | undefined;
  selection?: Selection;
  /** Stands beside the filter. */
  aside?: ReactNode;
  /** Stands between filter and rows. */
  bar?: ReactNode;
  /** Shown when there are none at all: teaches what they are and how the first one is made. */
  empty: ReactNode;
};

export function ListView<Row>(props: ListViewProps<Row>) {
  const { what, list, filter, onFilter } = props;
  const none =
    filter === "" ? (
      props.empty
    ) : (
      <Empty title={`No ${what} match this filter`} actions={<Button onClick={() => onFilter("")}>Clear the filter</Button>}>
        Words must be in the name; <code>key=value</code> and <code>key!=value</code> compare a field.
      </Empty>
    );
  return (
    <>
      <FilterBar
        label={`Filter ${what}`}
        value={filter}
        onChange={onFilter}
        facets={props.facets ?? list.facets}
        {...(props.facetLabels ? { facetLabels: props.facetLabels } : {})}
        {...(props.placeholder ? { placeholder: props.placeholder } : {})}
        aside={props.aside}
      />
      {props.bar}
      {list.error ? <ProblemNote error={list.error} onRetry={() => list.refetch()} /> : null}
      {list.rows === undefined ? (
        list.isPending ? <Loading what={what} /> : null
      ) : (
        <DataGrid
          label={`${what.charAt(0).toUpperCase()}${what.slice(1)}`}
          columns={props.columns}
          {...(props.hidden ? { hidden: props.hidden } : {})}
          rows={list.rows}
          getId={props.getId}
          getName={props.getName}
          onOpen={props.onOpen}
          total={list.total}
          hasMore={list.hasMore}
          onMore={list.onMore}
          orderBy={props.order ?? ""}
          onOrder={props.onOrder}
          selection={props.selection}
          empty={none}
        />
      )}
    </>
  );
}
