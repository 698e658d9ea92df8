import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { WeirError } from '../../../src/core/errors.ts'
import type { UpstreamTarget } from '../../../src/core/exchange.ts'
import { OriginContexts } from '../../../src/tls/origin-contexts.ts'
import { presentedChain } from '../../../src/tls/verify/presented.ts'
import { type DialDeps, dial } from '../../../src/upstream/dial.ts'
import { OriginSessions } from '../../../src/upstream/sessions.ts'
import { type Cert, CLIENT_AUTH, makeCert } from '../tls/pki.ts'
import { judge } from './judge.ts'

const NAME = 'a.example'
const HOUR = 3600_000
const root = makeCert({ commonName: 'Root', ca: true })
const good = makeCert({ issuer: root, san: [`dns:${NAME}`] })
const stranger = makeCert({ issuer: makeCert({ commonName: 'Stranger', ca: true }), san: [`dns:${NAME}`] })
const mine = makeCert({ issuer: root, commonName: 'the gateway', extKeyUsage: [CLIENT_AUTH] })
const contexts = new OriginContexts([root.pem], [], [{ host: NAME, certPem: mine.pem, keyPem: mine.keyPem }])

class World {
  nowMs = Date.now()
  readonly sessions = new OriginSessions()
  readonly deps: DialDeps = {
    contextFor: ({ exception }) => contexts.for(exception),
    showingContextFor: ({ name, exception }) => contexts.showing(name, exception),
    presentedChain,
    // Long enough for the server to finish the handshake
    verify: (handshake, done) => void setTimeout(() => judge(root.pem)(handshake, done), 50),
    sessions: this.sessions,
    boundSocket: () => new net.Socket(),
    isOwnDestination: () => false,
    connectMs: 2000,
    tlsMs: 2000,
    now: () => this.nowMs,
  }

  /** The failure's code; `ok`. */
  dial(port: number): Promise<string> {
    const target: UpstreamTarget = {
      scheme: 'https',
      addr: '127.0.0.1',
      port,
      name: NAME,
      sourceAddr: null,
      exception: null,
      allowH2: true,
    }
    return new Promise(resolve =>
      dial(target, this.deps, (error: WeirError | null, result) => {
        result?.socket.destroy()
        resolve(error?.code ?? 'ok')
      }),
    )
  }
}

interface Origin {
  port: number
  /** Of each handshake: who the client showed himself to be, '' for nobody. */
  shown: string[]
  /** Connections. */
  count: number
}

async function listen(t: ExecutionContext, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as net.AddressInfo).port
}

async function origin(t: ExecutionContext, cert: Cert, options: tls.TlsOptions): Promise<Origin> {
  const own = { key: cert.keyPem, cert: cert.pem, ca: root.pem, requestCert: true }
  const server = tls.createServer({ ...own, ...options }, socket => {
    seen.shown.push(String(socket.getPeerCertificate().subject?.CN ?? ''))
    socket.on('error', () => {})
  })
  const seen: Origin = { port: 0, shown: [], count: 0 }
  server.on('tlsClientError', () => {})
  server.on('connection', () => seen.count++)
  seen.port = await listen(t, server)
  return seen
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what() && i < 1000; i++) await sleep(5)
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { minVersion: version, maxVersion: version } as const

  test(`${version}: an impostor that asks for the certificate does not get it`, async t => {
    const impostor = await origin(t, stranger, { ...only, rejectUnauthorized: false })
    t.is(await new World().dial(impostor.port), 'origin-cert-untrusted')
    await until(() => impostor.shown.length > 0)
    t.deepEqual(impostor.shown, [''])
    t.is(impostor.count, 1)
  })

  test(`${version}: the server meant gets it once it has proved the name, and proves it again after an hour`, async t => {
    for (const rejectUnauthorized of [true, false]) {
      const right = await origin(t, good, { ...only, rejectUnauthorized })
      const world = new World()
      for (let i = 1; i <= 3; i++) t.is(await world.dial(right.port), 'ok')
      await until(() => right.shown.includes('the gateway'))
      t.true(right.shown.includes('the gateway'))
      t.is(right.count, 4)
      world.nowMs += HOUR
      t.is(await world.dial(right.port), 'ok')
      t.is(right.count, 6)
      world.sessions.clear() // it is judged by other rules now
      t.is(await world.dial(right.port), 'ok')
      t.is(right.count, 8)
    }
  })
}

/** An impostor with a copy of the server's certificate but not its key: says its piece of TLS 1.2 up to there, then `end`. */
function copycat(end: (socket: net.Socket) => void): net.Server {
  const u16 = (n: number) => [n >> 8, n & 255]
  const u24 = (n: number) => [n >> 16, ...u16(n & 0xffff)]
  const message = (type: number, body: number[]) => [
    22,
    3,
    3,
    ...u16(body.length + 4),
    type,
    ...u24(body.length),
    ...body,
  ]
  const renegotiation = [...u16(0xff01), 0, 1, 0]
  const hello = [3, 3, ...Array(32).fill(7), 0, 0xc0, 0x2b, 0, ...u16(renegotiation.length), ...renegotiation]
  const list = [...u24(good.der.length), ...good.der]
  return net.createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.from([...message(2, hello), ...message(11, [...u24(list.length), ...list])]))
      end(socket)
    })
  })
}

test('a copy of the chain proves nothing, whatever is said about a missing certificate after it', async t => {
  const alert = (code: number) => (socket: net.Socket) => void socket.end(Buffer.from([21, 3, 3, 0, 2, 2, code]))
  const ends = [alert(40), alert(42), alert(116), (socket: net.Socket) => void socket.end()]
  for (const end of ends) {
    let count = 0
    const server = copycat(end).on('connection', () => count++)
    const port = await listen(t, server)
    const world = new World()
    t.is(await world.dial(port), 'origin-tls')
    t.is(count, 1)
    world.deps.showingContextFor = () => null
    t.is(await world.dial(port), 'origin-tls', 'nor is the name left closed because of it')
  }
})
