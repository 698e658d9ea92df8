import path from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import type { LogRow } from '../../../src/core/log-event.ts'
import { openTraffic } from '../../../src/store/database.ts'
import { compileFilter, exactly, FilterError, parseFilter } from '../../../src/store/filter-language.ts'
import { Writer } from '../../../src/store/writer.ts'
import { batchOf, connectionRow, exchangeRow, tempDir } from './rows.ts'

function fill(t: { teardown(fn: () => void): void }, rows: LogRow[]): (q: string) => number[] {
  const { dir, remove } = tempDir()
  const file = path.join(dir, 'traffic.db')
  const writer = new Writer(
    file,
    () => {},
    () => {},
  )
  writer.write(batchOf(...rows), rows.length)
  writer.close()
  const db = new Database(file, { readonly: true })
  t.teardown(() => {
    db.close()
    remove()
  })
  return q => {
    const filter = parseFilter(q)
    const ids: number[] = []
    for (const [kind, table] of [
      ['exchange', 'exchanges'],
      ['connection', 'connections'],
    ] as const) {
      const { sql, params } = compileFilter(filter, kind)
      ids.push(
        ...(db
          .prepare(`SELECT id FROM ${table} WHERE ${sql}`)
          .pluck()
          .all(...params) as number[]),
      )
    }
    return ids.sort((a, b) => a - b)
  }
}

test('what TLS showed: of connections, of their requests, of exceptions', t => {
  const ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1'
  const find = fill(t, [
    /* 1 */ exchangeRow({ conn: 'c1', exception: 'expired', revocation: 'none' }),
    /* 2 */ exchangeRow({ conn: 'c2', revocation: 'ocsp' }),
    /* 3 */ exchangeRow({ conn: 'still-open' }),
    /* 4 */ connectionRow({ conn: 'c1', ja4, handshake: 'trusted', exchanges: 1, exception: 'expired' }),
    /* 5 */ connectionRow({ conn: 'c3', ja3: 'ada70206e40642a3e4461f35503241d5', ech: 1, handshake: 'unknown-ca' }),
    /* 6 */ connectionRow({ conn: 'c4' }),
  ])
  t.deepEqual(find(`ja4:=${ja4}`), [1, 4])
  t.deepEqual(find('ja4:t13d1516h2_*'), [1, 4])
  t.deepEqual(find('ja4:T13D1516h2_8daaf6152771_*'), [1, 4])
  t.deepEqual(find('ja3:ada70206e40642a3e4461f35503241d5'), [5])
  t.deepEqual(find('handshake:unknown-ca,bad-certificate'), [5])
  t.deepEqual(find('handshake:trusted'), [1, 4])
  t.deepEqual(find('-handshake:trusted'), [2, 3, 5, 6])
  t.deepEqual(find('ech:yes'), [5])
  t.deepEqual(find('exception:yes'), [1, 4])
  t.deepEqual(find('exception:no'), [2, 3, 5, 6])
  t.deepEqual(find('exception:expired,weak'), [1, 4])
  t.deepEqual(find('revocation:ocsp'), [2])
  t.throws(() => find('ech:perhaps'), { message: /none of yes, no/ })
})

