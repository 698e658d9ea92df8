import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test, { type ExecutionContext } from 'ava'
import { type ErrorCode, UserError, type WeirError } from '../../../src/core/errors.ts'
import type { UpstreamInfo, UpstreamTarget } from '../../../src/core/exchange.ts'
import type { OriginVerdict } from '../../../src/core/origin.ts'
import type { TlsException } from '../../../src/core/tls-policy.ts'
import { originContext } from '../../../src/tls/roots.ts'
import { presentedChain } from '../../../src/tls/verify/presented.ts'
import { dialRaw } from '../../../src/upstream/connect.ts'
import { type DialDeps, type Dialled, dial } from '../../../src/upstream/dial.ts'
import { OriginSessions } from '../../../src/upstream/sessions.ts'
import { authority, leaf } from '../../pki/certificate.ts'
import { testKey } from '../../pki/keys.ts'
import { type Cert, DAY, makeCert } from '../tls/pki.ts'
import { judge } from './judge.ts'

const NAME = 'a.example'
const trusted = authority('Trusted')
const root = makeCert({ commonName: 'Root', ca: true })
const good = makeCert({ issuer: root, san: [`dns:${NAME}`, 'ip:7f000001'] })
const context = originContext([root.pem])

function deps(changes: Partial<DialDeps> = {}): DialDeps {
  return {
    contextFor: () => context,
    showingContextFor: () => null,
    presentedChain,
    verify: judge(root.pem),
    sessions: new OriginSessions(),
    boundSocket: () => {
      throw new UserError('not allowed')
    },
    isOwnDestination: () => false,
    connectMs: 2000,
    tlsMs: 2000,
    now: Date.now,
    ...changes,
  }
}

function target(port: number, changes: Partial<UpstreamTarget> = {}): UpstreamTarget {
  return {
    scheme: 'https',
    addr: '127.0.0.1',
    port,
    name: NAME,
    sourceAddr: null,
    exception: null,
    allowH2: true,
    ...changes,
  }
}

interface Outcome {
  error: WeirError | null
  result: Dialled | null
  info: UpstreamInfo | null
}

function run(to: UpstreamTarget, how: DialDeps): Promise<Outcome> {
  return new Promise(resolve => dial(to, how, (error, result, info) => resolve({ error, result, info })))
}

async function listen(t: ExecutionContext, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as net.AddressInfo).port
}

interface Origin {
  port: number
  /** Application octets received, SNI names seen. */
  received: Buffer[]
  names: (string | false | null)[]
}

async function origin(t: ExecutionContext, cert: Cert, options: tls.TlsOptions = {}): Promise<Origin> {
  const received: Buffer[] = []
  const names: Origin['names'] = []
  const server = tls.createServer({ key: cert.keyPem, cert: cert.pem, ...options }, socket => {
    names.push(socket.servername)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.write('hello')
  })
  return { port: await listen(t, server), received, names }
}

test('https: verified, with SNI, the protocol agreed on and the facts for the log', async t => {
  const { port, names } = await origin(t, good, { ALPNProtocols: ['h2', 'http/1.1'] })
  const { error, result, info } = await run(target(port), deps())
  t.is(error, null)
  t.is(info, result!.info)
  t.like(info, { addr: '127.0.0.1', port, verifiedName: NAME, tlsVersion: 'TLSv1.3', alpn: 'h2' })
  t.regex(info!.cipher, /^TLS_/)
  t.true(info!.connectMs >= 0 && info!.tlsMs > 0)
  t.is(result!.socket.listenerCount('secureConnect'), 0)
  await once(result!.socket, 'data')
  t.deepEqual(names, [NAME])
  result!.socket.destroy()

  const h1 = await run(target(port, { allowH2: false }), deps())
  t.is(h1.info!.alpn, 'http/1.1')
  h1.result!.socket.destroy()
})

test('an origin that knows no ALPN is HTTP/1; an address is verified without SNI', async t => {
  const { port, names } = await origin(t, good)
  const { result, info } = await run(target(port, { name: '127.0.0.1' }), deps())
  t.like(info, { alpn: '', verifiedName: '127.0.0.1' })
  await once(result!.socket, 'data')
  t.deepEqual(names, [false])
  result!.socket.destroy()
})

