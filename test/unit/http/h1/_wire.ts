import net, { type AddressInfo, type Socket } from 'node:net'
import { Conn } from '../../../../src/core/conn.ts'
import type { WeirError } from '../../../../src/core/errors.ts'
import type { ClientEvents, ClientStream, Exchange, LocalReply, ResponseHead } from '../../../../src/core/exchange.ts'
import type { HeaderList } from '../../../../src/core/headers.ts'
import { type H1Server, serveH1 } from '../../../../src/http/h1/server.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'

/** What one exchange saw, written down; behaves as `act` says. */
export class Seen implements ClientEvents {
  readonly ex: Exchange
  readonly stream: ClientStream
  body = ''
  bodyBytes = 0
  ended = false
  trailers: HeaderList | null = null
  drains = 0
  errors: string[] = []
  done = 0
  /** Answer of `onRequestData`. */
  takes = true
  onEnd: (() => void) | null = null
  onDrained: (() => void) | null = null

  constructor(ex: Exchange, stream: ClientStream) {
    this.ex = ex
    this.stream = stream
  }
  onRequestData(chunk: Buffer): boolean {
    this.body += chunk.toString('latin1')
    this.bodyBytes += chunk.length
    return this.takes
  }
  onRequestEnd(trailers: HeaderList | null): void {
    this.ended = true
    this.trailers = trailers
    this.onEnd?.()
  }
  onClientDrain(): void {
    this.drains++
    this.onDrained?.()
  }
  onClientError(error: WeirError): void {
    this.errors.push(error.code)
  }
  onClientDone(): void {
    this.done++
  }
  reply(status: number, body: string, headers: HeaderList = []): void {
    this.stream.head(answer(status, body.length, headers))
    if (body !== '') this.stream.data(Buffer.from(body, 'latin1'))
    this.stream.end(null)
  }
}

export function answer(status: number, bodyLength: number, headers: HeaderList = []): ResponseHead {
  return { status, reason: '', headers, version: 11, bodyLength }
}

export interface Rig {
  port: number
  seen: Seen[]
  refused: WeirError[]
  closed: (string | null)[]
  servers: H1Server[]
  sockets: Socket[]
  /** Sizes of the writes handed to the latest socket's handle. */
  writes: number[]
  close(): void
}

export interface RigOptions {
  limits?: Partial<HttpLimits>
  act(seen: Seen, rig: Rig): void
  reply?: LocalReply
  /** Between accept and serve, as the peek does. */
  before?(socket: Socket): void
}

/** A real listener on loopback whose connections are served by H1Server. */
export async function rig(options: RigOptions): Promise<Rig> {
  const listener = net.createServer({ allowHalfOpen: true }, socket => {
    options.before?.(socket)
    self.sockets.push(socket)
    self.writes = countWrites(socket)
    self.servers.push(
      serveH1({
        conn: conn(socket),
        socket,
        raw: socket,
        scheme: 'http',
        sni: null,
        limits: { ...DEFAULT_LIMITS, ...options.limits },
        now: Date.now,
        onRequest: (ex, stream) => {
          const seen = new Seen(ex, stream)
          self.seen.push(seen)
          options.act(seen, self)
          return seen
        },
        onRefused: error => {
          self.refused.push(error)
          return options.reply ?? null
        },
        onClosed: error => {
          self.closed.push(error?.code ?? null)
        },
      }),
    )
  })
  await new Promise<void>(done => listener.listen(0, '127.0.0.1', done))
  const self: Rig = {
    port: (listener.address() as AddressInfo).port,
    seen: [],
    refused: [],
    closed: [],
    servers: [],
    sockets: [],
    writes: [],
    close: () => {
      listener.close()
      for (const socket of self.sockets) socket.destroy()
    },
  }
  return self
}

export function conn(socket: Socket): Conn {
  return new Conn({
    id: 't-1',
    clientAddr: '127.0.0.1',
    clientPort: socket.remotePort ?? 0,
    dstAddr: '192.0.2.1',
    dstPort: 80,
    ingress: 'test',
    startedAt: 0,
    startedMono: 0,
  })
}

/** Every write that reaches the stream's own `_write` or `_writev` is one system call, or one TLS write. */
export function countWrites(socket: Socket): number[] {
  const sizes: number[] = []
  const { _write, _writev } = socket
  socket._write = (chunk, encoding, done) => {
    sizes.push(chunk.length)
    _write.call(socket, chunk, encoding, done)
  }
  socket._writev = (chunks, done) => {
    sizes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0))
    _writev?.call(socket, chunks, done)
  }
  return sizes
}

/** A raw peer: what it got, and how it ended. */
export class Peer {
  readonly socket: Socket
  text = ''
  end: 'open' | 'fin' | 'reset' = 'open'

  constructor(socket: Socket) {
    this.socket = socket
    socket.unref()
    socket.on('data', chunk => {
      this.text += chunk.toString('latin1')
    })
    socket.on('end', () => {
      if (this.end === 'open') this.end = 'fin'
    })
    socket.on('error', () => {
      this.end = 'reset'
    })
  }
  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }
  /** Until the text ends so. */
  got(end: string): Promise<void> {
    return until(() => this.text.endsWith(end))
  }
  ended(ms?: number): Promise<void> {
    return until(() => this.end !== 'open', ms)
  }
}

export function dial(port: number): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(new Peer(socket)))
    socket.once('error', reject)
  })
}

export async function until(what: () => boolean, ms = 3000): Promise<void> {
  const end = performance.now() + ms
  while (!what()) {
    if (performance.now() > end) throw new Error(`timed out: ${what}`)
    await new Promise(done => setTimeout(done, 5))
  }
}

export const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))
