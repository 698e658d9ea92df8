/**
 * `node bench/mint.ts`: what a certificate for a name never seen before costs, from the worker's question over the channel to
 * the supervisor and back into the worker's TLS context, without any connection. CPU time of both processes; needs no root.
 */
import { fork } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { loadOrCreateCa } from '../ca/create.ts'
import { CA_KINDS, type CaKind } from '../ca/kinds.ts'
import type { FromWorker, ToWorker } from '../src/core/ipc.ts'
import { LeafContexts } from '../src/tls/contexts.ts'
import { mintLeaf } from '../src/tls/mint.ts'
import { TICKET_KEY_BYTES } from '../src/tls/tickets.ts'
import { SupervisorLink } from '../src/worker/supervisor-link.ts'

/** As many names at a time as the `first-visits` row has connections. */
const CONCURRENCY = 16
const WARM = 1000
const ROUNDS = 5
const NAMES = 1000

/** The supervisor's part: holds the key and answers. */
async function supervise(kind: CaKind): Promise<string> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-mint-'))
  try {
    const ca = loadOrCreateCa(path.join(dir, 'ca'), { kind })
    const worker = fork(import.meta.filename, ['worker'], { serialization: 'advanced' })
    let before = process.cpuUsage()
    return await new Promise((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', status => reject(new Error(`the worker ended with status ${status}`)))
      worker.on('message', (message: FromWorker | Measured) => {
        if (message.t === 'mint') {
          const leaf = mintLeaf(ca.key, ca.public, message.name, message.spki, Date.now())
          worker.send({ t: 'minted', id: message.id, leaf, error: '' } satisfies ToWorker)
        } else if (message.t === 'round') {
          if (message.micros.length > 0) message.micros.push(micros(before))
          before = process.cpuUsage()
          rounds.push(message.micros)
        } else if (message.t === 'drained') {
          worker.removeAllListeners('exit')
          resolve(report(kind, rounds.splice(0).slice(1)))
        }
      })
    })
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
}

/** The worker's CPU time of a round, to which the supervisor adds its own; nothing for the warm-up. */
interface Measured {
  t: 'round'
  micros: number[]
}

const rounds: number[][] = []

/** The best round: others were held up by whatever else the machine does. */
function report(kind: CaKind, measured: number[][]): string {
  const [worker, supervisor] = measured.sort((a, b) => a[0]! + a[1]! - b[0]! - b[1]!)[0] as [number, number]
  const each = (worker + supervisor) / NAMES
  const share = (part: number) => `${(part / NAMES).toFixed(0)} µs`
  return `${kind.padEnd(8)} ${Math.round(1e6 / each)} certificates per CPU s (worker ${share(worker)}, supervisor ${share(supervisor)} each)`
}

async function work(): Promise<void> {
  const link = new SupervisorLink()
  process.on('message', (message: ToWorker) => {
    if (message.t === 'minted') link.minted(message)
  })
  const contexts = new LeafContexts({
    requestLeaf: (name, spki, done) => link.requestLeaf(name, spki, done),
    ticketKeys: Buffer.alloc(TICKET_KEY_BYTES),
  })
  await visit(contexts, 'warm', WARM)
  send({ t: 'round', micros: [] })
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await visit(contexts, `round${round}`, NAMES)
    send({ t: 'round', micros: [micros(before)] })
  }
  await link.drained()
  process.disconnect?.()
}

function visit(contexts: LeafContexts, label: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0
    let done = 0
    const more = () => {
      if (next === count) return
      contexts.get(`v${next++}.${label}.example`, (error, leaf) => {
        // As TLSSocket does when it makes its SSL object
        if (leaf === null || leaf.context === null) reject(error)
        else if (++done === count) resolve()
        else more()
      })
    }
    for (let lane = 0; lane < CONCURRENCY; lane++) more()
  })
}

function send(message: Measured): void {
  process.send!(message)
}

function micros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}

if (process.argv[2] === 'worker') await work()
else for (const kind of CA_KINDS) process.stdout.write(`${await supervise(kind)}\n`)
