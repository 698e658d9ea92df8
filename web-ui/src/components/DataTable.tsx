import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  /** Also the class of its cells. */
  id: string
  title: string
  cell: (row: Row) => ComponentChildren
}

interface Props<Row> {
  label: string
  columns: Column<Row>[]
  rows: Row[]
  keyOf: (row: Row) => string
}

/** A table that becomes a list of cards on a phone, each cell with its column's title before it. */
export function DataTable<Row>({ label, columns, rows, keyOf }: Props<Row>) {
  return (
    <table class="data" aria-label={label}>
      <thead>
        <tr>
          {columns.map(column => (
            <th key={column.id} scope="col" class={`d-${column.id}`}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <tr key={keyOf(row)}>
            {columns.map(column => (
              <td key={column.id} class={`d-${column.id}`} data-title={column.title}>
                <div>{column.cell(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