test('every field finds what it names and nothing else', t => {
  const find = fill(t, [
    /* 1 */ exchangeRow({ time: 1000, host: 'example.org', client: '10.0.0.1', status: 200, durationMs: 100 }),
    /* 2 */ exchangeRow({
      time: 2000,
      host: 'www.example.org',
      client: '10.0.0.10',
      status: 503,
      path: '/50%_off',
      cache: 'hit',
    }),
    /* 3 */ exchangeRow({
      time: 3000,
      host: 'badexample.org',
      verdict: 'block',
      rule: 'No Games',
      ruleLine: 4,
      list: 'Games',
      method: 'POST',
    }),
    /* 4 */ connectionRow({ time: 4000, host: 'bank.example', tier: 'pass', bytesDown: 2_000_000, durationMs: 2500 }),
    /* 5 */ connectionRow({
      time: 5000,
      host: 'app.example',
      verdict: 'fail',
      error: 'client-tls-distrust',
      client: 'fd77::1',
      dstPort: 8443,
    }),
  ])
  const table: [string, number[]][] = [
    ['', [1, 2, 3, 4, 5]],
    ['host:example.org', [1, 2]],
    ['host:EXAMPLE.org', [1, 2]],
    ['host:=example.org', [1]],
    ['host:*example.org', [1, 2, 3]],
    ['host:example', [4, 5]],
    ['-host:example.org', [3, 4, 5]],
    ['host:example.org,bank.example', [1, 2, 4]],
    ['client:10.0.0.1', [1]],
    ['client:10.0.0.*', [1, 2]],
    ['client:fd77::1', [5]],
    ['verdict:block', [3]],
    ['verdict:blocked,failed', [3, 5]],
    ['tier:pass', [4]],
    ['tier:inspect', [1, 2, 3]],
    ['status:5xx', [2]],
    ['status:200', [1, 3]],
    ['status:>=500', [2]],
    ['status:404,5xx', [2]],
    ['rule:"no games"', [3]],
    ['rule:"No Games" line:4 list:games', [3]],
    ['cache:hit', [2]],
    ['cache:none', [4, 5]],
    ['method:post', [3]],
    ['took:>2s', [4]],
    ['took:>=100ms took:<1s', [1, 5]],
    ['took:100', [1]],
    ['size:>1MB', [4]],
    ['error:*', [5]],
    ['error:client-tls', [5]],
    ['port:8443', [5]],
    ['kind:connection', [4, 5]],
    ['type:text/', [1, 2, 3]],
    ['path:%_', [2]],
    ['path:_%', []],
    ['after:1970-01-01T00:00:03Z', [3, 4, 5]],
    ['bank', [4]],
    ['"50%_off"', [2]],
    ['index.html', [1, 3]],
    ['-example', []],
    ['10.0.0.1', [1, 2]],
    ['"host:x"', []],
    ['example -host:bank.example verdict:allow', [1, 2]],
  ]
  for (const [q, ids] of table) t.deepEqual(find(q), ids, q)
})

test('mistakes are sentences', t => {
  const table: [string, RegExp][] = [
    ['colour:red', /There is no "colour:"/],
    ['constructor:x', /There is no/],
    ['host:', /needs a value/],
    ['host:,', /needs a value/],
    ['rule:"open', /not closed/],
    ['verdict:maybe', /"maybe" is none of allow, block, fail/],
    ['tier:constructor', /none of/],
    ['status:6xx', /not a number/],
    ['took:fast', /not a number with one of ms, s/],
    ['took:5parsec', /not a number/],
    ['last:soon', /15m/],
    ['after:yesterday', /2026-11-20/],
    ['x '.repeat(21), /more than 20 terms/],
    [`host:${'a,'.repeat(21)}`, /more than 20 values/],
    ['x'.repeat(1001), /longer than/],
  ]
  for (const [q, message] of table) t.throws(() => parseFilter(q), { instanceOf: FilterError, message }, q)
})

test('any text is a filter that runs, or a FilterError; exact values mean exactly themselves', t => {
  const { dir, remove } = tempDir()
  const db = openTraffic(path.join(dir, 'traffic.db'))
  t.teardown(() => {
    db.close()
    remove()
  })
  const pieces = fc.constantFrom(
    'host:',
    'status:',
    '"',
    '\\',
    '-',
    "'",
    ';',
    '--',
    '%',
    '*',
    ',',
    '>',
    '=',
    ' ',
    'took:',
    'after:',
    '5xx',
    '\0',
  )
  const text = fc
    .array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 12 })
    .map(parts => parts.join(''))
  const runs = (q: string): boolean => {
    try {
      for (const [kind, table] of [
        ['exchange', 'exchanges'],
        ['connection', 'connections'],
      ] as const) {
        const { sql, params } = compileFilter(parseFilter(q), kind)
        db.prepare(`SELECT count(*) FROM ${table} WHERE ${sql}`).get(...params)
      }
      return true
    } catch (error) {
      if (error instanceof FilterError) return false
      throw error
    }
  }
  t.notThrows(() =>
    fc.assert(
      fc.property(text, q => void runs(q)),
      { numRuns: 500 },
    ),
  )
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), value => {
        const { sql, params } = compileFilter(parseFilter(exactly('rule', value)), 'exchange')
        return sql === '(rule = ?)' && params[0] === value
      }),
      { numRuns: 500 },
    ),
  )
})

test('the beginning of the time range is known, so that older ids need no search', t => {
  t.is(parseFilter('after:5000000000 host:x').since, 5_000_000_000)
  t.is(parseFilter('-after:5000000000').since, 0)
  t.true(Math.abs(parseFilter('last:1h').since - (Date.now() - 3_600_000)) < 1000)
})
