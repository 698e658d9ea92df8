import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { Conn } from '../../../../src/core/conn.ts'
import { WeirError } from '../../../../src/core/errors.ts'
import type { ClientEvents, ClientStream, Exchange, LocalReply } from '../../../../src/core/exchange.ts'
import type { HeaderList } from '../../../../src/core/headers.ts'
import { serveH2 } from '../../../../src/http/h2/server.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'
import {
  type Fields,
  frame,
  get,
  headersFrame,
  longHeaders,
  PREFACE,
  RawClient,
  settings,
  until,
  windowUpdate,
} from './frames.ts'

/** What an exchange would be: notes what it is told, and answers as the test says. */
class Probe implements ClientEvents {
  readonly ex: Exchange
  readonly stream: ClientStream
  readonly body: Buffer[] = []
  trailers: HeaderList | null = null
  requestEnded = false
  drains = 0
  errors: WeirError[] = []
  done = 0
  accept = true
  onBody: (() => void) | null = null
  onEnd: (() => void) | null = null

  constructor(ex: Exchange, stream: ClientStream) {
    this.ex = ex
    this.stream = stream
  }
  onRequestData(chunk: Buffer): boolean {
    this.body.push(chunk)
    this.onBody?.()
    return this.accept
  }
  onRequestEnd(trailers: HeaderList | null): void {
    this.requestEnded = true
    this.trailers = trailers
    this.onEnd?.()
  }
  onClientDrain(): void {
    this.drains++
  }
  onClientError(error: WeirError): void {
    this.errors.push(error)
  }
  onClientDone(): void {
    this.done++
  }
  answer(text: string, headers: HeaderList = [], status = 200): void {
    this.stream.head({ status, reason: '', headers, version: 11, bodyLength: Buffer.byteLength(text) })
    this.stream.data(Buffer.from(text))
    this.stream.end(null)
  }
}

interface Box {
  port: number
  probes: Probe[]
  refused: WeirError[]
  closed: (WeirError | null)[]
  servers: { drain(): void; destroy(): void }[]
}

interface How {
  onRequest?: (probe: Probe) => void
  onRefused?: (error: WeirError) => LocalReply | null
  limits?: Partial<HttpLimits>
  secure?: tls.TlsOptions
}

async function box(t: ExecutionContext, how: How = {}): Promise<Box> {
  const out: Box = { port: 0, probes: [], refused: [], closed: [], servers: [] }
  const serve = (socket: net.Socket): void => {
    const facts = { clientAddr: '::1', clientPort: 1, dstAddr: '::1', dstPort: 80, ingress: 'test', startedMono: 0 }
    const server = serveH2({
      conn: new Conn({ id: 'c', startedAt: 0, ...facts }),
      socket,
      scheme: how.secure === undefined ? 'http' : 'https',
      limits: { ...DEFAULT_LIMITS, ...how.limits },
      now: Date.now,
      onRequest(ex, stream) {
        const probe = new Probe(ex, stream)
        out.probes.push(probe)
        how.onRequest?.(probe)
        return probe
      },
      onRefused(error) {
        out.refused.push(error)
        return how.onRefused?.(error) ?? null
      },
      onClosed: error => out.closed.push(error),
    })
    out.servers.push(server)
  }
  // As peek does: read the first bytes, then give them back.
  const peeked = (socket: net.Socket): void => {
    socket.on('error', () => {})
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null
      if (first !== null) socket.unshift(first)
      serve(socket)
    })
  }
  // As the real listener: a spliced connection may be closed on one side
  const half = { allowHalfOpen: true }
  const server = how.secure ? tls.createServer({ ...how.secure, ...half }, serve) : net.createServer(half, peeked)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  out.port = (server.address() as net.AddressInfo).port
  t.teardown(() => {
    for (const one of out.servers) one.destroy()
    server.close()
  })
  return out
}

