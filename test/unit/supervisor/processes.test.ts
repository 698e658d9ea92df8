import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { UserError } from '../../../src/core/errors.ts'
import type { AdminInit, BoxStatus, FromWorker, WorkerInit } from '../../../src/core/ipc.ts'
import { AdminProcess } from '../../../src/supervisor/admin-process.ts'
import { forkSafely } from '../../../src/supervisor/fork.ts'
import { WorkerPool } from '../../../src/supervisor/worker-pool.ts'

const log = pino({ level: 'silent' })

function moduleOf(t: ExecutionContext, source: string): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-processes-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  const file = path.join(dir, 'root.mjs')
  fs.writeFileSync(file, source)
  return file
}

function pool(t: ExecutionContext, source: string, count = 1, onMessage: (message: FromWorker) => void = () => {}) {
  const readies: number[] = []
  const workers = new WorkerPool({
    count,
    file: moduleOf(t, source),
    descriptors: () => [],
    init: () => ({}) as WorkerInit,
    onMessage,
    onReady: ready => readies.push(ready),
    log,
  })
  t.teardown(() => workers.stop(100))
  return { workers, readies }
}

function adminProcess(t: ExecutionContext, source: string): AdminProcess {
  const fd = fs.openSync('/dev/null', 'r')
  const admin = new AdminProcess({
    fd,
    file: moduleOf(t, source),
    init: {} as AdminInit,
    calls: {},
    status: () => ({}) as BoxStatus,
    log,
  })
  t.teardown(async () => {
    await admin.stop(100)
    fs.closeSync(fd)
  })
  return admin
}

const READY = `process.send({ t: 'ready' }); process.on('disconnect', () => process.exit(0));`
const DRAINS = `${READY} process.on('message', m => m.t === 'drain' && process.exit(0))`

test('workers that accept: everybody is ready', async t => {
  const { workers, readies } = pool(t, DRAINS, 2)
  await workers.allReady
  t.is(workers.ready(), 2)
  t.deepEqual(readies, [1, 2])
})

test('a worker that never gets to accept ends the start with one sentence, soon', async t => {
  const began = Date.now()
  const { workers } = pool(t, 'process.exit(7)', 2)
  const error = await t.throwsAsync(workers.allReady, { instanceOf: UserError })
  t.regex(error.message, /exit status 7/)
  t.true(Date.now() - began < 10_000)
})

test('one good worker does not hide a bad one', async t => {
  const { workers } = pool(
    t,
    `import fs from 'node:fs'
     try { fs.mkdirSync(new URL('./first', import.meta.url)) } catch { process.exit(1) }
     ${DRAINS}`,
    2,
  )
  await t.throwsAsync(workers.allReady, { instanceOf: UserError })
})

test('once it has accepted, a worker that dies again and again is started for ever', async t => {
  const { workers } = pool(t, `${READY} setTimeout(() => process.exit(1), 20)`)
  await workers.allReady
  const limit = Date.now() + 20_000
  while (workers.statuses()[0]!.restarts <= 4 && Date.now() < limit) await sleep(50)
  t.true(workers.statuses()[0]!.restarts > 4)
})

test('a worker that talks nonsense is replaced, and the supervisor lives', async t => {
  const { workers } = pool(t, `${READY} process.send(null); setInterval(() => {}, 1000)`, 1, message => {
    t.is(message.t, 'log', 'throws for null')
  })
  await workers.allReady
  const limit = Date.now() + 10_000
  while (workers.statuses()[0]!.restarts === 0 && Date.now() < limit) await sleep(20)
  t.true(workers.statuses()[0]!.restarts > 0)
})

test('the last rows of a worker that died are still taken', async t => {
  const batches: FromWorker[] = []
  const source = `${READY} process.send({ t: 'log', batch: Buffer.from('[]'), rows: 3, dropped: 0 }, () => process.exit(1))`
  const { workers } = pool(t, source, 1, message => batches.push(message))
  await workers.allReady
  const limit = Date.now() + 10_000
  while (batches.length < 2 && Date.now() < limit) await sleep(20)
  t.like(batches[1]!, { t: 'log', rows: 3 })
})

test('a worker that has not accepted yet does not hold up the end', async t => {
  const { workers } = pool(t, `setInterval(() => {}, 1000)`)
  await sleep(50)
  const began = Date.now()
  await workers.stop(5000)
  t.true(Date.now() - began < 2000)
})

test('a worker that does not end is killed when its time is over', async t => {
  const { workers } = pool(t, READY)
  await workers.allReady
  const began = Date.now()
  await workers.stop(300)
  const took = Date.now() - began
  t.true(took >= 290 && took < 3000, `${took} ms`)
})

test('an admin process that never gets ready ends the start with one sentence', async t => {
  const admin = adminProcess(t, 'throw new Error("no")')
  const error = await t.throwsAsync(admin.ready, { instanceOf: UserError })
  t.regex(error.message, /exit status 1/)
})

test('an admin process that was ready once is started again for ever', async t => {
  const admin = adminProcess(t, READY)
  await admin.ready
  admin.restart()
  await sleep(1500)
  await admin.stop(2000)
  t.pass()
})

test('a process that cannot be started is an answer, not an exception', async t => {
  const child = forkSafely('/nowhere.mjs', { execPath: '/nowhere/node', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  if (child instanceof Error) t.pass()
  else t.truthy((await once(child, 'error'))[0])
})
