import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { WeirError } from '../../../../src/core/errors.ts'
import { UNKNOWN_LENGTH } from '../../../../src/core/exchange.ts'
import { serveH1 } from '../../../../src/http/h1/server.ts'
import { DEFAULT_LIMITS } from '../../../../src/http/limits.ts'
import { answer, conn, countWrites, Peer, Seen, until } from './_wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'weir-h1-'))
const pem = (name: string) => join(dir, name)
execFileSync(
  'openssl',
  `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=www.example.org -keyout ${pem('k')} -out ${pem('c')}`.split(
    ' ',
  ),
  { stdio: 'ignore' },
)
const secureContext = tls.createSecureContext({ key: readFileSync(pem('k')), cert: readFileSync(pem('c')) })
test.after.always(() => rmSync(dir, { recursive: true }))

interface Served {
  peer: Peer
  seen: Seen[]
  writes: number[]
  closed: (string | null)[]
}

async function serve(act: (seen: Seen) => void): Promise<Served> {
  const self: Served = { peer: undefined as never, seen: [], writes: [], closed: [] }
  const listener = net.createServer({ allowHalfOpen: true }, raw => {
    const socket = new tls.TLSSocket(raw, { isServer: true, secureContext })
    self.writes = countWrites(socket)
    serveH1({
      conn: conn(socket),
      socket,
      raw,
      scheme: 'https',
      sni: 'www.example.org',
      limits: DEFAULT_LIMITS,
      now: Date.now,
      onRequest: (ex, stream) => {
        const seen = new Seen(ex, stream)
        self.seen.push(seen)
        act(seen)
        return seen
      },
      onRefused: () => null,
      onClosed: error => self.closed.push(error?.code ?? null),
    })
  })
  listener.unref()
  await new Promise<void>(done => listener.listen(0, '127.0.0.1', done))
  const { port } = listener.address() as AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'www.example.org' })
  socket.allowHalfOpen = true
  await new Promise(done => socket.once('secureConnect', done))
  listener.close()
  self.peer = new Peer(socket)
  return self
}

const get = (path: string, host = 'www.example.org') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

test('over TLS: one write an answer, keep-alive; another Host is told as it is', async t => {
  const s = await serve(seen => seen.reply(200, 'x'.repeat(1024)))
  for (let i = 1; i <= 2; i++) {
    s.peer.send(get('/'))
    await until(() => s.seen.length === i && s.seen[i - 1]!.done === 1)
    t.is(s.writes.length, i)
  }
  t.is(s.seen[0]!.ex.request.port, 443)
  s.peer.send(get('/', 'other.example.org'))
  await until(() => s.seen.length === 3)
  t.is(s.seen[2]!.ex.request.host, 'other.example.org')
  s.peer.socket.destroy()
})

test('over TLS: large bodies arrive whole with back-pressure', async t => {
  const chunk = Buffer.alloc(100_000, 'x')
  let sent = 0
  const s = await serve(seen => {
    seen.stream.head(answer(200, UNKNOWN_LENGTH))
    seen.onDrained = () => {
      while (sent < 100) {
        sent++
        if (!seen.stream.data(chunk)) break
      }
      if (sent === 100) seen.stream.end(null)
    }
    seen.onDrained()
  })
  s.peer.send(get('/'))
  await until(() => s.peer.text.endsWith('\r\n0\r\n\r\n'))
  t.is(s.peer.text.split('186a0\r\n').length, 101)
  s.peer.socket.destroy()
})

test('over TLS: a half-closed client gets its answer', async t => {
  const s = await serve(seen => void setTimeout(() => seen.reply(200, 'late'), 30))
  s.peer.send(get('/'))
  s.peer.socket.end()
  await s.peer.ended()
  t.true(s.peer.text.endsWith('late'))
  await until(() => s.closed.length === 1)
  t.deepEqual(s.closed, [null])
})

test('over TLS: abort resets the connection', async t => {
  const s = await serve(seen => {
    seen.stream.head(answer(200, UNKNOWN_LENGTH))
    seen.stream.data(Buffer.from('part'))
    setTimeout(() => seen.stream.abort(new WeirError('origin-cut-off')), 30)
  })
  s.peer.send(get('/'))
  await s.peer.ended()
  t.is(s.peer.end, 'reset')
  t.true(s.peer.text.endsWith('part\r\n'))
  await until(() => s.closed.length === 1)
  t.deepEqual(s.closed, ['origin-cut-off'])
})