function connect(t: ExecutionContext, b: Box, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${b.port}`, options)
  session.on('error', () => {})
  t.teardown(() => session.destroy())
  return session
}

async function answerOf(stream: http2.ClientHttp2Stream): Promise<{ raw: string[]; text: string }> {
  const [, , raw] = (await once(stream, 'response')) as [unknown, unknown, string[]]
  let text = ''
  for await (const chunk of stream) text += chunk
  return { raw, text }
}

test('prior knowledge with pushed-back bytes: the request arrives as a head, the answer as sent', async t => {
  const b = await box(t, {
    onRequest: p => p.answer('hello', ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']),
  })
  const request = connect(t, b).request([
    ':method',
    'GET',
    ':path',
    '/x?y=z',
    ':authority',
    'A.test:81',
    'x-b',
    '1',
    'x-a',
    '2',
    'x-b',
    '3',
    'cookie',
    'c=1',
    'cookie',
    'd=2',
  ] as never)
  const { raw, text } = await answerOf(request)
  t.is(text, 'hello')
  const expected = [':status', '200', 'content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2']
  t.deepEqual(raw, [...expected, 'content-length', '5'])
  const { request: head } = b.probes[0]!.ex
  t.deepEqual(head, {
    method: 'GET',
    scheme: 'http',
    host: 'a.test',
    port: 81,
    path: '/x?y=z',
    headers: ['x-b', '1', 'x-a', '2', 'x-b', '3', 'cookie', 'c=1; d=2'],
    version: 20,
    bodyLength: 0,
    expectContinue: false,
    upgrade: null,
  })
  await until(() => b.probes[0]!.done === 1)
  t.is(b.probes[0]!.errors.length, 0)
})

test('a body in both directions, with trailers, 1xx and unknown length', async t => {
  const b = await box(t, {
    onRequest: p => {
      p.stream.informational(103, ['Link', '</a>; rel=preload', 'Link', '</b>; rel=preload'])
      p.onEnd = () => {
        p.stream.head({ status: 200, reason: '', headers: [], version: 11, bodyLength: -1 })
        for (const chunk of p.body) p.stream.data(chunk)
        p.stream.end(['X-Sum', '1', 'X-Sum', '2'])
      }
      process.nextTick(() => p.stream.resumeBody())
    },
  })
  const request = connect(t, b).request({ ':method': 'POST' }, { waitForTrailers: true })
  request.on('wantTrailers', () => request.sendTrailers({ 'x-in': 'yes' }))
  const interim = once(request, 'headers')
  const trailers = once(request, 'trailers')
  request.end(Buffer.alloc(300_000, 'a'))
  const { raw, text } = await answerOf(request)
  t.is(text.length, 300_000)
  t.false(raw.includes('content-length'))
  const [info, , rawInfo] = (await interim) as [http2.IncomingHttpHeaders, unknown, string[]]
  t.is(Number(info[':status']), 103)
  t.is(rawInfo.filter(x => x === 'link').length, 2)
  t.deepEqual(((await trailers) as [unknown, unknown, string[]])[2], ['x-sum', '1', 'x-sum', '2'])
  t.deepEqual(b.probes[0]!.trailers, ['x-in', 'yes'])
  t.is(b.probes[0]!.ex.request.bodyLength, -1)
  await until(() => b.probes[0]!.done === 1)
})

test('HEAD, 204 and 304 have no body; HEAD keeps the length; connection fields and controls never leave', async t => {
  const headers = (): HeaderList => [
    'Connection',
    'x',
    'Transfer-Encoding',
    'chunked',
    'Keep-Alive',
    '1',
    'X-Ok',
    '1',
    'X-Bad',
    'a\0b',
  ]
  const b = await box(t, {
    onRequest: p => {
      const status = Number(p.ex.request.path.slice(1))
      p.stream.head({ status, reason: '', headers: headers(), version: 11, bodyLength: status === 200 ? 7 : 0 })
      p.stream.data(Buffer.from('1234567'))
      p.stream.end(null)
    },
  })
  const session = connect(t, b)
  for (const [method, status, length] of [
    ['HEAD', 200, ['content-length', '7']],
    ['GET', 204, []],
    ['GET', 304, []],
  ] as const) {
    const { raw, text } = await answerOf(session.request({ ':method': method, ':path': `/${status}` }))
    t.deepEqual(raw, [':status', String(status), 'x-ok', '1', ...length])
    t.is(text, '')
  }
})

function temporaryDir(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'weir-h2-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  return dir
}

function selfSigned(dir: string): tls.TlsOptions {
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')]
  const req = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout ${key} -out ${cert}`
  execFileSync('openssl', req.split(' '), { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ['h2'] }
}

test('over TLS with ALPN, curl and nghttp get their answers', async t => {
  const dir = temporaryDir(t)
  const b = await box(t, {
    secure: selfSigned(dir),
    onRequest: p => {
      p.onEnd = () => p.answer(`${p.ex.request.method} ${p.ex.request.scheme} ${Buffer.concat(p.body).length}`)
      process.nextTick(() => p.stream.resumeBody())
    },
  })
  const run = promisify(execFile)
  const url = `https://localhost:${b.port}/`
  const curl = [
    '-sk',
    '--http2',
    '-w',
    ' %{http_version} %{http_code}',
    '--connect-to',
    `localhost:${b.port}:127.0.0.1:${b.port}`,
  ]
  t.is((await run('curl', [...curl, url])).stdout, 'GET https 0 2 200')
  const file = path.join(dir, 'body')
  writeFileSync(file, Buffer.alloc(3_000_000))
  t.is((await run('curl', [...curl, '--data-binary', `@${file}`, url])).stdout, 'POST https 3000000 2 200')
  t.is((await run('curl', [...curl, '-I', '-o', '/dev/null', url])).stdout, ' 2 200')
  const many = await run('nghttp', ['-ns', '-m', '20', url])
  t.regex(many.stdout, /200/)
})

test('a reader that takes nothing stops the sender in bounded memory, and does not stall its neighbour', async t => {
  let stopped = 0
  const b = await box(t, {
    onRequest: p => {
      if (p.ex.request.path === '/small') return p.answer('quick')
      p.stream.head({ status: 200, reason: '', headers: [], version: 11, bodyLength: -1 })
      const chunk = Buffer.alloc(65536)
      let sent = 0
      while (p.stream.data(chunk) && sent < 1000) sent++
      stopped = sent
      return undefined
    },
  })
  const session = connect(t, b)
  const slow = session.request({ ':path': '/big' })
  slow.on('error', () => {})
  await once(slow, 'response')
  t.true(stopped < 4, `took ${stopped} chunks`)
  t.is((await answerOf(session.request({ ':path': '/small' }))).text, 'quick')
  slow.close(http2.constants.NGHTTP2_CANCEL)
  await until(() => b.probes[0]!.errors.length === 1)
  t.is(b.probes[0]!.errors[0]!.code, 'client-gone')
})

test('an upload nobody reads stops at the window; the neighbours go on; resuming lets it pass', async t => {
  const b = await box(t, {
    onRequest: p => {
      if (p.ex.request.method === 'GET') p.answer('quick')
      else p.accept = false
    },
  })
  const session = connect(t, b)
  const upload = session.request({ ':method': 'POST', ':path': '/up' })
  upload.on('error', () => {})
  const size = 2_000_000
  upload.end(Buffer.alloc(size))
  await new Promise(resolve => setTimeout(resolve, 300))
  t.true(upload.bufferSize > size - 700_000, 'more than the window was taken')
  t.is((await answerOf(session.request({ ':path': '/' }))).text, 'quick')
  const p = b.probes[0]!
  p.stream.resumeBody()
  await until(() => p.body.length === 1)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.is(p.body.length, 1, 'paused again after a refused chunk')
  p.accept = true
  p.stream.resumeBody()
  await until(() => p.requestEnded)
  t.is(Buffer.concat(p.body).length, size)
  p.answer('thanks')
  t.is((await answerOf(upload)).text, 'thanks')
})

test('an answer before the end of the upload is delivered whole, then the upload is refused', async t => {
  for (const bodyLength of [5, -1]) {
    const b = await box(t, {
      onRequest: p => {
        p.stream.head({ status: 413, reason: '', headers: [], version: 11, bodyLength })
        p.stream.data(Buffer.from('large'))
        p.stream.end(bodyLength === -1 ? ['x-t', '1'] : null)
      },
    })
    const upload = connect(t, b).request({ ':method': 'POST' })
    upload.on('error', () => {})
    upload.write(Buffer.alloc(100_000))
    const { raw, text } = await answerOf(upload)
    t.is(raw[1], '413')
    t.is(text, 'large')
    await until(() => b.probes[0]!.done === 1)
    await until(() => upload.destroyed)
    t.is(upload.rstCode, http2.constants.NGHTTP2_NO_ERROR)
  }
})

test('abort cuts the stream off visibly and only that', async t => {
  const b = await box(t, {
    onRequest: p => {
      if (p.ex.request.path === '/ok') return p.answer('fine')
      p.stream.head({ status: 200, reason: '', headers: [], version: 11, bodyLength: -1 })
      p.stream.data(Buffer.from('half'))
      setTimeout(() => p.stream.abort(new WeirError('origin-cut-off')), 50)
      return undefined
    },
  })
  const session = connect(t, b)
  const cut = session.request({ ':path': '/cut' })
  const failed = once(cut, 'error')
  cut.resume()
  await failed
  t.is(cut.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR)
  t.is((await answerOf(session.request({ ':path': '/ok' }))).text, 'fine')
  t.deepEqual([b.probes[0]!.errors.length, b.probes[0]!.done], [0, 0])
})

test('a cut-off answer never carries END_STREAM, whoever cuts it', async t => {
  const b = await box(t, {
    limits: { writeProgressMs: 300 },
    onRequest: p => {
      const abort = p.ex.request.path === '/abort'
      p.stream.head({ status: 200, reason: '', headers: [], version: 11, bodyLength: abort ? 10 : 500_000 })
      p.stream.data(Buffer.alloc(abort ? 4 : 500_000))
      if (abort) setTimeout(() => p.stream.abort(new WeirError('origin-cut-off')), 50)
    },
  })
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  raw.socket.write(headersFrame(1, get('/abort'), true))
  raw.socket.write(headersFrame(3, get('/stall'), true))
  await until(() => raw.heard.resets.length === 2)
  t.deepEqual(
    raw.heard.resets.map(r => r.id),
    [1, 3],
  )
  t.deepEqual(raw.heard.ends, [])
})

test('a client that vanishes tells every exchange once, and the connection ends', async t => {
  const b = await box(t)
  const session = connect(t, b)
  for (let i = 0; i < 5; i++) session.request({ ':path': `/${i}` }).on('error', () => {})
  await until(() => b.probes.length === 5)
  session.socket.destroy()
  session.destroy()
  await until(() => b.closed.length === 1)
  t.deepEqual(
    b.probes.map(p => p.errors.map(e => e.code)),
    Array(5).fill(['client-gone']),
  )
})

const malformed: [string, Fields][] = [
  ['upper-case name', [...get(), ['X-Up', '1']]],
  ['Connection', [...get(), ['connection', 'close']]],
  ['Transfer-Encoding', [...get(), ['transfer-encoding', 'chunked']]],
  ['Upgrade', [...get(), ['upgrade', 'websocket']]],
  ['TE other than trailers', [...get(), ['te', 'gzip']]],
  ['signed length', [...get(), ['content-length', '+5']]],
  ['two lengths', [...get(), ['content-length', '0'], ['content-length', '5']]],
  ['length without body', [...get(), ['content-length', '5']]],
  ['double pseudo field', [...get(), [':path', '/b']]],
  ['late pseudo field', [...get().slice(0, 3), ['a', 'b'], [':path', '/']]],
  ['unknown pseudo field', [...get(), [':x', '1']]],
  ['no path', get().slice(0, 3)],
  ['space in path', get('/a b')],
  ['relative path', get('a')],
  ['fragment', get('/a#b')],
  ['star with GET', get('*')],
  ['userinfo', get('/', 'u@a.test')],
  ['bad port', get('/', 'a.test:x')],
  ['empty authority', get('/', '')],
  ['another Host', [...get(), ['host', 'b.test']]],
  ['two Hosts', [...get(), ['host', 'a.test'], ['host', 'b.test']]],
  [
    'another scheme',
    [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', 'a.test'],
      [':path', '/'],
    ],
  ],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'a.test:443'],
    ],
  ],
]

