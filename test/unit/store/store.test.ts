import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import { TrafficQueries } from '../../../src/store/queries.ts'
import { startStore } from '../../../src/store/store.ts'
import { batchOf, connectionRow, exchangeRow, memoryLog, tempDir, until } from './rows.ts'

function read<T>(file: string, sql: string): T[] {
  const db = new Database(file, { readonly: true })
  const rows = db.prepare(sql).all() as T[]
  db.close()
  return rows
}

function setUp(t: { teardown(fn: () => void): void }, more: { maxQueueBytes?: number; onReplaced?: () => void } = {}) {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  const file = path.join(dir, 'traffic.db')
  const log = memoryLog()
  const start = () => startStore({ file, retentionDays: 30, maxBytes: 0, log, ...more })
  return { dir, file, log, start }
}

test('batches become rows of the stable views, with roll-ups that agree', async t => {
  const { file, start } = setUp(t)
  const store = start()
  store.write(
    batchOf(exchangeRow({ cache: 'hit' }), exchangeRow({ verdict: 'block', rule: 'Games', ruleLine: 3 })),
    2,
    0,
  )
  store.write(batchOf(connectionRow(), connectionRow({ exchanges: 2, tier: 'inspect', conn: 'w1-2' })), 2, 5)
  await store.stop()
  t.like(store.status(), { rowsStored: 4, rowsDropped: 5, queued: 0, error: '' })
  const [first] = read<Record<string, unknown>>(file, 'SELECT * FROM v_exchanges ORDER BY id')
  t.like(first, { id: 1, url: 'https://www.example.org/index.html?a=1', status: 200, cache: 'hit', connection: 'w1-1' })
  t.is(read(file, 'SELECT * FROM v_connections').length, 2)
  t.like(
    read(
      file,
      'SELECT sum(inspected) i, sum(names) n, sum(blocked) b, sum(cache_hits) h, sum(bytes_saved) s FROM minutes',
    )[0],
    {
      i: 1,
      n: 1,
      b: 1,
      h: 1,
      s: 1000,
    },
  )
  t.is(read(file, "SELECT DISTINCT rule FROM tops WHERE kind = 'blocked' AND count = 1").length, 1)
})

test('what TLS showed is in the views, in the detail, and found by its indexes', async t => {
  const { file, start } = setUp(t)
  const store = start()
  const ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1'
  const told = { ja3: 'a'.repeat(32), ja4, ech: 1, handshake: 'unknown-ca', exception: 'weak' }
  store.write(
    batchOf(exchangeRow({ conn: 'c', exception: 'weak', revocation: 'staple' }), connectionRow({ conn: 'c', ...told })),
    2,
    0,
  )
  await store.stop()
  t.like(read(file, 'SELECT * FROM v_exchanges')[0], { exception: 'weak', revocation: 'staple' })
  t.like(read(file, 'SELECT * FROM v_connections')[0], told)
  const queries = new TrafficQueries(file)
  const detail = queries.detail(1)
  t.like(detail?.exchange, { exception: 'weak', revocation: 'staple' })
  t.like(detail?.connection, { ...told, ech: true })
  const use = queries.tlsUse(0)
  t.like(use.refused[0], { client: '10.77.1.10', host: 'bank.example', count: 1, outcome: 'unknown-ca' })
  queries.close()
  const plan = read<{ detail: string }>(
    file,
    `EXPLAIN QUERY PLAN SELECT count(*) FROM connections WHERE handshake IN ('unknown-ca', 'bad-certificate',
      'closed-after-certificate', 'closed-after-handshake') AND exchanges = 0 AND time >= 5`,
  )
  t.regex(plan.map(step => step.detail).join(), /connections_refused/)
})

