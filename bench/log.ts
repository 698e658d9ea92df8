/**
 * `node bench/log.ts`: what a row of the log costs by itself, from the worker's emitter over the channel and through the
 * supervisor into the database, without any connection. CPU time of the parts; needs no root.
 */
import { fork } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FromWorker } from '../src/core/ipc.ts'
import type { LogRow } from '../src/core/log-event.ts'
import { LogEmitter } from '../src/log/emit.ts'
import { type Store, startStore } from '../src/store/store.ts'
import { SupervisorLink } from '../src/worker/supervisor-link.ts'
import { connectionRow, exchangeRow } from '../test/unit/store/rows.ts'
import { type Cpu, cpuBetween, cpuOf } from './meter.ts'
import { storeThread } from './weir.ts'

const ROUNDS = 5
const ROWS = 60_000
/** About what one core of exchanges makes; the emitter's batches depend on it. */
const ROWS_PER_MS = 30
const TICK_MS = 2
const CONNECTIONS = 32

const KINDS: Record<string, (i: number) => LogRow> = {
  'answered from the cache': i => exchangeRow({ ...busy(i), ...NO_ORIGIN, cache: 'hit' }),
  'answered by the origin': i => exchangeRow({ ...busy(i), connectMs: 0.3, waitMs: 2.1, bodyMs: 0.2 }),
  blocked: i =>
    exchangeRow({
      ...busy(i),
      ...NO_ORIGIN,
      verdict: 'block',
      reason: 'rule',
      rule: 'Games',
      ruleLine: 12,
      status: 403,
    }),
  'connection, spliced': i =>
    connectionRow({ ...busy(i), clientPort: 1024 + (i % 60_000), host: `www${i % 50}.example` }),
}
const NO_ORIGIN = { originHttpVersion: 0, connectMs: 0, waitMs: 0, bodyMs: 0, originTls: '', upstream: '' }

function busy(i: number): { time: number; conn: string; client: string; durationMs: number } {
  return {
    time: Date.now(),
    conn: `mbk3q0x00-${i % CONNECTIONS}`,
    client: `10.77.1.${i % 10}`,
    durationMs: (i % 70) / 10,
  }
}

/** The supervisor's part; answers the best round: others were held up by whatever else the machine does. */
async function supervise(kind: string): Promise<Cpu> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-log-'))
  const log = { info() {}, warn: console.error, error: console.error }
  const store = startStore({ file: path.join(dir, 'traffic.db'), retentionDays: 30, maxBytes: 0, log })
  const worker = fork(import.meta.filename, ['worker', kind], { serialization: 'advanced' })
  worker.on('message', (message: FromWorker) => {
    if (message.t === 'log') store.write(message.batch, message.rows, message.dropped)
  })
  const parts = {
    process: (pid: number) => (pid === process.pid ? 'supervisor' : 'worker'),
    thread: storeThread,
  }
  const rounds: Cpu[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const before = cpuOf(process.pid, parts)
    worker.send('round')
    await stored(store, (round + 1) * ROWS)
    // The first brings the code to speed.
    if (round > 0) rounds.push(cpuBetween(before, cpuOf(process.pid, parts)))
  }
  worker.disconnect()
  await store.stop()
  fs.rmSync(dir, { recursive: true })
  return rounds.reduce((best, each) => (each.totalMs < best.totalMs ? each : best))
}

async function stored(store: Store, rows: number): Promise<void> {
  while (store.status().rowsStored < rows) {
    const { rowsDropped, error } = store.status()
    if (rowsDropped > 0 || error !== '') throw new Error(`no measurement: ${rowsDropped} rows lost. ${error}`)
    await sleep(20)
  }
}

/** The worker's part: as many rows a millisecond as traffic would make. */
function work(kind: string): void {
  const link = new SupervisorLink()
  const emitter = new LogEmitter({
    maxRows: 50_000,
    flushMs: 50,
    maxBatchRows: 2000,
    send: (batch, rows, dropped) => link.sendLog(batch, rows, dropped),
    clientAddressMode: 'full',
    pseudonymKey: Buffer.alloc(32),
  })
  const row = KINDS[kind]!
  process.on('message', () => {
    const begun = performance.now()
    let made = 0
    const timer = setInterval(() => {
      const due = Math.min(ROWS, Math.floor((performance.now() - begun) * ROWS_PER_MS))
      while (made < due) emitter.add(row(made++))
      if (made === ROWS) clearInterval(timer)
    }, TICK_MS)
  })
}

if (process.argv[2] === 'worker') work(process.argv[3]!)
else {
  console.log('| row | rows per CPU second | worker | supervisor | store |\n| --- | --- | --- | --- | --- |')
  for (const kind of Object.keys(KINDS)) {
    const cpu = await supervise(kind)
    const micros = (part: string) => `${(((cpu.parts.get(part) ?? 0) * 1000) / ROWS).toFixed(1)} µs`
    const perSecond = `${(ROWS / cpu.totalMs).toFixed(0)} k`
    console.log(`| ${kind} | ${perSecond} | ${micros('worker')} | ${micros('supervisor')} | ${micros('store')} |`)
  }
}