test('http: a plain connection, half-open allowed', async t => {
  const port = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {})),
  )
  const { result, info } = await run(target(port, { scheme: 'http' }), deps())
  t.like(info, { verifiedName: null, tlsVersion: '', alpn: '' })
  t.true(result!.socket.allowHalfOpen)
  result!.socket.destroy()
})

test('a bad certificate: its own code, the facts so far, and not one octet of application data', async t => {
  const cases: [Cert, ErrorCode][] = [
    [makeCert({ issuer: root, san: ['dns:b.example'] }), 'origin-cert-name'],
    [makeCert({ san: [`dns:${NAME}`] }), 'origin-cert-untrusted'],
    [
      makeCert({ issuer: root, san: [`dns:${NAME}`], notBefore: Date.now() - 9 * DAY, notAfter: Date.now() - DAY }),
      'origin-cert-expired',
    ],
  ]
  for (const [cert, code] of cases) {
    const sessions = new OriginSessions()
    const { port, received } = await origin(t, cert)
    const { error, result, info } = await run(target(port), deps({ sessions }))
    t.is(error?.code, code)
    t.is(result, null)
    t.like(info, { addr: '127.0.0.1', port, verifiedName: null, tlsVersion: 'TLSv1.3' })
    await sleep(30)
    t.deepEqual(received, [], code)
    t.is(sessions.size, 0, code)
  }
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a session of a verified origin is resumed once, under the same name, not for ever`, async t => {
    const { port } = await origin(t, good, { maxVersion: version, minVersion: version })
    const sessions = new OriginSessions()
    let now = Date.now()
    let full = 0
    const how = deps({
      sessions,
      now: () => now,
      verify: (handshake, done) => {
        full++
        judge(root.pem, () => now)(handshake, done)
      },
    })
    const visit = async (to = target(port)): Promise<boolean> => {
      const { error, result, info } = await run(to, how)
      t.is(error, null)
      t.is(info!.verifiedName, to.name)
      const reused = (result!.socket as tls.TLSSocket).isSessionReused()
      await once(result!.socket, 'data')
      await sleep(20)
      result!.socket.destroy()
      return reused
    }
    t.false(await visit())
    t.is(sessions.size, 1)
    t.true(await visit())
    t.is(full, 1)
    t.false(await visit(target(port, { name: '127.0.0.1' })), 'another name')
    now += 3601_000
    t.false(await visit(), 'too old')
  })
}

const EXCEPTION: TlsException = {
  host: NAME,
  allow: new Set(['expired'] as const),
  until: Date.now() + DAY,
  reason: 'a printer',
  line: 3,
  only: null,
}

function verdictUntil(validUntil: number): OriginVerdict {
  return { error: null, validUntil, exception: '', revocation: 'none', covers: () => false }
}

test('sessions are bounded, taken once, and never outlive the certificate', t => {
  const sessions = new OriginSessions(3)
  const now = Date.now()
  for (let port = 1; port <= 10; port++) sessions.save(target(port), Buffer.from('s'), verdictUntil(now + DAY), 0, now)
  t.is(sessions.size, 3)
  t.truthy(sessions.take(target(10), now))
  t.is(sessions.take(target(10), now), null)
  sessions.save(target(1), Buffer.from('s'), verdictUntil(now + 1000), 0, now)
  t.is(sessions.take(target(1), now + 1000), null)
  sessions.save(target(2), Buffer.from('s'), verdictUntil(now), 0, now)
  t.is(sessions.take(target(2), now), null)
  sessions.save(target(3), Buffer.from('s'), verdictUntil(now + DAY), 0, now)
  t.is(sessions.take(target(3, { name: 'b.example' }), now), null)
  t.is(sessions.take(target(3, { addr: '127.0.0.2' }), now), null)
  t.is(sessions.take(target(3, { sourceAddr: '192.0.2.1' }), now), null)
  t.is(sessions.take(target(3, { exception: EXCEPTION }), now), null)
  t.truthy(sessions.take(target(3), now))
  sessions.save(target(4), Buffer.alloc(100_000), verdictUntil(now + DAY), 0, now)
  t.is(sessions.take(target(4), now), null, 'made large by a certificate')
})

test('what was judged by roots of before saves no session, however late its tickets come', async t => {
  const { port } = await origin(t, good)
  const sessions = new OriginSessions()
  const how = deps({
    sessions,
    verify: (handshake, done) =>
      judge(root.pem)(handshake, verdict => {
        sessions.clear()
        done(verdict)
      }),
  })
  const { result } = await run(target(port), how)
  await once(result!.socket, 'data')
  await sleep(20)
  t.is(sessions.size, 0)
  result!.socket.destroy()
})

test('a saved session keeps no socket alive', async t => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const { port } = await origin(t, good)
  const sessions = new OriginSessions()
  const gone = await (async () => {
    const { result } = await run(target(port), deps({ sessions }))
    await once(result!.socket, 'data')
    await sleep(20)
    result!.socket.destroy()
    await once(result!.socket, 'close')
    return new WeakRef(result!.socket)
  })()
  t.is(sessions.size, 1)
  for (let i = 0; i < 50 && gone.deref() !== undefined; i++) {
    await sleep(10)
    gc()
  }
  t.is(gone.deref(), undefined)
  t.is(sessions.size, 1)
})

test('nobody listens, nobody answers, no such address, our own address', async t => {
  const server = net.createServer()
  const port = await listen(t, server)
  server.close()
  t.is((await run(target(port), deps())).error?.code, 'origin-refused')
  const silent = new net.Socket()
  silent.connect = () => silent
  const late = await run(target(port, { sourceAddr: '127.0.0.1' }), deps({ connectMs: 50, boundSocket: () => silent }))
  t.is(late.error?.code, 'origin-connect-timeout')
  t.true(silent.destroyed)
  for (const bad of [{ addr: 'localhost' }, { addr: '' }, { port: 0 }, { port: 65536 }, { port: Number.NaN }])
    t.is((await run(target(port, bad), deps())).error?.code, 'origin-unreachable', JSON.stringify(bad))
  const asked: [string, number][] = []
  const guard = (addr: string, at: number) => asked.push([addr, at]) > 0
  t.is((await run(target(port), deps({ isOwnDestination: guard }))).error?.code, 'policy-loop')
  t.deepEqual(asked, [['127.0.0.1', port]])
})

test("dialling from the client's address: the socket given is used, and a failure to make it is ours", async t => {
  const port = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {})),
  )
  const made: net.Socket[] = []
  const boundSocket = (addr: string): net.Socket => {
    t.is(addr, '127.0.0.5')
    made.push(new net.Socket({ allowHalfOpen: true }))
    return made[0]!
  }
  const to = target(port, { scheme: 'http', sourceAddr: '127.0.0.5' })
  const { result } = await run(to, deps({ boundSocket }))
  t.is(result!.socket, made[0]!)
  result!.socket.destroy()
  const { error } = await run(to, deps())
  t.is(error?.code, 'self-internal')
  t.is(error?.detail, 'not allowed')
})

test('origins that break TLS: garbage, silence, a close, an old version, a suite without AEAD', async t => {
  const plain = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  t.is((await run(target(plain), deps())).error?.code, 'origin-tls')

  const silent = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {})),
  )
  const stalled = await run(target(silent), deps({ tlsMs: 50 }))
  t.is(stalled.error?.code, 'origin-connect-timeout')
  t.regex(stalled.error!.detail, /TLS handshake/)

  const closing = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {}).once('data', () => socket.end())),
  )
  t.is((await run(target(closing), deps())).error?.code, 'origin-tls')
  const resetting = await listen(
    t,
    net.createServer(socket => socket.on('error', () => {}).once('data', () => socket.resetAndDestroy())),
  )
  t.is((await run(target(resetting), deps())).error?.code, 'origin-tls')

  const old = await origin(t, good, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
  const { error } = await run(target(old.port), deps())
  t.is(error?.code, 'origin-tls')
  t.regex(error!.detail, /protocol/)

  const cbc = await origin(t, good, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })
  t.is((await run(target(cbc.port), deps())).error?.code, 'origin-tls')
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: that it wants a client certificate is believed of the server meant alone`, async t => {
    const stranger = makeCert({ commonName: 'Stranger', ca: true })
    const false_ = makeCert({ issuer: stranger, san: [`dns:${NAME}`] })
    const asks = { requestCert: true, ca: root.pem, minVersion: version, maxVersion: version } as const
    const right = await origin(t, good, asks)
    const wrong = await origin(t, false_, asks)
    /** The alert of TLS 1.3 comes after the handshake, perhaps while the certificate is judged. */
    const slow = deps({
      verify: (handshake, done) => void setTimeout(() => judge(root.pem)(handshake, done), 100),
    })
    t.is((await run(target(wrong.port), slow)).error?.code, 'origin-cert-untrusted')
    t.is((await run(target(right.port), slow)).error?.code, 'origin-client-cert')
    t.is((await run(target(wrong.port), deps())).error?.code, 'origin-cert-untrusted')
    if (version === 'TLSv1.2') t.is((await run(target(right.port), deps())).error?.code, 'origin-client-cert')
  })
}

