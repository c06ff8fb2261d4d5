// A plain table for a few rows: what a person can take in at a glance.
import { Table } from "@mantine/core";
import type { ReactNode } from "react";

type SimpleTableProps<Row> = {
  /** What the rows are, for readers. */
  label: string;
  columns: readonly { header: string; cell: (row: Row) => ReactNode }[];
  rows: readonly Row[];
  getId: (row: Row) => string;
  empty?: ReactNode;
};

export function SimpleTable<Row>({ label, columns, rows, getId, empty }: SimpleTableProps<Row>) {
  if (rows.length === 0 && empty) return <>{empty}</>;
  return (
    <Table.ScrollContainer minWidth={480} type="native" scrollAreaProps={{ tabIndex: 0, role: "region", "aria-label": `${label}, may scroll` }}>
      <Table aria-label={label} verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.header} scope="col">
                {column.header}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={getId(row)}>
              {columns.map((column) => (
                <Table.Td key={column.header}>{column.cell(row)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
