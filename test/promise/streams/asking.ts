import http, { type ClientRequest } from 'node:http'
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import https from 'node:https'
import { Digest, Trace } from './trace.ts'
import { HOSTS, type HostName, type Mode, WAYS, type Way } from './ways.ts'

export type Fields = Record<string, string>

interface Target {
  readonly host: HostName
  readonly port: number
  readonly method: string
  readonly path: string
}

/** A client of a web server, by one way and version. Trust comes with NODE_EXTRA_CA_CERTS. */
export class Asker {
  readonly mode: Mode
  readonly trace = new Trace()
  remark = ''
  readonly run: string
  readonly #host: HostName
  readonly #port: number
  readonly #session: ClientHttp2Session | null
  /** One connection, so that what is left over by one answer spoils the next. */
  readonly #agent: http.Agent

  constructor(host: HostName, mode: Mode, way: Way, run: string) {
    this.mode = mode
    this.#host = host
    this.run = run
    this.#port = WAYS[way][mode === 'http' ? 'http' : 'https']
    const keep = { keepAlive: true, maxSockets: 1 }
    this.#agent = mode === 'http' ? new http.Agent(keep) : new https.Agent(keep)
    this.#session = mode === 'h2' ? http2.connect(`https://${host}:${this.#port}`) : null
  }

  ask(method: string, target: string, fields: Fields = {}, quiet = false): Asked {
    const all: Fields = { ...fields, 'x-run': this.run }
    const trace = quiet ? new Trace() : this.trace
    const to = { host: this.#host, port: this.#port, method, path: target }
    if (this.#session !== null) return new Asked2(this.#session, to, all, trace)
    return new Asked1(this.#agent, to, all, trace)
  }

  close(): void {
    this.#session?.close()
    this.#agent.destroy()
  }
}

/** One request and what is heard of it. */
export abstract class Asked {
  readonly trace: Trace
  readonly body = new Digest()
  /** Takes the body's pieces instead of nobody. */
  onData: ((chunk: Buffer) => void) | null = null
  onInformational: (() => void) | null = null
  /** The answer is complete; the exchange may not be. */
  onEnd: (() => void) | null = null
  /** The body tells the time: no two are the same. */
  timed = false
  readonly over: Promise<void>
  protected readonly done: () => void
  abstract readonly out: ClientRequest | ClientHttp2Stream

  constructor(trace: Trace) {
    this.trace = trace
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.done = resolve
  }

  abstract end(trailers?: Fields): void

  /** Nobody reads the answer's body for now. */
  abstract pause(): void
  abstract resume(): void

  protected informational(status: number, raw: readonly string[]): void {
    this.trace.head(`informational ${status}`, raw)
    this.onInformational?.()
  }

  protected received(chunk: Buffer): void {
    this.body.add(chunk)
    this.onData?.(chunk)
  }

  /** Whole octets at the pace at which they are taken. */
  async send(block: Buffer, bytes: number): Promise<void> {
    const { out } = this
    for (let left = bytes; left > 0 && !out.destroyed; left -= block.length) {
      if (out.write(left < block.length ? block.subarray(0, left) : block)) continue
      await new Promise<void>(resolve => {
        out.once('drain', resolve)
        out.once('close', resolve)
      })
    }
    this.end()
  }
}

class Asked1 extends Asked {
  readonly out: ClientRequest
  #answer: http.IncomingMessage | null = null
  #paused = false

  constructor(agent: http.Agent, { host, port, method, path }: Target, fields: Fields, trace: Trace) {
    super(trace)
    const options = { agent, host: HOSTS[host], servername: host, port, method, path }
    const { request } = agent instanceof https.Agent ? https : http
    const out = request({ ...options, headers: { host, ...fields } })
    this.out = out
    out.on('information', ({ statusCode, rawHeaders }) => this.informational(statusCode, rawHeaders))
    out.on('response', answer => this.#answered(answer))
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#answer === null) trace.note(`failed ${error.code}`)
    })
    out.on('close', this.done)
    if ('expect' in fields) out.flushHeaders()
  }

  #answered(answer: http.IncomingMessage): void {
    const { trace } = this
    this.#answer = answer
    trace.head(`status ${answer.statusCode} ${answer.statusMessage}`, answer.rawHeaders)
    answer.on('data', (chunk: Buffer) => this.received(chunk))
    answer.on('end', () => {
      trace.note(this.timed ? 'body' : `body ${this.body}`)
      if (answer.rawTrailers.length > 0) trace.head('trailers', answer.rawTrailers)
      this.onEnd?.()
    })
    answer.on('error', (error: NodeJS.ErrnoException) => trace.note(`failed ${error.code}`))
    if (this.#paused) answer.pause()
  }

  end(trailers?: Fields): void {
    if (trailers !== undefined) this.out.addTrailers(trailers)
    this.out.end()
  }

  pause(): void {
    this.#paused = true
    this.#answer?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#answer?.resume()
  }
}

class Asked2 extends Asked {
  readonly out: ClientHttp2Stream

  constructor(session: ClientHttp2Session, { host, method, path }: Target, fields: Fields, trace: Trace) {
    super(trace)
    const head = { ':method': method, ':path': path, ':authority': host, ...fields }
    const bare = method === 'GET' || method === 'HEAD'
    const out = session.request(head, { endStream: bare, waitForTrailers: 'trailer' in fields })
    this.out = out
    out.on('headers', (headers, _flags, raw: unknown) =>
      this.informational(Number(headers[':status']), withoutStatus(raw)),
    )
    out.on('response', (headers, _flags, raw: unknown) =>
      trace.head(`status ${headers[':status']}`, withoutStatus(raw)),
    )
    out.on('data', (chunk: Buffer) => this.received(chunk))
    out.on('trailers', (_trailers, _flags, raw: unknown) => trace.head('trailers', raw as string[]))
    out.on('end', () => {
      trace.note(this.timed ? 'body' : `body ${this.body}`)
      this.onEnd?.()
    })
    out.on('error', (error: NodeJS.ErrnoException) => trace.note(`failed ${error.code}`))
    out.on('close', () => {
      trace.note(`closed ${out.rstCode}`)
      this.done()
    })
  }

  end(trailers?: Fields): void {
    if (trailers !== undefined) this.out.once('wantTrailers', () => this.out.sendTrailers(trailers))
    this.out.end()
  }

  pause(): void {
    this.out.pause()
  }

  resume(): void {
    this.out.resume()
  }
}

function withoutStatus(raw: unknown): string[] {
  return (raw as string[]).filter((_, i, all) => !all[i - (i % 2)]!.startsWith(':'))
}
