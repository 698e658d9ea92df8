import { parentPort, workerData } from 'node:worker_threads'
import { describe } from './database.ts'
import type { FromStoreThread, StoreThreadData, ToStoreThread } from './protocol.ts'
import { type WriteResult, Writer } from './writer.ts'

/** Root of the store thread: batches in order, each tried until it is in; retention in the pauses. */

const RETRY_MIN_MS = 250
const RETRY_MAX_MS = 5000
const RETENTION_EVERY_MS = 10_000
const RETENTION_PAUSE_MS = 50

const port = parentPort!
const data = workerData as StoreThreadData
let limits = data.limits
let error = ''
let retryMs = RETRY_MIN_MS
let stopping = false
let retryTimer: NodeJS.Timeout | null = null
const waiting: { bytes: Uint8Array; rows: number }[] = []

const tell = (message: FromStoreThread): void => port.postMessage(message)
const writer = new Writer(
  data.file,
  message => tell({ t: 'warn', message }),
  () => tell({ t: 'replaced' }),
)

port.on('message', (message: ToStoreThread) => {
  if (message.t === 'batch') {
    waiting.push({ bytes: message.bytes, rows: message.rows })
    if (retryTimer === null) drain()
  } else if (message.t === 'retention') limits = message.limits
  else stop()
})

attempt(() => writer.ensureOpen())
tell({ t: 'opened' })
retain()

function drain(): void {
  while (waiting.length > 0) {
    const { bytes, rows } = waiting[0]!
    let written: WriteResult = { stored: 0, lost: 0 }
    const ok = attempt(() => {
      written = writer.write(bytes, rows)
    })
    if (!ok) break
    waiting.shift()
    const { stored, lost } = written
    if (lost > 0) tell({ t: 'warn', message: `${lost} rows of a log batch could not be read and were left out.` })
    tell({ t: 'done', stored, lost, bytes: writer.bytes() })
  }
  if (stopping) finish()
  else if (waiting.length > 0) retryLater()
}

function retryLater(): void {
  retryTimer = setTimeout(() => {
    retryTimer = null
    drain()
  }, retryMs)
  retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
}

/** True if it went well; the state of the error is told when it changes. */
function attempt(work: () => void): boolean {
  let now = ''
  try {
    work()
    retryMs = RETRY_MIN_MS
  } catch (cause) {
    now = describe(cause, data.file)
  }
  if (now !== error) tell({ t: 'error', message: now })
  error = now
  return now === ''
}

function retain(): void {
  if (stopping) return
  let more = false
  attempt(() => {
    more = writer.retain(limits, Date.now())
  })
  setTimeout(retain, more ? RETENTION_PAUSE_MS : RETENTION_EVERY_MS).unref()
}

/** Everything sent before has been received by now: one last try for what is left. */
function stop(): void {
  stopping = true
  if (retryTimer !== null) clearTimeout(retryTimer)
  drain()
}

function finish(): void {
  let unwritten = 0
  for (const batch of waiting) unwritten += batch.rows
  writer.close()
  tell({ t: 'stopped', unwritten })
  port.close()
}
