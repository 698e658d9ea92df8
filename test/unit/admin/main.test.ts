import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import type { TrafficPage } from '../../../src/admin/api.ts'
import { accountCalls } from '../../../src/admin/calls.ts'
import type { FromAdmin } from '../../../src/core/ipc.ts'
import { closeDescriptor, listenPlain } from '../../../src/os/sockets.ts'
import { Accounts } from '../../../src/store/accounts.ts'
import { startStore } from '../../../src/store/store.ts'
import { batchOf, exchangeRow, memoryLog, tempDir, until } from '../store/rows.ts'
import { boxStatus } from './box.ts'

const MAIN = path.resolve(import.meta.dirname, '../../../src/admin/main.ts')
const NOBODY = 65534
const isRoot = process.getuid?.() === 0

/** A port that was free a moment ago: the socket of the test itself is made by the code under test. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function startAdmin(t: { teardown(fn: () => unknown): void }) {
  const { dir, remove } = tempDir()
  fs.chmodSync(dir, 0o700)
  const trafficDb = path.join(dir, 'traffic.db')
  const store = startStore({ file: trafficDb, retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  const accounts = new Accounts(path.join(dir, 'admin.db'))
  const first = accounts.ensureFirstAdmin()!
  const calls = accountCalls(accounts)
  const port = await freePort()
  const fd = listenPlain('127.0.0.1', port)
  const child: ChildProcess = fork(MAIN, [], { stdio: ['ignore', 2, 2, 'ipc', fd], serialization: 'advanced' })
  closeDescriptor(fd)
  const ready = new Promise<void>(resolve => {
    child.on('message', (message: FromAdmin) => {
      if (message.t === 'ready') return resolve()
      // What it does not know is answered with an error, as the supervisor does.
      const call = calls[message.method]
      const value = call?.(message.params) ?? null
      child.send({ t: 'result', id: message.id, ok: call !== undefined, value, error: call ? '' : 'unknown' })
    })
  })
  const ca = loadOrCreateCa(path.join(dir, 'ca'), { hostname: 'test' }).public
  const [uid, gid] = isRoot ? [NOBODY, NOBODY] : [null, null]
  child.send({ t: 'init', init: { trafficDb, adminDb: '', ca, uid, gid, version: '1', listen: `127.0.0.1:${port}` } })
  await ready
  child.send({ t: 'status', status: boxStatus() })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await store.stop()
    accounts.close()
    remove()
  })
  const base = `http://127.0.0.1:${port}`
  const response = await fetch(`${base}/api/v1/session`, {
    method: 'POST',
    body: JSON.stringify(first),
    headers: { 'content-type': 'application/json' },
  })
  return { child, base, store, cookie: response.headers.getSetCookie()[0]!.split(';')[0]! }
}

test('the process: inherited socket, privileges gone for good, and it still reads what is written afterwards', async t => {
  const { child, base, store, cookie } = await startAdmin(t)
  if (isRoot) {
    const status = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')
    t.regex(status, /^Uid:\t65534\t65534\t65534\t65534$/m)
    t.regex(status, /^CapEff:\t0+$/m)
    t.regex(status, /^NoNewPrivs:\t1$/m)
    for (const thread of fs.readdirSync(`/proc/${child.pid}/task`)) {
      const of = fs.readFileSync(`/proc/${child.pid}/task/${thread}/status`, 'utf8')
      t.regex(of, /^Uid:\t65534\t/m)
      t.regex(of, /^CapEff:\t0+$/m)
    }
  }
  // Enough for several checkpoints and for the index of the journal to grow.
  const rows = Array.from({ length: 500 }, () => exchangeRow({ path: `/${'p'.repeat(500)}` }))
  for (let batch = 0; batch < 40; batch++) store.write(batchOf(...rows), rows.length, 0)
  await until(() => store.status().rowsStored === 20_000)
  const get = async <T>(from: string): Promise<T> =>
    (await fetch(base + from, { headers: { cookie } })).json() as Promise<T>
  t.is((await get<TrafficPage>('/api/v1/traffic?limit=1')).total, 20_000)
  t.is((await get<{ totals: { all: number } }>('/api/v1/summary?range=1h')).totals.all, 20_000)
  for (const from of ['/', '/healthz', '/api/v1/ca', '/api/v1/openapi.json', '/metrics']) {
    t.is((await fetch(base + from)).status, 200, from)
  }
})

test('SIGTERM ends it at once although a live view is open', async t => {
  const { child, base, cookie } = await startAdmin(t)
  const live = await fetch(`${base}/api/v1/live`, { headers: { cookie } })
  const reading = live.text().catch(() => '')
  const begun = Date.now()
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  t.is(code, 0)
  t.true(Date.now() - begun < 3000)
  t.regex(await reading, /^event: hello/)
})

test('it does not outlive its supervisor', async t => {
  const { child } = await startAdmin(t)
  child.disconnect()
  const [code] = (await once(child, 'exit')) as [number | null]
  t.is(code, 0)
})
