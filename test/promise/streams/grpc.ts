import http2, { type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { digestOf, noise, Trace } from './trace.ts'

/** Remote calls as gRPC puts them on HTTP/2: framed messages both ways, and the outcome in the trailers. */

const { NGHTTP2_CANCEL } = http2.constants

/** One message: a flag, its length in four octets, its octets. */
export function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Whole messages out of pieces of any size. */
class Frames {
  #pending: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, chunk])
    const messages: Buffer[] = []
    while (this.#pending.length >= 5) {
      const end = 5 + this.#pending.readUInt32BE(1)
      if (this.#pending.length < end) break
      messages.push(this.#pending.subarray(5, end))
      this.#pending = this.#pending.subarray(end)
    }
    return messages
  }
}

// ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Method {
  onMessage?(stream: ServerHttp2Stream, message: Buffer, count: number): void
  onEnd?(stream: ServerHttp2Stream): void
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'identity' } as const

function begin(stream: ServerHttp2Stream, status: number, message: string): void {
  stream.respond(HEAD, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': message }))
}

/** `code` in the query is the error code of a reset. */
const METHODS: Record<string, (code: number) => Method> = {
  '/chat': () => ({
    onMessage(stream, message, count) {
      if (count === 1) begin(stream, 0, 'bye')
      stream.write(frame(message))
    },
    onEnd: stream => stream.end(),
  }),
  '/list': () => ({
    onEnd(stream) {
      begin(stream, 0, '')
      for (let i = 0; i < 50; i++) stream.write(frame(noise(`${i}`, i * 997)))
      stream.end()
    },
  }),
  '/nothing': () => ({
    onMessage: stream =>
      stream.respond({ ...HEAD, 'grpc-status': '12', 'grpc-message': 'no such method' }, { endStream: true }),
  }),
  '/breaks': () => ({
    onMessage(stream, message, count) {
      if (count === 1) begin(stream, 13, 'broken')
      stream.write(frame(message))
      if (count === 2) stream.end()
    },
  }),
  '/resets': code => ({
    onMessage(stream, message, count) {
      if (count === 1) begin(stream, 0, '')
      if (count === 2) stream.close(code)
      else stream.write(frame(message))
    },
  }),
  '/refuses': code => ({ onMessage: stream => stream.close(code) }),
}

export function serveGrpc(stream: ServerHttp2Stream, target: string, raw: readonly string[], trace: Trace): void {
  const url = new URL(target, 'https://calls.test')
  const method = METHODS[url.pathname]!(Number(url.searchParams.get('code')))
  const frames = new Frames()
  let count = 0
  trace.head('call', raw)
  stream.on('data', (chunk: Buffer) => {
    for (const message of frames.push(chunk)) {
      trace.note(`message ${digestOf(message)}`)
      method.onMessage?.(stream, message, ++count)
    }
  })
  stream.on('end', () => {
    if (stream.aborted) return
    trace.note('half-closed')
    method.onEnd?.(stream)
  })
  stream.on('aborted', () => trace.note('aborted'))
  stream.on('error', () => {})
  stream.on('close', () => trace.note(`closed ${stream.rstCode}`))
}

// ── the client ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Call {
  readonly path: string
  /** Sends one message after the other, the next when an answer to the last has come; then ends. */
  readonly messages: number
  /** Ends the call instead of its request, by this error code. */
  readonly resets?: number
  /** The status comes before the request is complete. */
  readonly early?: true
}

export const REFUSED = 'the server refuses before it answers'
export const CALLS: Record<string, Call> = {
  'messages go both ways in turn, then half-close, then the status': { path: '/chat', messages: 20 },
  'many answers to one question': { path: '/list', messages: 1 },
  'trailers only': { path: '/nothing', messages: 1, early: true },
  'an error after some messages': { path: '/breaks', messages: 5, early: true },
  'the server cancels': { path: `/resets?code=${NGHTTP2_CANCEL}`, messages: 5 },
  'the server fails': { path: '/resets?code=2', messages: 5 },
  'the server has enough': { path: '/resets?code=11', messages: 5 },
  [REFUSED]: { path: '/refuses?code=7', messages: 1 },
  'the client cancels': { path: '/chat', messages: 5, resets: NGHTTP2_CANCEL },
  'the client fails': { path: '/chat', messages: 5, resets: 2 },
}

export function call(session: ClientHttp2Session, name: string, run: string): Promise<string[]> {
  const { path, messages, resets } = CALLS[name]!
  const trace = new Trace()
  const frames = new Frames()
  const fields = {
    ':method': 'POST',
    ':path': path,
    ':authority': 'calls.test',
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '5S',
    'x-run': run,
  }
  // An end in good order would need the trailers that are never given: what ends this request early is a bare reset
  const stream = session.request(fields, { endStream: false, waitForTrailers: resets !== undefined })
  let sent = 0
  const next = () => {
    if (sent < messages) stream.write(frame(noise(`${name}${sent++}`, sent * 1013)))
    else if (resets === undefined) stream.end()
    else stream.close(resets)
  }
  const { promise, resolve } = Promise.withResolvers<string[]>()
  stream.on('response', (headers, _flags, raw: unknown) => trace.head(`status ${headers[':status']}`, raw as string[]))
  stream.on('data', (chunk: Buffer) => {
    for (const message of frames.push(chunk)) {
      trace.note(`message ${digestOf(message)}`)
      if (path !== '/list') next()
    }
  })
  stream.on('trailers', (_trailers, _flags, raw: unknown) => trace.head('trailers', raw as string[]))
  stream.on('end', () => {
    trace.note('end')
    if (!stream.writableEnded) stream.end() // the answer is complete: there is nothing to add
  })
  stream.on('aborted', () => trace.note('aborted'))
  stream.on('error', () => {})
  stream.on('close', () => {
    trace.note(`closed ${stream.rstCode}`)
    resolve(trace.events)
  })
  next()
  if (path === '/list') next()
  return promise
}