test('cancel: no call after it, and the origin sees the end, whether connecting or in the handshake', async t => {
  let closed = 0
  const port = await listen(
    t,
    net.createServer(socket => {
      socket.on('error', () => {})
      socket.on('close', () => closed++)
      socket.resume()
    }),
  )
  let calls = 0
  dial(target(port), deps(), () => calls++)()
  const cancel = dial(target(port), deps(), () => calls++)
  await sleep(50)
  cancel()
  cancel()
  dialRaw({ addr: '127.0.0.1', port: 0, sourceAddr: null }, deps(), () => calls++)()
  for (let i = 0; closed === 0 && i < 500; i++) await sleep(10)
  t.true(closed >= 1)
  t.is(calls, 0)
})

test('whoever judges is told when nobody waits for the verdict any more, and only then', async t => {
  const { port } = await origin(t, good)
  let abandoned = 0
  let cancel = (): void => {}
  await new Promise<void>(resolve => {
    const verify: DialDeps['verify'] = handshake => {
      handshake.onAbandoned = () => abandoned++
      resolve()
    }
    cancel = dial(target(port), deps({ verify }), () => t.fail())
  })
  t.is(abandoned, 0)
  cancel()
  t.is(abandoned, 1)
  const late = await run(target(port), deps({ tlsMs: 200, verify: shown => (shown.onAbandoned = () => abandoned++) }))
  t.is(late.error?.code, 'origin-connect-timeout')
  t.is(abandoned, 2)
})

test('an authority on a curve Node cannot describe is refused, and ends no process', async t => {
  const strange = authority('Strange', trusted, { keys: testKey('ec:secp256k1') })
  const server = leaf(strange, { san: [`dns:${NAME}`] })
  const listener = tls.createServer({ key: server.keyPem, cert: server.pem + strange.pem }, socket =>
    socket.on('error', () => {}),
  )
  const port = await listen(t, listener)
  const how = { contextFor: () => originContext([trusted.pem]), verify: judge(trusted.pem) }
  t.is((await run(target(port), deps(how))).error?.code, 'origin-cert-weak')
})

test('an error after the handover ends the socket, not the process', async t => {
  const sockets: net.Socket[] = []
  const relay = net.createServer(near => {
    sockets.push(near)
    const far = net.connect(inner.port, '127.0.0.1')
    near.on('error', () => {})
    far.on('error', () => {})
    near.pipe(far).pipe(near)
  })
  const inner = await origin(t, good)
  const port = await listen(t, relay)
  const { result } = await run(target(port), deps())
  await once(result!.socket, 'data')
  result!.socket.resume()
  sockets[0]!.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 1)]))
  await new Promise(resolve => result!.socket.on('close', resolve))
  t.true(result!.socket.destroyed)
})