test('visits: a pause of more than five minutes begins a new one', async t => {
  const { file, start } = setUp(t)
  const store = start()
  const at = (time: number, client = 'a') => exchangeRow({ time, client, durationMs: 0 })
  store.write(batchOf(at(1_000_000), at(1_200_000), at(1_500_001), at(1_100_000, 'b')), 4, 0)
  await store.stop()
  const visits = read<{ client: string; requests: number; start: number; end: number }>(
    file,
    'SELECT client, requests, start, "end" FROM v_visits ORDER BY client, start',
  )
  t.deepEqual(visits, [
    { client: 'a', requests: 2, start: 1_000_000, end: 1_200_000 },
    { client: 'a', requests: 1, start: 1_500_001, end: 1_500_001 },
    { client: 'b', requests: 1, start: 1_100_000, end: 1_100_000 },
  ])
})

test('batches that are no JSON, no rows or of wrong types never stop the store, and what is lost is counted', async t => {
  const { file, log, start } = setUp(t)
  const store = start()
  store.write(Buffer.from('[["exch'), 7, 0)
  store.write(Buffer.from('[null, {"kind":"exchange"}, ["other"]]'), 3, 0)
  store.write(Buffer.from('[["exchange",0,{"x":1},[],null,1e400,"eighty"]]'), 1, 0)
  store.write(batchOf(exchangeRow({ path: 'x'.repeat(100_000), status: -5 })), 1, 0)
  await store.stop()
  t.like(store.status(), { rowsStored: 2, rowsDropped: 10, queued: 0 })
  t.deepEqual(read(file, 'SELECT length(path) AS n, port, status FROM exchanges'), [
    { n: 0, port: 0, status: 0 },
    { n: 8192, port: 443, status: 0 },
  ])
  t.true(log.lines.some(line => line.includes('could not be read')))
})

test('a window into shared memory is not given away with its neighbours', async t => {
  const { start } = setUp(t)
  const store = start()
  const json = batchOf(exchangeRow())
  const shared = Buffer.concat([Buffer.from('left'), json, Buffer.from('right')])
  store.write(shared.subarray(4, 4 + json.length), 1, 0)
  t.is(shared.subarray(0, 4).toString(), 'left')
  await store.stop()
  t.is(store.status().rowsStored, 1)
})

test('a corrupt file is set aside at the start and a new one begun', async t => {
  let replaced = 0
  const { dir, file, log, start } = setUp(t, { onReplaced: () => void replaced++ })
  fs.writeFileSync(file, 'this is no database '.repeat(1000))
  const store = start()
  store.write(batchOf(exchangeRow()), 1, 0)
  await store.stop()
  t.is(store.status().rowsStored, 1)
  const aside = fs.readdirSync(dir).find(name => name.startsWith('traffic.db.corrupt-'))!
  t.true(fs.readFileSync(path.join(dir, aside), 'utf8').startsWith('this is no database'))
  t.true(log.lines.some(line => line.includes(aside)))
  t.is(replaced, 1)
})

test('damage and deletion while running: a new file is begun and no accepted row is lost', async t => {
  const { dir, file, start } = setUp(t)
  const store = start()
  store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().rowsStored === 1)
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
  store.write(batchOf(exchangeRow({ host: 'after.example' })), 1, 0)
  await until(() => store.status().rowsStored === 2)
  t.deepEqual(read(file, 'SELECT host FROM exchanges'), [{ host: 'after.example' }])
  await store.stop()
  // Every page but the first overwritten: opening works, the trees do not.
  const fd = fs.openSync(file, 'r+')
  const size = fs.fstatSync(fd).size
  fs.writeSync(fd, Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
  fs.closeSync(fd)
  const next = start()
  next.write(batchOf(exchangeRow({ host: 'mended.example' })), 1, 0)
  await next.stop()
  t.is(next.status().rowsStored, 1)
  t.deepEqual(read(file, 'SELECT host FROM exchanges'), [{ host: 'mended.example' }])
  t.true(fs.readdirSync(dir).some(name => name.includes('.corrupt-')))
})

