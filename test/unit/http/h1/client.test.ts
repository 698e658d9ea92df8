import net, { type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import test from 'ava'
import type { WeirError } from '../../../../src/core/errors.ts'
import {
  type RequestHead,
  type ResponseHead,
  UNKNOWN_LENGTH,
  type UpstreamConn,
  type UpstreamEvents,
} from '../../../../src/core/exchange.ts'
import type { HeaderList } from '../../../../src/core/headers.ts'
import { connectH1 } from '../../../../src/http/h1/client.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'
import { countWrites, pause, until } from './_wire.ts'

/** Everything an exchange hears, as a list of words, and its body. */
class Heard implements UpstreamEvents {
  said: string[] = []
  head: ResponseHead | null = null
  body = ''
  takes = true
  trailers: HeaderList | null = null
  socket: Duplex | null = null
  onInformational(status: number, headers: HeaderList): void {
    this.said.push(`${status} ${headers.join(',')}`)
  }
  onResponseHead(head: ResponseHead): void {
    this.head = head
    this.said.push(String(head.status))
  }
  onResponseData(chunk: Buffer): boolean {
    this.body += chunk.toString('latin1')
    return this.takes
  }
  onResponseEnd(trailers: HeaderList | null): void {
    this.trailers = trailers
    this.said.push('end')
  }
  onUpstreamError(error: WeirError): void {
    this.said.push(error.code)
  }
  onUpstreamDrain(): void {
    this.said.push('drain')
  }
  onUpgraded(head: ResponseHead, socket: Duplex): void {
    this.head = head
    this.socket = socket
    this.said.push('upgraded')
  }
  get over(): boolean {
    return /^(end|upgraded|origin-|self-|client-)/.test(this.said.at(-1) ?? '')
  }
}

interface Origin {
  conn: UpstreamConn
  socket: Socket
  /** The origin's end of the connection, and what came there. */
  peer: Socket
  got(): string
  writes: number[]
  closed(): number
  available(): number
}

async function origin(limits: Partial<HttpLimits> = {}): Promise<Origin> {
  const listener = net.createServer({ allowHalfOpen: true }).unref()
  const accepted = new Promise<Socket>(done => listener.once('connection', done))
  await new Promise<void>(done => listener.listen(0, '127.0.0.1', done))
  const socket = net.connect((listener.address() as AddressInfo).port, '127.0.0.1')
  const peer = await accepted
  listener.close()
  peer.unref()
  peer.on('error', () => {})
  let text = ''
  peer.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  const writes = countWrites(socket)
  const info = {
    addr: '',
    port: 0,
    verifiedName: null,
    tlsVersion: '',
    cipher: '',
    alpn: '',
    exception: '',
    revocation: '',
    covers: null,
    connectMs: 0,
    tlsMs: 0,
  }
  const conn = connectH1(socket, info, { ...DEFAULT_LIMITS, ...limits })
  let closed = 0
  let available = 0
  conn.onClosed = () => closed++
  conn.onAvailable = () => available++
  return { conn, socket, peer, got: () => text, writes, closed: () => closed, available: () => available }
}

function ask(init: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    scheme: 'http',
    host: 'example.org',
    port: 80,
    path: '/',
    headers: ['Host', 'example.org'],
    version: 11,
    bodyLength: 0,
    expectContinue: false,
    upgrade: null,
    ...init,
  }
}