for (const [name, fields] of malformed) {
  test(`malformed, reset and never an exchange: ${name}`, async t => {
    const b = await box(t)
    const raw = new RawClient(b.port)
    t.teardown(() => raw.socket.destroy())
    raw.socket.write(headersFrame(1, fields, true))
    raw.socket.write(headersFrame(3, get('/next'), true))
    await until(() => b.probes.length === 1)
    t.is(b.probes[0]!.ex.request.path, '/next')
    await until(() => raw.heard.resets.length === 1)
    t.deepEqual(raw.heard.resets, [{ id: 1, code: http2.constants.NGHTTP2_PROTOCOL_ERROR }])
  })
}

test('fields that would split a message elsewhere reach nobody', async t => {
  const b = await box(t)
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  const bad: Fields = [
    ['x-a', 'a\r\nb: c'],
    ['x-b', 'a\0b'],
    ['x c', '1'],
    ['x-d', 'a\x7fb'],
    ['x-ok', 'caf\xe9'],
  ]
  raw.socket.write(headersFrame(1, [...get(), ...bad], true))
  await until(() => b.probes.length === 1)
  t.deepEqual(b.probes[0]!.ex.request.headers, ['x-ok', 'caf\xe9'])
})

test('a body that belies its length is a client error', async t => {
  const b = await box(t, { onRequest: p => process.nextTick(() => p.stream.resumeBody()) })
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  const fields: Fields = [[':method', 'POST'], ...get().slice(1), ['content-length', '5']]
  raw.socket.write(headersFrame(1, fields, false))
  raw.socket.write(frame(0, 1, 1, Buffer.from('abc')))
  await until(() => b.probes[0]?.errors.length === 1)
  t.is(b.probes[0]!.errors[0]!.code, 'client-bad-request')
  t.false(b.probes[0]!.requestEnded)
})

