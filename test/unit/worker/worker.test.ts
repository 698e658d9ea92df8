import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import type { FromWorker, ToWorker, WorkerInit } from '../../../src/core/ipc.ts'
import { LIMITS } from '../../../src/core/limits.ts'
import { closeDescriptor, listenPlain } from '../../../src/os/sockets.ts'

const WORKER = path.resolve(import.meta.dirname, '../../../src/worker.ts')

/** A worker as the supervisor starts it, on an ordinary socket; `say` sends, `heard` waits for its answer. */
function start(t: ExecutionContext) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-worker-'))
  const fd = listenPlain('127.0.0.1', 0)
  const child = fork(WORKER, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd], serialization: 'advanced' })
  t.teardown(() => {
    child.kill('SIGKILL')
    closeDescriptor(fd)
    fs.rmSync(dir, { recursive: true, force: true })
  })
  const say = (message: ToWorker) => void child.send(message)
  say({ t: 'init', init: init(dir) })
  return { child, say, heard: (kind: FromWorker['t']) => heard(child, kind) }
}

async function heard(child: ChildProcess, kind: FromWorker['t']): Promise<FromWorker> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [FromWorker]
    if (message.t === kind) return message
  }
}

function init(dir: string): WorkerInit {
  return {
    workerId: 0,
    boxId: 'test',
    keepClientAddress: false,
    limits: LIMITS,
    originRootsPem: [],
    revocationLists: [],
    fetchNetworks: [],
    clientCertificates: [],
    ca: loadOrCreateCa(dir).public,
    ticketKeys: Buffer.alloc(48),
    overrideKey: Buffer.alloc(32),
    handout: { authorities: [], guides: [] },
    facts: [],
    ownCas: [],
    learned: [],
    cacheBytes: 1 << 20,
    clientAddressMode: 'full',
    pseudonymKey: Buffer.alloc(32),
    policy: { text: 'version: 1\n', version: '1', lists: {}, defaultTier: 'inspect' },
    own: { addrs: [], lan: [] },
    uid: null,
    gid: null,
  }
}

test('what is said while it still loads is heard: a policy that changes then is not lost', async t => {
  const { say, heard } = start(t)
  const answer = heard('policy-failed')
  say({ t: 'policy', policy: { text: 'rules: 5\n', version: '2', lists: {}, defaultTier: 'inspect' } })
  await heard('ready')
  t.like(await Promise.race([answer, new Promise(resolve => setTimeout(resolve, 3000, { t: 'nothing' }))]), {
    t: 'policy-failed',
    version: '2',
  })
})

test('it drains and ends, and minds no signal of a terminal or a service manager', async t => {
  const { child, say, heard } = start(t)
  await heard('ready')
  child.kill('SIGTERM')
  child.kill('SIGINT')
  const last = heard('drained')
  const exit = once(child, 'exit')
  say({ t: 'drain' })
  await last
  t.deepEqual(await exit, [0, null])
})

test('without its supervisor it ends', async t => {
  const { child, heard } = start(t)
  await heard('ready')
  const exit = once(child, 'exit')
  child.disconnect()
  t.deepEqual(await exit, [0, null])
})