test('requests are written as they were asked for, in one write', async t => {
  const cases: [Partial<RequestHead>, string][] = [
    [
      { headers: ['A', '1', 'hOST', 'Example.org', 'a', '2'] },
      'GET / HTTP/1.1\r\nA: 1\r\nhOST: Example.org\r\na: 2\r\n\r\n',
    ],
    [
      { headers: ['A', '\xe4'], method: 'bRew', path: '/\xff' },
      'bRew /\xff HTTP/1.1\r\nHost: example.org\r\nA: \xe4\r\n\r\n',
    ],
    [{ headers: [], port: 8080 }, 'GET / HTTP/1.1\r\nHost: example.org:8080\r\n\r\n'],
    [{ headers: [], host: '::1', port: 443, scheme: 'https' }, 'GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n'],
    [{ headers: ['host', 'evil', 'A', '1'], version: 20 }, 'GET / HTTP/1.1\r\nHost: example.org\r\nA: 1\r\n\r\n'],
    [{ headers: ['Host', 'a', 'Host', 'b'] }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    [
      { headers: ['Host', 'a', 'TE', 'trailers'] },
      'GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n',
    ],
    [
      {
        headers: ['Host', 'a', 'Content-Length', '7', 'Transfer-Encoding', 'x', 'Connection', 'close'],
        method: 'POST',
      },
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    ],
    [
      { upgrade: 'websocket' },
      'GET / HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
  ]
  for (const [init, text] of cases) {
    const o = await origin()
    o.conn.send(ask(init), new Heard()).end(null)
    await until(() => o.got().length >= text.length)
    t.is(o.got(), text)
    t.is(o.writes.length, 1)
    o.conn.destroy()
  }
})

test('bodies: head and first bytes in one write; length, chunked, trailers', async t => {
  const o = await origin()
  const sized = new Heard()
  const first = o.conn.send(ask({ method: 'PUT', bodyLength: 5 }), sized)
  first.data(Buffer.from('hello'))
  first.end(null)
  await until(() => o.got().endsWith('Content-Length: 5\r\n\r\nhello'))
  t.is(o.writes.length, 1)
  o.peer.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  await until(() => sized.over)
  const chunked = new Heard()
  const second = o.conn.send(ask({ method: 'PUT', bodyLength: UNKNOWN_LENGTH }), chunked)
  second.data(Buffer.from('hello'))
  second.data(Buffer.alloc(0))
  second.end(['T', 'v'])
  await until(() => o.got().endsWith('Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: v\r\n\r\n'))
  t.is(o.writes.length, 2)
  const later = await origin()
  const third = later.conn.send(ask({ method: 'PUT', bodyLength: UNKNOWN_LENGTH }), new Heard())
  await until(() => later.got().endsWith('\r\n\r\n'))
  third.data(Buffer.from('x'))
  await until(() => later.got().endsWith('1\r\nx\r\n'))
  o.conn.destroy()
  later.conn.destroy()
  t.pass()
})

interface Case {
  name: string
  method?: string
  sends: string
  fin?: boolean
  said: string[]
  /** null: however much of it came before the error. */
  body?: string | null
  /** May the connection be used again? */
  kept: boolean
  length?: number
}

const OK = 'HTTP/1.1 200 OK\r\n'
const cases: Case[] = [
  {
    name: 'length',
    sends: `${OK}Content-Length: 2\r\n\r\nab`,
    said: ['200', 'end'],
    body: 'ab',
    kept: true,
    length: 2,
  },
  { name: 'no body', sends: `${OK}Content-Length: 0\r\n\r\n`, said: ['200', 'end'], kept: true, length: 0 },
  {
    name: 'chunked',
    sends: `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1;x=y\r\nb\r\n0\r\nT: v\r\n\r\n`,
    said: ['200', 'end'],
    body: 'ab',
    kept: true,
    length: -1,
  },
  { name: 'until close', sends: `${OK}\r\nab`, fin: true, said: ['200', 'end'], body: 'ab', kept: false, length: -1 },
  {
    name: 'HEAD',
    method: 'HEAD',
    sends: `${OK}Content-Length: 9\r\n\r\n`,
    said: ['200', 'end'],
    kept: true,
    length: 9,
  },
  {
    name: 'HEAD chunked',
    method: 'HEAD',
    sends: `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    said: ['200', 'end'],
    kept: true,
    length: -1,
  },
  { name: '204', sends: 'HTTP/1.1 204 No Content\r\n\r\n', said: ['204', 'end'], kept: true, length: 0 },
  {
    name: '304 with a length',
    sends: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    said: ['304', 'end'],
    kept: true,
    length: 5,
  },
  {
    name: 'interims',
    sends: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 0\r\n\r\n`,
    said: ['100 ', '103 Link,x', '200', 'end'],
    kept: true,
  },
  {
    name: 'Connection: close',
    sends: `${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`,
    said: ['200', 'end'],
    kept: false,
  },
  { name: 'HTTP/1.0', sends: 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', said: ['200', 'end'], kept: false },
  {
    name: 'HTTP/1.0 keep-alive',
    sends: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
    said: ['200', 'end'],
    kept: true,
  },
  {
    name: 'bytes after a 204',
    sends: 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n',
    said: ['204', 'end'],
    kept: false,
  },
  { name: 'bytes after a 304', sends: 'HTTP/1.1 304 Not Modified\r\n\r\nevil', said: ['304', 'end'], kept: false },
  {
    name: 'bytes after a HEAD',
    method: 'HEAD',
    sends: `${OK}Content-Length: 4\r\n\r\nevil`,
    said: ['200', 'end'],
    kept: false,
  },
  {
    name: 'bytes after a length',
    sends: `${OK}Content-Length: 2\r\n\r\nabevil`,
    said: ['200', 'end'],
    body: 'ab',
    kept: false,
  },
  { name: 'two responses', sends: `${OK}Content-Length: 0\r\n\r\n`.repeat(2), said: ['200', 'end'], kept: false },
  { name: 'nothing', sends: '', fin: true, said: ['origin-reset'], kept: false },
  { name: 'half a head', sends: 'HTTP/1.1 200', fin: true, said: ['origin-cut-off'], kept: false },
  {
    name: 'cut in a length',
    sends: `${OK}Content-Length: 5\r\n\r\nab`,
    fin: true,
    said: ['200', 'origin-cut-off'],
    body: 'ab',
    kept: false,
  },
  {
    name: 'cut in chunks',
    sends: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nab`,
    fin: true,
    said: ['200', 'origin-cut-off'],
    body: 'ab',
    kept: false,
  },
  {
    name: 'cut before the last chunk',
    sends: `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`,
    fin: true,
    said: ['200', 'origin-cut-off'],
    body: 'ab',
    kept: false,
  },
  {
    name: 'bad chunk',
    sends: `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabX`,
    said: ['200', 'origin-bad-response'],
    body: null,
    kept: false,
  },
  {
    name: 'both framings',
    sends: `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n`,
    said: ['origin-bad-response'],
    kept: false,
  },
  {
    name: 'two lengths',
    sends: `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\n`,
    said: ['origin-bad-response'],
    kept: false,
  },
  { name: 'bare LF', sends: 'HTTP/1.1 200 OK\n\n', said: ['origin-bad-response'], kept: false },
  { name: 'leading empty line', sends: `\r\n${OK}\r\n`, said: ['origin-bad-response'], kept: false },
  { name: 'HTTP/0.9', sends: '<html>\r\n\r\n', said: ['origin-bad-response'], kept: false },
  {
    name: 'unasked 101',
    sends: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    said: ['origin-bad-response'],
    kept: false,
  },
  { name: 'a large head', sends: `${OK}X: ${'x'.repeat(110_000)}`, said: ['origin-bad-response'], kept: false },
  {
    name: 'interims without end',
    sends: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(33),
    said: [...Array<string>(32).fill('102 '), 'origin-bad-response'],
    kept: false,
  },
]
test('responses, whole and byte by byte', async t => {
  for (const c of cases) {
    for (const bytewise of [false, true]) {
      if (bytewise && c.sends.length > 1000) continue
      const label = `${c.name}${bytewise ? ', byte by byte' : ''}`
      const o = await origin()
      const heard = new Heard()
      o.conn.send(ask({ method: c.method ?? 'GET' }), heard)
      await until(() => o.got().endsWith('\r\n\r\n'))
      if (bytewise) {
        for (const byte of c.sends) {
          o.peer.write(byte, 'latin1')
          await new Promise(setImmediate)
        }
      } else o.peer.write(c.sends, 'latin1')
      if (c.fin) o.peer.end()
      await until(() => heard.over)
      // Surplus bytes that come later reach an idle connection, which then ends too
      if (!c.kept) await until(() => o.conn.capacity() === 0)
      t.deepEqual(heard.said, c.said, label)
      if (c.body !== null) t.is(heard.body, c.body ?? '', label)
      t.is(o.conn.capacity(), c.kept ? 1 : 0, label)
      if (c.length !== undefined) t.is(heard.head?.bodyLength, c.length, label)
      if (c.kept) {
        t.deepEqual([o.available(), o.conn.reused(), o.closed()], [1, true, 0], label)
        o.conn.close()
      }
      await until(() => o.closed() === 1)
      o.peer.destroy()
    }
  }
})

test('bytes nobody asked for end an idle connection', async t => {
  const o = await origin()
  t.is(o.conn.capacity(), 1)
  t.false(o.conn.reused())
  o.peer.write('HTTP/1.1 408 Request Timeout\r\n\r\n')
  await until(() => o.closed() === 1)
  t.is(o.conn.capacity(), 0)
  const late = new Heard()
  o.conn.send(ask(), late)
  await until(() => late.over)
  t.deepEqual(late.said, ['origin-reset'])
})

test('an origin that resets before it answers is told apart from one that cuts off', async t => {
  const o = await origin()
  const heard = new Heard()
  o.conn.send(ask(), heard)
  await until(() => o.got() !== '')
  o.peer.resetAndDestroy()
  await until(() => heard.over)
  t.deepEqual(heard.said, ['origin-reset'])
  const p = await origin()
  const cut = new Heard()
  p.conn.send(ask(), cut)
  p.peer.write(`${OK}\r\nab`)
  await until(() => cut.body === 'ab')
  p.peer.resetAndDestroy()
  await until(() => cut.over)
  t.deepEqual(cut.said, ['200', 'origin-cut-off'])
})

test('back-pressure on the response: paused until resume, end included', async t => {
  const o = await origin()
  const heard = new Heard()
  heard.takes = false
  const stream = o.conn.send(ask(), heard)
  o.peer.write(`${OK}Content-Length: 8000000\r\n\r\n${'x'.repeat(8_000_000)}`)
  await until(() => heard.body !== '')
  const first = heard.body.length
  await pause(100)
  t.is(heard.body.length, first)
  t.true(o.socket.bytesRead < 1_000_000)
  heard.takes = true
  stream.resume()
  await until(() => heard.over)
  t.is(heard.body.length, 8_000_000)
  o.conn.destroy()
})

test('back-pressure on the request', async t => {
  const o = await origin()
  o.peer.pause()
  const heard = new Heard()
  const stream = o.conn.send(ask({ method: 'POST', bodyLength: UNKNOWN_LENGTH }), heard)
  const chunk = Buffer.alloc(256 * 1024)
  let waits = 0
  for (let i = 0; i < 100; i++) if (!stream.data(chunk)) waits++
  t.true(waits > 90)
  await pause(50)
  t.deepEqual(heard.said, [])
  o.peer.resume()
  await until(() => heard.said.length === 1)
  t.deepEqual(heard.said, ['drain'])
  stream.abort()
  await until(() => o.closed() === 1)
  t.deepEqual(heard.said, ['drain'])
})

test('an early response is delivered; the connection is not used again', async t => {
  const o = await origin()
  const heard = new Heard()
  const stream = o.conn.send(ask({ method: 'POST', bodyLength: 1000 }), heard)
  stream.data(Buffer.from('x'))
  o.peer.write(`${OK}Content-Length: 2\r\n\r\nno`)
  await until(() => heard.over)
  t.deepEqual([heard.said, heard.body], [['200', 'end'], 'no'])
  t.true(stream.data(Buffer.from('y')))
  stream.end(null)
  t.is(o.conn.capacity(), 0)
  await until(() => o.closed() === 1)
})

test('request bodies that do not fit their length end it', async t => {
  for (const body of ['toolong', 'a']) {
    const o = await origin()
    const heard = new Heard()
    const stream = o.conn.send(ask({ method: 'POST', bodyLength: 3 }), heard)
    stream.data(Buffer.from(body))
    stream.end(null)
    t.deepEqual(heard.said, ['self-internal'])
    await until(() => o.closed() === 1)
    t.false(o.got().includes('toolong'))
  }
})

test('upgrade: asked for and confirmed', async t => {
  const o = await origin()
  const heard = new Heard()
  o.conn.send(ask({ upgrade: 'websocket' }), heard)
  o.peer.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: WebSocket\r\nX: y\r\n\r\nfirst')
  await until(() => heard.over)
  t.deepEqual(heard.said, ['upgraded'])
  t.deepEqual([o.closed(), o.conn.capacity()], [1, 0])
  let got = ''
  heard.socket!.on('data', chunk => {
    got += chunk
  })
  heard.socket!.resume()
  o.peer.write(' second')
  await until(() => got === 'first second')
  heard.socket!.destroy()
  for (const upgrade of ['Upgrade: other', 'Upgrade: websocket\r\nUpgrade: websocket', 'X: y']) {
    const p = await origin()
    const wrong = new Heard()
    p.conn.send(ask({ upgrade: 'websocket' }), wrong)
    p.peer.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n${upgrade}\r\n\r\n`)
    await until(() => wrong.over)
    t.deepEqual(wrong.said, ['origin-bad-response'], upgrade)
  }
})

test('an origin may refuse the upgrade and answer', async t => {
  const o = await origin()
  const heard = new Heard()
  o.conn.send(ask({ upgrade: 'websocket' }), heard)
  o.peer.write(`${OK}Content-Length: 0\r\n\r\n`)
  await until(() => heard.over)
  t.deepEqual([heard.said, o.conn.capacity()], [['200', 'end'], 1])
  o.conn.destroy()
})

test('deadlines: no head, silence in a body, a request nobody reads; none while we wait for ourselves', async t => {
  const limits = { responseHeadMs: 300, responseIdleMs: 300, writeProgressMs: 300 }
  const o = await origin(limits)
  const noHead = new Heard()
  o.conn.send(ask(), noHead)
  const p = await origin(limits)
  const silent = new Heard()
  p.conn.send(ask(), silent)
  p.peer.write(`${OK}Content-Length: 5\r\n\r\na`)
  const q = await origin(limits)
  q.peer.pause()
  const unread = new Heard()
  const stream = q.conn.send(ask({ method: 'POST', bodyLength: UNKNOWN_LENGTH }), unread)
  for (let i = 0; i < 100; i++) stream.data(Buffer.alloc(256 * 1024))
  const r = await origin(limits)
  const slowUpload = new Heard()
  const upload = r.conn.send(ask({ method: 'POST', bodyLength: 5 }), slowUpload)
  await until(() => noHead.over && silent.over && unread.over)
  t.deepEqual(
    [noHead.said, silent.said, unread.said],
    [['origin-timeout'], ['200', 'origin-timeout'], ['origin-timeout']],
  )
  await pause(300)
  t.deepEqual(slowUpload.said, [])
  upload.abort()
})

test('an answer slower than a write may stall is waited for', async t => {
  const o = await origin({ writeProgressMs: 300 })
  const heard = new Heard()
  o.conn.send(ask(), heard)
  await pause(800)
  o.peer.write(`${OK}Content-Length: 0\r\n\r\n`)
  await until(() => heard.over)
  t.deepEqual(heard.said, ['200', 'end'])
  o.conn.destroy()
})

test('fields from h2 that would break lines are not written', async t => {
  const o = await origin()
  const heard = new Heard()
  o.conn.send(ask({ version: 20, headers: ['x', 'a\r\nHost: evil'] }), heard)
  t.deepEqual(heard.said, [])
  await until(() => heard.over)
  t.deepEqual(heard.said, ['client-bad-request'])
  t.is(o.got(), '')
})