test('a locked database: the error shows, rows wait, the oldest are dropped and counted when memory is full', async t => {
  const one = batchOf(exchangeRow())
  const { file, start } = setUp(t, { maxQueueBytes: one.length * 3 })
  const store = start()
  await store.opened
  const locker = new Database(file)
  locker.exec('BEGIN EXCLUSIVE')
  for (let i = 0; i < 10; i++) store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().error.includes('locked'))
  // Two in flight in the thread, three in the queue, five gone.
  t.like(store.status(), { rowsStored: 0, rowsDropped: 5, queued: 5 })
  locker.exec('COMMIT')
  locker.close()
  await until(() => store.status().rowsStored === 5)
  t.like(store.status(), { error: '', queued: 0, rowsDropped: 5 })
  await store.stop()
})

test('a folder that cannot be made: error state, then all rows once it can', async t => {
  const { dir, log } = setUp(t)
  fs.writeFileSync(path.join(dir, 'sub'), 'a file where the folder should be')
  const file = path.join(dir, 'sub', 'traffic.db')
  const store = startStore({ file, retentionDays: 1, maxBytes: 0, log })
  await store.opened
  store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().error !== '')
  fs.rmSync(path.join(dir, 'sub'))
  await until(() => store.status().rowsStored === 1)
  t.is(store.status().error, '')
  await store.stop()
})

test('a database of a newer Weir is left alone', async t => {
  const { file, start } = setUp(t)
  const db = new Database(file)
  db.pragma('user_version = 999')
  db.close()
  const store = start()
  store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().error.includes('newer version'))
  await store.stop()
  t.like(store.status(), { rowsStored: 0, rowsDropped: 1, queued: 0 })
})

test('killed with SIGKILL in the middle of writing: whole batches only, and ids go on', async t => {
  const { dir, file, start } = setUp(t)
  const script = path.join(dir, 'child.ts')
  const here = import.meta.dirname
  fs.writeFileSync(
    script,
    `import { startStore } from '${here}/../../../src/store/store.ts'
     import { batchOf, exchangeRow, memoryLog } from '${here}/rows.ts'
     const store = startStore({ file: process.argv[2], retentionDays: 0, maxBytes: 0, log: memoryLog() })
     setInterval(() => { store.write(batchOf(exchangeRow(), exchangeRow(), exchangeRow()), 3, 0); console.log(store.status().rowsStored) }, 1)`,
  )
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = 0
  child.stdout.on('data', (chunk: Buffer) => {
    said = Math.max(said, ...chunk.toString().trim().split('\n').map(Number))
    if (said > 100) child.kill('SIGKILL')
  })
  await new Promise(resolve => child.on('close', resolve))
  const [before] = read<{ n: number }>(file, 'SELECT count(*) AS n FROM exchanges')
  t.true(before!.n >= said && before!.n % 3 === 0, `${before!.n} rows, ${said} acknowledged`)
  const store = start()
  store.write(batchOf(exchangeRow()), 1, 0)
  await store.stop()
  t.is(read<{ id: number }>(file, 'SELECT max(id) AS id FROM exchanges')[0]!.id, before!.n + 1)
})

test('a store thread that dies is started again; what it held is counted, what was queued is written', async t => {
  const { log, start } = setUp(t)
  const store = start()
  store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().rowsStored === 1)
  const { thread } = store as unknown as { thread: { terminate(): Promise<number> } }
  const gone = thread.terminate()
  for (let i = 0; i < 5; i++) store.write(batchOf(exchangeRow()), 1, 0)
  await gone
  t.regex(store.status().error, /started again/)
  await until(() => store.status().queued === 0)
  const { rowsStored, rowsDropped, error } = store.status()
  t.is(rowsStored + rowsDropped, 6)
  t.true(rowsStored >= 4)
  t.is(error, '')
  t.true(log.lines.some(line => line.startsWith('error')))
  await store.stop()
  store.write(batchOf(exchangeRow()), 1, 0)
  t.is(store.status().rowsDropped, rowsDropped + 1)
})
