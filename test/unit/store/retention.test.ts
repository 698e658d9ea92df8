import path from 'node:path'
import test from 'ava'
import type Database from 'better-sqlite3'
import type { LogRow } from '../../../src/core/log-event.ts'
import { openTraffic, usedBytes } from '../../../src/store/database.ts'
import { retentionStep } from '../../../src/store/retention.ts'
import { MAX_NAMES } from '../../../src/store/rollup.ts'
import { Writer } from '../../../src/store/writer.ts'
import { batchOf, connectionRow, exchangeRow, tempDir } from './rows.ts'

const DAY = 86_400_000
const NOW = Date.now()

function filled(t: { teardown(fn: () => void): void }, ...batches: LogRow[][]): Database.Database {
  const { dir, remove } = tempDir()
  const file = path.join(dir, 'traffic.db')
  const writer = new Writer(
    file,
    () => {},
    () => {},
  )
  for (const rows of batches) writer.write(batchOf(...rows), rows.length)
  writer.close()
  const db = openTraffic(file)
  t.teardown(() => {
    db.close()
    remove()
  })
  return db
}

const count = (db: Database.Database, table: string): number =>
  db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number

test('by age: only what is too old goes, in steps, roll-ups too, and the file gets smaller', t => {
  const old = Array.from({ length: 5000 }, (_, i) =>
    exchangeRow({ time: NOW - 40 * DAY, path: `/${'x'.repeat(400)}${i}` }),
  )
  const recent = [
    exchangeRow({ time: NOW - 20 * DAY }),
    connectionRow({ time: NOW }),
    connectionRow({ time: NOW - 31 * DAY }),
  ]
  const db = filled(t, old, recent)
  const pages = db.pragma('page_count', { simple: true }) as number
  t.true(retentionStep(db, { days: 30, maxBytes: 0 }, NOW))
  t.is(count(db, 'exchanges'), 3001)
  for (let steps = 0; retentionStep(db, { days: 30, maxBytes: 0 }, NOW); steps++) t.true(steps < 10)
  for (let steps = 0; steps < 5; steps++) retentionStep(db, { days: 30, maxBytes: 0 }, NOW)
  t.is(count(db, 'exchanges'), 1)
  t.is(count(db, 'connections'), 1)
  t.is(count(db, 'minutes'), 2)
  t.is(count(db, 'tops WHERE width = 3600000 AND bucket < 30'), 0)
  t.true((db.pragma('page_count', { simple: true }) as number) < pages / 4)
})

test('0 days: for ever, but the minute-wide lists still go after hours', t => {
  const db = filled(t, [exchangeRow({ time: NOW - 4000 * DAY })])
  t.false(retentionStep(db, { days: 0, maxBytes: 0 }, NOW))
  t.is(count(db, 'exchanges'), 1)
  t.is(count(db, 'tops WHERE width = 60000'), 0)
  t.true(count(db, 'tops WHERE width = 3600000') > 0)
})

test('by size: the oldest rows of both tables go until it fits, the newest stay', t => {
  const rows = Array.from(
    { length: 12_000 },
    (_, i): LogRow => (i % 2 ? connectionRow({ time: NOW }) : exchangeRow({ time: NOW, path: `/${'y'.repeat(300)}` })),
  )
  const db = filled(t, rows)
  const limit = usedBytes(db) / 2
  for (let steps = 0; retentionStep(db, { days: 30, maxBytes: limit }, NOW); steps++) t.true(steps < 10)
  t.true(usedBytes(db) <= limit)
  t.is(db.prepare('SELECT max(id) FROM connections').pluck().get(), 12_000)
  const oldest = [
    db.prepare('SELECT min(id) FROM exchanges').pluck().get(),
    db.prepare('SELECT min(id) FROM connections').pluck().get(),
  ] as number[]
  t.true(Math.abs(oldest[0]! - oldest[1]!) <= 1 && oldest[0]! > 4000)
})

test('ids are never given twice, even when every row is gone', t => {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  const file = path.join(dir, 'traffic.db')
  const open = () =>
    new Writer(
      file,
      () => {},
      () => {},
    )
  let writer = open()
  writer.write(batchOf(exchangeRow({ time: NOW - 40 * DAY })), 1)
  writer.retain({ days: 30, maxBytes: 0 }, NOW)
  writer.close()
  writer = open()
  writer.write(batchOf(exchangeRow()), 1)
  writer.close()
  const db = openTraffic(file)
  t.deepEqual(db.prepare('SELECT id FROM exchanges').pluck().all(), [2])
  db.close()
})

test('invented host names end in a common entry', t => {
  const flood = Array.from({ length: MAX_NAMES + 500 }, (_, i) =>
    exchangeRow({ time: NOW, host: `h${i}.flood.example` }),
  )
  const db = filled(t, flood.slice(0, 6000), flood.slice(6000))
  t.is(count(db, "tops WHERE width = 3600000 AND kind = 'host'"), MAX_NAMES + 1)
  t.is(db.prepare("SELECT count FROM tops WHERE width = 3600000 AND kind = 'host' AND name = ''").pluck().get(), 500)
})
