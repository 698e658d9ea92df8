import path from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import type { LogRow } from '../../../src/core/log-event.ts'
import { TrafficQueries } from '../../../src/store/queries.ts'
import { REFUSALS } from '../../../src/store/tls-summary.ts'
import { Writer } from '../../../src/store/writer.ts'
import { batchOf, connectionRow, exchangeRow, tempDir } from './rows.ts'

const NOW = 1_800_000_000_000
const SINCE = NOW - 7 * 86_400_000

function open(t: { teardown(fn: () => unknown): void }) {
  const { dir, remove } = tempDir()
  const file = path.join(dir, 'traffic.db')
  const writer = new Writer(
    file,
    () => {},
    () => {},
  )
  const queries = new TrafficQueries(file)
  t.teardown(() => {
    queries.close()
    writer.close()
    remove()
  })
  const write = (...rows: LogRow[]): void => void writer.write(batchOf(...rows), rows.length)
  return { file, queries, write }
}

test('refusals by client and host, with first, last and what the last one said', t => {
  const { queries, write } = open(t)
  const broken = { client: '10.0.0.1', host: 'a.example', verdict: 'fail' as const }
  write(
    connectionRow({ ...broken, time: NOW - 3000, handshake: 'closed-after-certificate' }),
    connectionRow({ ...broken, time: NOW - 1000, handshake: 'unknown-ca' }),
    connectionRow({ ...broken, time: NOW - 2000, handshake: 'bad-certificate' }),
    connectionRow({ ...broken, time: NOW - 1500, host: 'b.example', handshake: 'closed-after-handshake' }),
    // None of these: another end, requests on it, too old.
    connectionRow({ ...broken, time: NOW, handshake: 'ech-retry' }),
    connectionRow({ ...broken, time: NOW, handshake: 'unknown-ca', exchanges: 1 }),
    connectionRow({ ...broken, time: SINCE - 1, handshake: 'unknown-ca' }),
  )
  const { refused, more } = queries.tlsUse(SINCE)
  t.false(more)
  t.deepEqual(refused, [
    { client: '10.0.0.1', host: 'a.example', count: 3, first: NOW - 3000, last: NOW - 1000, outcome: 'unknown-ca' },
    {
      client: '10.0.0.1',
      host: 'b.example',
      count: 1,
      first: NOW - 1500,
      last: NOW - 1500,
      outcome: 'closed-after-handshake',
    },
  ])
})

test('the newest proof of trust of every client that was seen; who was not seen since then is left out', t => {
  const { queries, write } = open(t)
  write(
    connectionRow({ client: '10.0.0.1', time: NOW - 5000, handshake: 'trusted', host: 'old.example', exchanges: 2 }),
    connectionRow({ client: '10.0.0.1', time: NOW - 4000, handshake: 'trusted', host: 'new.example', exchanges: 2 }),
    connectionRow({ client: '10.0.0.1', time: NOW - 3000, handshake: 'unknown-ca' }),
    connectionRow({ client: '10.0.0.2', time: NOW - 2000 }),
    connectionRow({ client: '10.0.0.3', time: SINCE - 1, handshake: 'trusted' }),
    connectionRow({ client: 'fd00::1', time: NOW, handshake: 'trusted', host: 'six.example' }),
  )
  t.deepEqual(queries.tlsUse(SINCE).seen, [
    { client: '10.0.0.1', time: NOW - 4000, host: 'new.example' },
    { client: '10.0.0.2', time: 0, host: '' },
    { client: 'fd00::1', time: NOW, host: 'six.example' },
  ])
})

test('exceptions: requests, and connections that carried none, once each', t => {
  const { queries, write } = open(t)
  const used = { host: 'old.example', exception: 'expired (line 4: why)' }
  write(
    exchangeRow({ ...used, time: NOW }),
    exchangeRow({ ...used, time: NOW }),
    connectionRow({ ...used, time: NOW, exchanges: 2 }),
    connectionRow({ ...used, time: NOW, exchanges: 0 }),
    exchangeRow({ ...used, time: SINCE - 1 }),
    exchangeRow({ time: NOW }),
    exchangeRow({ host: 'other.example', exception: 'name (override)', time: NOW }),
  )
  t.deepEqual(queries.tlsUse(SINCE).exceptions, [
    { host: 'old.example', count: 3 },
    { host: 'other.example', count: 1 },
  ])
})

test('every number is the number of rows its filter lists', t => {
  const { queries, write } = open(t)
  write(
    ...REFUSALS.flatMap((handshake, i) => [
      connectionRow({ client: '10.0.0.1', host: 'a.example', handshake, time: NOW + i, conn: `r-${i}` }),
      exchangeRow({
        time: NOW,
        client: '10.0.0.1',
        host: 'a.example',
        exception: i === 0 ? 'weak (line 1: x)' : '',
        conn: `e-${i}`,
      }),
    ]),
  )
  const { refused, exceptions } = queries.tlsUse(SINCE)
  const total = (q: string): number => queries.page('traffic', q, null, 500).total
  t.is(total(`client:="10.0.0.1" host:="a.example" handshake:${REFUSALS.join(',')} after:${SINCE}`), refused[0]!.count)
  t.is(total(`host:a.example exception:yes after:${SINCE}`), exceptions[0]!.count)
})

test('more clients and refusals than are told: the lists end, and say so', t => {
  const { queries, write } = open(t)
  const rows = Array.from({ length: 5100 }, (_, i) =>
    connectionRow({ client: `10.0.${i >> 8}.${i & 255}`, host: `h${i}.example`, handshake: 'unknown-ca', time: NOW }),
  )
  for (let i = 0; i < rows.length; i += 500) write(...rows.slice(i, i + 500))
  const use = queries.tlsUse(SINCE)
  t.is(use.refused.length, 5000)
  t.is(use.seen.length, 1000)
  t.true(use.more)
})

test('a week is not read to count what is rare: each question has its index', t => {
  const { file, write } = open(t)
  write(connectionRow())
  const db = new Database(file, { readonly: true })
  t.teardown(() => db.close())
  const plan = (sql: string): string =>
    (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(SINCE) as { detail: string }[]).map(row => row.detail).join('\n')
  const words = REFUSALS.map(word => `'${word}'`).join(', ')
  t.regex(
    plan(`SELECT client FROM connections WHERE handshake IN (${words}) AND exchanges = 0 AND time >= ?`),
    /USING (COVERING )?INDEX connections_refused/,
  )
  t.regex(plan("SELECT host FROM exchanges WHERE exception <> '' AND time >= ?"), /INDEX exchanges_exception/)
})
