import { parentPort, workerData } from 'node:worker_threads'
import { FilterError, parseFilter } from '../store/filter-language.ts'
import { TrafficQueries } from '../store/queries.ts'
import type { FromReader, ReaderCalls, ToReader } from './reader.ts'

/** Root of the reader thread: SQLite blocks, and here it blocks nobody but other questions to SQLite. */

const port = parentPort!
const { file } = workerData as { file: string }
const queries = new TrafficQueries(file)

type Handlers = { [M in keyof ReaderCalls]: (params: ReaderCalls[M]['params']) => ReaderCalls[M]['answer'] }

const handlers: Handlers = {
  lastId: () => queries.lastId(),
  page: ({ listing, q, before, limit }) => queries.page(listing, q, before, limit),
  live: ({ q, after }) => queries.live(parseFilter(q), after),
  detail: ({ id }) => queries.detail(id),
  summary: ({ range, now }) => queries.summary(range, now),
  tlsUse: ({ since }) => queries.tlsUse(since),
}

// Opened before the process gives up its rights. Not there yet: the first question tries again.
try {
  queries.open()
} catch {}
port.postMessage({ t: 'opened' } satisfies FromReader)

port.on('message', ({ id, method, params }: ToReader) => {
  let reply: FromReader
  try {
    const value = (handlers[method] as (params: unknown) => unknown)(params)
    reply = { t: 'answer', id, ok: true, value, filter: false, error: '' }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    reply = { t: 'answer', id, ok: false, value: null, filter: error instanceof FilterError, error: message }
  }
  port.postMessage(reply)
})
