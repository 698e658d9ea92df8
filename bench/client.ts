/**
 * A client for what h2load cannot do, run on the lab's client host:
 * `client.ts connections JOB` opens many TLS connections, one request each, and prints a ConnectionsResult;
 * `client.ts idle JOB` opens connections and keeps them until its stdin ends. JOB is JSON.
 */
import fs from 'node:fs'
import { performance } from 'node:perf_hooks'
import tls from 'node:tls'

interface Target {
  readonly address: string
  /** PEM file; a connection that it does not vouch for is an error. */
  readonly caFile: string
  readonly path: string
  readonly concurrency: number
}

export interface ConnectionsJob extends Target {
  /** Connections, all told. */
  readonly count: number
  /** One name for all of them, or one for each. */
  readonly names: readonly string[]
  /** Offer the last ticket of the server again. */
  readonly resume: boolean
}

export interface IdleJob extends Target {
  readonly count: number
  readonly names: readonly string[]
  /** Addresses of this host that the connections come from in turn: a gateway may bound what one client holds. */
  readonly from: readonly string[]
}

export interface ConnectionsResult {
  readonly done: number
  readonly resumed: number
  readonly wallMs: number
  readonly errors: string[]
}

const CONNECTION_LIMIT_MS = 30_000
/** Enough to know what is wrong. */
const MAX_ERRORS = 5

async function connections(job: ConnectionsJob): Promise<ConnectionsResult> {
  const secureContext = tls.createSecureContext({ ca: fs.readFileSync(job.caFile) })
  const errors: string[] = []
  let session: Buffer | undefined
  let started = 0
  let done = 0
  let resumed = 0
  const begin = performance.now()
  await lanes(job.concurrency, async () => {
    while (started < job.count && errors.length < MAX_ERRORS) {
      const name = job.names[started++ % job.names.length]!
      const connection = new Connection(job, name, secureContext, job.resume && session ? { session } : {})
      connection.socket.on('session', fresh => {
        session = fresh
      })
      const error = await connection.request('close')
      if (error === '') done++
      else errors.push(`${name}: ${error}`)
      if (connection.resumed) resumed++
      await connection.closed()
    }
  })
  return { done, resumed, wallMs: performance.now() - begin, errors }
}

async function idle(job: IdleJob): Promise<void> {
  const secureContext = tls.createSecureContext({ ca: fs.readFileSync(job.caFile) })
  const errors: string[] = []
  const open: Connection[] = []
  let started = 0
  await lanes(job.concurrency, async () => {
    while (started < job.count && errors.length < MAX_ERRORS) {
      const turn = started++
      const from = job.from[turn % job.from.length]!
      const connection = new Connection(job, job.names[turn % job.names.length]!, secureContext, { from })
      const error = await connection.request('keep-alive')
      if (error === '') open.push(connection)
      else errors.push(error)
    }
  })
  // Opening takes a while: with a second request all of them become idle at about the same time.
  let next = 0
  await lanes(job.concurrency, async () => {
    while (next < open.length && errors.length < MAX_ERRORS) {
      const error = await open[next++]!.request('keep-alive')
      if (error !== '') errors.push(`second request: ${error}`)
    }
  })
  const left = () => open.filter(connection => connection.socket.writable && !connection.socket.readableEnded).length
  print({ open: left(), errors })
  process.stdin.resume().once('end', () => {
    print({ open: left(), errors: [] })
    process.exit(0)
  })
}

interface More {
  readonly session?: Buffer
  readonly from?: string
}

/** One TLS connection that asks for the same thing as often as it is told to. */
class Connection {
  readonly socket: tls.TLSSocket
  resumed = false
  readonly #path: string
  readonly #name: string
  #head = ''
  /** Body bytes still to come; -1 before the head is complete. */
  #missing = -1
  #done: ((error: string) => void) | null = null
  #error = ''
  readonly #closed: Promise<void>

  constructor(target: Target, name: string, secureContext: tls.SecureContext, more: More) {
    this.#path = target.path
    this.#name = name
    this.socket = tls.connect({
      host: target.address,
      port: 443,
      servername: name,
      secureContext,
      ALPNProtocols: ['http/1.1'],
      ...(more.session && { session: more.session }),
      ...(more.from && { localAddress: more.from }),
    })
    this.socket.setNoDelay(true)
    this.socket.setTimeout(CONNECTION_LIMIT_MS, () => this.#finish('time-out'))
    this.socket.on('secureConnect', () => {
      this.resumed = this.socket.isSessionReused()
    })
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.socket.on('error', error => this.#finish(error.message))
    this.socket.on('end', () => this.#finish('closed too early'))
    this.#closed = new Promise(resolve => this.socket.once('close', () => resolve()))
  }

  /** Empty for a whole answer with status 200. */
  request(connection: 'close' | 'keep-alive'): Promise<string> {
    if (this.#error !== '') return Promise.resolve(this.#error)
    this.#head = ''
    this.#missing = -1
    this.socket.setTimeout(CONNECTION_LIMIT_MS)
    this.socket.write(`GET ${this.#path} HTTP/1.1\r\nHost: ${this.#name}\r\nConnection: ${connection}\r\n\r\n`)
    return new Promise(resolve => {
      this.#done = resolve
    })
  }

  closed(): Promise<void> {
    this.socket.end()
    return this.#closed
  }

  #take(chunk: Buffer): void {
    let body = chunk.length
    if (this.#missing < 0) {
      this.#head += chunk.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      body = this.#head.length - end - 4
      this.#missing = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? 0)
      if (!this.#head.startsWith('HTTP/1.1 200')) this.#finish(this.#head.slice(0, 60).split('\r\n')[0]!)
    }
    this.#missing -= body
    if (this.#missing <= 0) this.#finish('')
  }

  /** The first word counts: an answer that is whole is not made worse by how the connection ends. */
  #finish(error: string): void {
    const done = this.#done
    this.#done = null
    this.#error ||= error
    this.socket.setTimeout(0)
    if (error !== '') this.socket.destroy()
    done?.(error)
  }
}

async function lanes(count: number, lane: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, lane))
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

const [mode = '', json = '{}'] = process.argv.slice(2)
if (mode === 'connections') print(await connections(JSON.parse(json) as ConnectionsJob))
else await idle(JSON.parse(json) as IdleJob)