test('too long a target: 414 with a page', async t => {
  const b = await box(t, {
    limits: { maxTargetBytes: 100 },
    onRefused: error => ({ status: error.status, headers: ['X-Why', error.code], body: Buffer.from('page') }),
  })
  const session = connect(t, b)
  const path = `/${'a'.repeat(100)}`
  const long = await answerOf(session.request({ ':authority': 'a.test', ':path': path }))
  t.deepEqual(long.raw, [':status', '414', 'x-why', 'client-target-too-long', 'content-length', '4'])
  t.is(long.text, 'page')
  const head = await answerOf(session.request({ ':authority': 'a.test', ':path': path, ':method': 'HEAD' }))
  t.is(head.text, '')
  t.is(b.probes.length, 0)
})

test('cap: streams at once', async t => {
  const b = await box(t)
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  for (let i = 0; i < 130; i++) raw.socket.write(headersFrame(1 + 2 * i, get(`/${i}`), true))
  await until(() => raw.heard.resets.length === 30)
  t.is(b.probes.length, 100)
  t.true(raw.heard.resets.every(r => r.code === http2.constants.NGHTTP2_REFUSED_STREAM))
})

test('cap: rapid resets end the connection', async t => {
  const b = await box(t)
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  for (let i = 0; i < 1000; i++) {
    const id = 1 + 2 * i
    raw.socket.write(Buffer.concat([headersFrame(id, get(), true), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]))
  }
  await until(() => b.closed.length === 1)
  t.is(b.closed[0]?.code, 'client-bad-request')
  t.true(b.probes.length < 1000)
})

