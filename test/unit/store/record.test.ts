import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { wireRow } from '../../../src/core/log-batch.ts'
import type { LogRow } from '../../../src/core/log-event.ts'
import { openTraffic } from '../../../src/store/database.ts'
import { Inserts } from '../../../src/store/insert.ts'
import { parseBatch, type StoredConnection, type StoredExchange } from '../../../src/store/record.ts'
import { batchOf, connectionRow, exchangeRow, tempDir } from './rows.ts'

/** Every field with a value of its own, so that two that changed places show. */
function distinct<T extends LogRow>(row: T, filled: (field: string) => boolean = () => true): T {
  const values = Object.entries(row).map(([field, value], i) => {
    if (field === 'kind') return [field, value]
    if (!filled(field)) return [field, typeof value === 'number' ? 0 : '']
    return [field, typeof value === 'number' ? i + 1 : `${field} ${i}`]
  })
  return Object.fromEntries(values) as T
}

const snake = (field: string) => field.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

test('a row that travelled is the row that was sent', t => {
  const rows = [distinct(exchangeRow()), distinct(connectionRow())]
  t.deepEqual(parseBatch(batchOf(...rows)) as LogRow[] | null, rows)
})

test('every field of a row is in its column, whichever of the others are empty', t => {
  const { dir, remove } = tempDir()
  const db = openTraffic(path.join(dir, 'traffic.db'))
  t.teardown(() => {
    db.close()
    remove()
  })
  const inserts = new Inserts(db)
  const fields = Object.keys(exchangeRow())
  let id = 0
  const stored = (table: string, row: object, rename: Record<string, string> = {}) => {
    const columns = db.prepare(`SELECT * FROM ${table} WHERE id = ?`).get(id) as Record<string, unknown>
    for (const [field, value] of Object.entries(row)) {
      if (field !== 'kind') t.is(columns[rename[field] ?? snake(field)], value, `${field} of row ${id}`)
    }
    t.is(Object.keys(columns).length, Object.keys(row).length) // `id` for `kind`
  }
  inserts.connection(++id, distinct(connectionRow()) as StoredConnection)
  stored('connections', distinct(connectionRow()), { dstPort: 'port' })
  const oneOrMore = [...fields.map(field => [field]), fields, []]
  for (const some of oneOrMore) {
    const row = distinct(exchangeRow(), field => some.includes(field))
    inserts.exchange(++id, row as StoredExchange)
    stored('exchanges', row)
  }
})

test('whatever is in a batch, all that is read from it can be stored', t => {
  const { dir, remove } = tempDir()
  const db = openTraffic(path.join(dir, 'traffic.db'))
  t.teardown(() => {
    db.close()
    remove()
  })
  const inserts = new Inserts(db)
  const length = wireRow(exchangeRow()).length
  const entry = fc
    .tuple(fc.constantFrom('exchange', 'connection', 'other'), fc.array(fc.jsonValue(), { maxLength: length }))
    .map(([kind, values]) => [kind, ...values])
  let id = 0
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(fc.oneof(entry, fc.jsonValue()), { maxLength: 5 }), batch => {
        for (const row of parseBatch(Buffer.from(JSON.stringify(batch))) ?? []) {
          if (row.kind === 'exchange') inserts.exchange(++id, row)
          else inserts.connection(++id, row)
        }
      }),
    ),
  )
})
