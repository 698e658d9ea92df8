import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import Database from 'better-sqlite3'
import { curl } from '../lab/client.ts'
import { createLab, type Lab } from '../lab/lab.ts'
import type { WeirProcess } from '../lab/weir.ts'
import { childrenOf } from './support.ts'

/** Whatever happens to the log's disk and file: traffic goes on, the trouble is told, and nothing else dies. */
const test = anyTest.serial as TestFn

let lab: Lab

test.before(async () => {
  lab = await createLab()
})
test.after.always(async () => lab?.close())

const visit = async (weir: WeirProcess, path: string) =>
  (await curl(lab, [`https://www.origin.example${path}`], { ca: weir.caFile })).status

/** Numbers of `/metrics`, as a monitoring system on the box reads them. */
async function metrics(weir: WeirProcess): Promise<Record<string, number>> {
  const { body } = await curl(lab, [`http://127.0.0.1:${weir.adminPort}/metrics`], { host: 'gateway' })
  return Object.fromEntries(
    [...body.matchAll(/^(\w+)(?:\{.*?\})? ([\d.e+]+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  )
}

/** A session of the first administrator, for calls of the API on the gateway itself. */
async function signIn(weir: WeirProcess) {
  const [, user, password] = /first sign-in: (\S+) \/ (\S+)/.exec(weir.log())!
  const base = `http://127.0.0.1:${weir.adminPort}`
  const jar = `${weir.stateDir.replace(/\/[^/]*$/, '')}/cookies`
  const call = (method: string, path: string, body: unknown = null) => {
    const data = body === null ? [] : ['-H', 'Content-Type: application/json', '--data-raw', JSON.stringify(body)]
    return curl(lab, ['-X', method, '-b', jar, '-c', jar, '-H', `Origin: ${base}`, ...data, `${base}/api/v1${path}`], {
      host: 'gateway',
    })
  }
  const answer = await call('POST', '/session', { user, password })
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
  return call
}

async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  const limit = Date.now() + 30_000
  for (;;) {
    const found = await look()
    if (found !== null && found !== false) return found
    if (Date.now() > limit) throw new Error(`not within 30 s: ${what}`)
    await sleep(100)
  }
}

interface LogStatus {
  log: { rowsStored: number; rowsDropped: number; queued: number; error: string }
}

async function statusOf(call: Awaited<ReturnType<typeof signIn>>): Promise<LogStatus['log']> {
  const answer = await call('GET', '/status')
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`)
  return (JSON.parse(answer.body) as LogStatus).log
}

const countOf = (file: string, like: string) => {
  const db = new Database(file, { readonly: true })
  try {
    return db.prepare('SELECT count(*) FROM v_exchanges WHERE url LIKE ?').pluck().get(like) as number
  } finally {
    db.close()
  }
}

const pidsOf = (weir: WeirProcess) => JSON.stringify(childrenOf(weir.pid))

test('a full disk: traffic and admin UI go on, the error shows, and no accepted row is lost', async t => {
  const disk = `${lab.dir}/disk`
  fs.mkdirSync(disk)
  t.is(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'weir-test', disk]).status, 0)
  const unmount = () => spawnSync('umount', ['-l', disk])
  t.teardown(unmount)
  const weir = await lab.startWeir({ stateDir: `${disk}/state` })
  t.teardown(() => weir.stop())
  fs.chmodSync(disk, 0o755)
  const call = await signIn(weir)
  const pids = pidsOf(weir)
  t.is(await visit(weir, '/?before'), 200)
  spawnSync('dd', ['if=/dev/zero', `of=${disk}/ballast`, 'bs=4k'], { stdio: 'ignore' })

  const long = 'x'.repeat(3000)
  for (let i = 0; i < 40; i++) t.is(await visit(weir, `/?full-${i}-${long}`), 200)
  const error = await until('the status tells', async () => (await statusOf(call)).error || null)
  t.regex(error, /disk is full/)
  t.regex(weir.log(), /disk is full/)
  t.is(pidsOf(weir), pids, 'nobody died')
  t.is((await curl(lab, [`http://127.0.0.1:${weir.adminPort}/healthz`], { host: 'gateway' })).body, 'ok\n')

  fs.rmSync(`${disk}/ballast`)
  await until('written again', async () => ((await statusOf(call)).error === '' ? true : null))
  await until('every row is there', () => (countOf(`${weir.stateDir}/traffic.db`, '%/?full-%') === 40 ? true : null))
  t.is((await statusOf(call)).rowsDropped, 0)
  t.is((await (await signIn(weir))('GET', '/session')).status, 200)
  t.is(await weir.stop(), 0)
})

test('a locked database: traffic goes on, rows wait and are all there afterwards', async t => {
  const weir = await lab.startWeir()
  t.teardown(() => weir.stop())
  const call = await signIn(weir)
  const pids = pidsOf(weir)
  const lock = new Database(`${weir.stateDir}/traffic.db`)
  t.teardown(() => lock.close())
  lock.exec('BEGIN IMMEDIATE')
  for (let i = 0; i < 20; i++) t.is(await visit(weir, `/?locked-${i}`), 200)
  const error = await until('the status tells', async () => (await statusOf(call)).error || null)
  t.regex(error, /locked by another program/)
  t.true((await statusOf(call)).queued >= 1)
  t.is((await call('GET', '/exchanges?limit=1')).status, 200, 'reading needs no lock')
  lock.exec('ROLLBACK')
  await until('every row is there', () => (countOf(`${weir.stateDir}/traffic.db`, '%/?locked-%') === 20 ? true : null))
  t.like(await until('all well', async () => await statusOf(call).then(s => (s.queued === 0 ? s : null))), {
    rowsDropped: 0,
    error: '',
  })
  t.is(pidsOf(weir), pids)
})

test('a lock that outlasts Weir does not hold up its end, and the log tells that rows are lost', async t => {
  const weir = await lab.startWeir()
  t.teardown(() => weir.stop())
  const lock = new Database(`${weir.stateDir}/traffic.db`)
  t.teardown(() => lock.close())
  lock.exec('BEGIN IMMEDIATE')
  await visit(weir, '/?lost')
  await sleep(500)
  t.is(await weir.stop(20_000), 0, 'a lock does not hold up the end')
  t.regex(weir.log(), /rows could not be written before the end/)
})

test('a database damaged at the start is set aside, and a new one begun', async t => {
  const stateDir = `${lab.dir}/damaged`
  fs.mkdirSync(stateDir, { mode: 0o700 })
  fs.writeFileSync(`${stateDir}/traffic.db`, Buffer.alloc(100_000, 'no database '))
  const weir = await lab.startWeir({ stateDir })
  t.teardown(() => weir.stop())
  t.is(await visit(weir, '/?fresh'), 200)
  await until('the row is there', () => (countOf(`${stateDir}/traffic.db`, '%/?fresh') === 1 ? true : null))
  t.true(fs.readdirSync(stateDir).some(name => name.startsWith('traffic.db.corrupt-')))
  t.regex(weir.log(), /damaged|set aside/)
  const call = await signIn(weir)
  t.is((await call('GET', '/exchanges?limit=1')).status, 200)
})

test('a database damaged while it runs is set aside; the admin process reads the new one', async t => {
  const weir = await lab.startWeir()
  t.teardown(() => weir.stop())
  const file = `${weir.stateDir}/traffic.db`
  const { workers } = childrenOf(weir.pid)
  for (let i = 0; i < 5; i++) await visit(weir, `/?old-${i}`)
  await until('rows are there', () => (countOf(file, '%/?old-%') === 5 ? true : null))
  const call = await signIn(weir)
  // Every page, as a broken disk does. A checkpoint by another program makes the writer read them again: what it has
  // in memory it would not miss
  const other = new Database(file)
  other.exec('UPDATE meta SET value = value')
  other.pragma('wal_checkpoint(TRUNCATE)')
  const size = fs.statSync(file).size
  const fd = fs.openSync(file, 'r+')
  fs.writeSync(fd, Buffer.alloc(size, 0xa5), 0, size, 0)
  fs.closeSync(fd)
  other.close()
  let n = 0
  await until('a new file is written', async () => {
    t.is(await visit(weir, `/?new-${n++}`), 200)
    return fs.readdirSync(weir.stateDir).some(name => name.startsWith('traffic.db.corrupt-')) ? true : null
  })
  await visit(weir, '/?afterwards')
  await until('the row is there', () => (countOf(file, '%/?afterwards') === 1 ? true : null))
  t.deepEqual(childrenOf(weir.pid).workers, workers, 'no worker noticed')
  await until('the API answers from the new file', async () => {
    const answer = await call('GET', '/exchanges?limit=50')
    return answer.status === 200 && answer.body.includes('/?afterwards') ? true : null
  })
  t.true(Object.keys(await metrics(weir)).length > 0)
})