test('cap: field lines, and bytes of fields', async t => {
  const b = await box(t, { limits: { maxHeaders: 50 } })
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  const many: Fields = Array.from({ length: 60 }, (_, i) => [`x-${i}`, '1'])
  raw.socket.write(headersFrame(1, [...get(), ...many], true))
  await until(() => raw.heard.resets.length === 1)
  t.is(raw.heard.resets[0]!.code, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
  // In several frames, before the settings are acknowledged; then one value that is too large for nghttp2 itself
  const large: Fields = Array.from({ length: 8 }, (_, i) => [`y-${i}`, 'a'.repeat(15_000)])
  raw.socket.write(longHeaders(3, [...get(), ...large]))
  await until(() => b.refused.length === 1)
  t.is(b.refused[0]!.code, 'client-head-too-large')
  raw.socket.write(longHeaders(5, [...get(), ['x', 'a'.repeat(70_000)]]))
  await until(() => b.closed.length === 1)
  t.is(b.closed[0]?.code, 'client-bad-request')
  t.is(b.probes.length, 0)
})

test('cap: unanswered settings and pings', async t => {
  for (const flood of [frame(4, 0, 0), frame(6, 0, 0, Buffer.alloc(8))]) {
    const b = await box(t)
    const raw = new RawClient(b.port)
    t.teardown(() => raw.socket.destroy())
    raw.socket.pause()
    const many = Buffer.concat(Array(20_000).fill(flood))
    const before = process.memoryUsage().rss
    for (let i = 0; i < 100 && !raw.socket.destroyed; i++) raw.socket.write(many)
    await new Promise(resolve => setTimeout(resolve, 500))
    raw.socket.resume()
    await until(() => b.closed.length === 1)
    t.true(process.memoryUsage().rss - before < 200 * 1024 * 1024)
    t.not(b.closed[0], null)
  }
})

test('garbage after the preface ends the connection with an error', async t => {
  const b = await box(t)
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  raw.socket.write(Buffer.alloc(100, 'x'))
  await until(() => b.closed.length === 1)
  t.is(b.closed[0]?.code, 'client-bad-request')
})

test('time: no first request, and idleness between requests, end the connection', async t => {
  const b = await box(t, { limits: { headMs: 200, idleMs: 300, lingerMs: 200 }, onRequest: p => p.answer('x') })
  const silent = net.connect(b.port, '127.0.0.1')
  silent.on('error', () => {})
  silent.write(PREFACE)
  silent.pause() // never answers the FIN either
  await until(() => b.closed.length === 1)
  const session = connect(t, b)
  await answerOf(session.request({}))
  await until(() => b.closed.length === 2)
  t.deepEqual(b.closed, [null, null])
  silent.destroy()
})

test('time: a body that trickles in is given up', async t => {
  const b = await box(t, {
    limits: { bodyProgressMs: 300, minBodyBytes: 100 },
    onRequest: p => process.nextTick(() => p.stream.resumeBody()),
  })
  const upload = connect(t, b).request({ ':method': 'POST' })
  upload.on('error', () => {})
  const timer = setInterval(() => upload.write('x'), 100)
  t.teardown(() => clearInterval(timer))
  await until(() => b.probes[0]?.errors.length === 1)
  t.is(b.probes[0]!.errors[0]!.code, 'client-timeout')
})

test('time: a client that stops reading is given up, before and after the end of the answer', async t => {
  for (const ends of [false, true]) {
    const b = await box(t, {
      limits: { writeProgressMs: 300 },
      onRequest: p => {
        p.stream.head({ status: 200, reason: '', headers: [], version: 11, bodyLength: -1 })
        p.stream.data(Buffer.alloc(500_000))
        if (ends) p.stream.end(null)
      },
    })
    const slow = connect(t, b).request({})
    slow.on('error', () => {})
    await once(slow, 'response')
    const p = b.probes[0]!
    await until(() => p.errors.length + p.done === 1)
    t.deepEqual(
      p.errors.map(e => e.code),
      ends ? [] : ['client-slow-reader'],
    )
    await until(() => slow.destroyed)
  }
})

test('time: a window that opens byte by byte buys no time, and neither does a socket that takes nothing', async t => {
  const b = await box(t, {
    limits: { writeProgressMs: 600 },
    onRequest: p => p.answer('a'.repeat(100_000)),
  })
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  raw.socket.write(Buffer.concat([settings([4, 0]), headersFrame(1, get(), true)]))
  const timer = setInterval(() => raw.socket.write(windowUpdate(1, 1)), 100)
  t.teardown(() => clearInterval(timer))
  await until(() => raw.heard.resets.length === 1)
  t.is(b.probes[0]!.done, 1)
})

test('time: answers that are heads alone and are not read are given up too', async t => {
  const many: HeaderList = Array.from({ length: 40 }, (_, i) =>
    i % 2 === 0 ? `x-${i}` : randomBytes(750).toString('hex'),
  )
  const b = await box(t, {
    limits: { writeProgressMs: 600, headMs: 300, idleMs: 300, lingerMs: 300 },
    onRequest: p => {
      p.stream.head({ status: 204, reason: '', headers: [...many], version: 11, bodyLength: 0 })
      p.stream.end(null)
    },
  })
  const raw = new RawClient(b.port)
  t.teardown(() => raw.socket.destroy())
  raw.socket.pause()
  // More than the kernel keeps, and never so many at once that some are refused for it
  for (let batch = 0; batch < 6 && b.probes.every(p => p.done === 1); batch++) {
    for (let i = 0; i < 90; i++) raw.socket.write(headersFrame(1 + 2 * (90 * batch + i), get(), true))
    await until(() => b.probes.length === 90 * (batch + 1))
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  t.true(
    b.probes.some(p => p.done === 0),
    'the socket took everything',
  )
  await until(() => b.closed.length === 1)
  t.true(b.probes.every(p => p.done + p.errors.length === 1))
})

for (const secure of [false, true]) {
  test(`the FIN of a client ends its connection and what runs on it (TLS: ${secure})`, async t => {
    const b = await box(t, secure ? { secure: selfSigned(temporaryDir(t)) } : {})
    const open = async (): Promise<net.Socket> => {
      const to = { port: b.port, host: '127.0.0.1', allowHalfOpen: true }
      const socket = secure ? tls.connect({ ...to, ALPNProtocols: ['h2'], rejectUnauthorized: false }) : net.connect(to)
      t.teardown(() => socket.destroy())
      socket.write(PREFACE)
      await once(socket, 'data')
      return socket.resume()
    }
    const idle = await open()
    idle.end()
    await until(() => b.closed.length === 1)
    const busy = await open()
    const scheme = secure ? 'https' : 'http'
    const fields = get().map(([name, value]): [string, string] => [name, name === ':scheme' ? scheme : value])
    busy.end(headersFrame(1, fields, true))
    await until(() => b.closed.length === 2)
    t.deepEqual(b.closed, [null, null])
    t.deepEqual(
      b.probes[0]!.errors.map(e => e.code),
      ['client-gone'],
    )
  })
}

test('a socket that is gone already is told at once', async t => {
  const b = await box(t)
  const raw = new RawClient(b.port)
  await until(() => b.servers.length === 1)
  raw.socket.destroy()
  await until(() => b.closed.length === 1)
  const dead = new net.Socket()
  dead.destroy()
  await once(dead, 'close')
  t.is((await closingOf(dead))?.code, 'client-gone')
})

function closingOf(socket: net.Socket): Promise<WeirError | null> {
  const facts = { clientAddr: '::1', clientPort: 1, dstAddr: '::1', dstPort: 80, ingress: 'test', startedMono: 0 }
  const conn = new Conn({ id: 'c', startedAt: 0, ...facts })
  return new Promise((resolve, reject) => {
    const onRequest = (): never => {
      throw new Error('a request on a dead socket')
    }
    setTimeout(reject, 3000, new Error('never told')).unref()
    const place = { scheme: 'http', sni: null, limits: DEFAULT_LIMITS, now: Date.now } as const
    serveH2({ conn, socket, ...place, onRequest, onRefused: () => null, onClosed: resolve })
  })
}

test('drain finishes what runs and takes nothing new', async t => {
  const b = await box(t)
  const session = connect(t, b)
  const running = session.request({ ':path': '/running' })
  await until(() => b.probes.length === 1)
  b.servers[0]!.drain()
  await once(session, 'goaway')
  const late = session.request({ ':path': '/late' })
  const failed = once(late, 'error')
  b.probes[0]!.answer('still here')
  t.is((await answerOf(running)).text, 'still here')
  await failed
  await until(() => b.closed.length === 1)
  t.deepEqual([b.closed[0], b.probes.length], [null, 1])
})
