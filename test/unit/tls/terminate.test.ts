import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import type { WeirError } from '../../../src/core/errors.ts'
import { outcomeOf } from '../../../src/learn/outcome.ts'
import { LeafContexts } from '../../../src/tls/contexts.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { type HandshakeFacts, terminate } from '../../../src/tls/terminate.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-terminate-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))
const ca = loadOrCreateCa(path.join(dir, 'ca'))
const ALPN = ['h2', 'http/1.1']
const NAME = 'a.example'

interface Result {
  error: WeirError | null
  socket: TLSSocket | null
  facts: HandshakeFacts
  raw: net.Socket
}

interface Gateway {
  port: number
  /** Outcome of the next connection. */
  next(): Promise<Result>
}

/** A listener that peeks as the pipeline does (bytes read, then pushed back) and terminates every connection. */
async function gateway(
  t: { teardown(fn: () => void): void },
  { handshakeMs = 5000, alpn = ALPN, ech = false, echPublicName = false } = {},
): Promise<Gateway> {
  const contexts = new LeafContexts({
    ticketKeys: Buffer.alloc(48, 7),
    requestLeaf: (name, spki, done) => done(null, mintLeaf(ca.key, ca.public, name, spki, Date.now())),
  })
  const results: Result[] = []
  const waiting: ((result: Result) => void)[] = []
  const sockets: net.Socket[] = []
  const server = net.createServer({ allowHalfOpen: true }, raw => {
    sockets.push(raw)
    raw.on('error', () => {})
    raw.once('data', chunk => {
      raw.pause()
      raw.unshift(chunk)
      contexts.get(chunk.includes('b.example') ? 'b.example' : NAME, (_error, context) =>
        terminate(
          raw,
          context!,
          { alpn, handshakeMs, requestName: NAME, ech, echPublicName },
          (error, socket, facts) => {
            const waiter = waiting.shift()
            if (waiter) waiter({ error, socket, facts, raw })
            else results.push({ error, socket, facts, raw })
          },
        ),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: (server.address() as net.AddressInfo).port,
    next: () => {
      const result = results.shift()
      return result ? Promise.resolve(result) : new Promise(resolve => waiting.push(resolve))
    },
  }
}

function connect(port: number, options: ConnectionOptions = {}): TLSSocket {
  const client = tls.connect({ port, host: '127.0.0.1', servername: NAME, ca: ca.public.certPem, ...options })
  client.on('error', () => {})
  return client
}

let hello: Promise<Buffer> | null = null
/** The octets of a real ClientHello. */
function recordedHello(): Promise<Buffer> {
  hello ??= new Promise(resolve => {
    const server = net.createServer(socket => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes)
        socket.destroy()
        server.close()
      })
    })
    server.listen(0, '127.0.0.1', () => connect((server.address() as net.AddressInfo).port))
  })
  return hello
}

/** Says hello, waits for our flight, then does as told. */
async function rawClient(port: number, then: (client: net.Socket) => void): Promise<void> {
  const client = net.connect(port, '127.0.0.1')
  client.on('error', () => {})
  client.write(await recordedHello())
  await once(client, 'data')
  await sleep(20)
  then(client)
}

function alert(code: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, code])
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a client that trusts us gets its protocol and a working stream both ways`, async t => {
    const { port, next } = await gateway(t)
    const client = connect(port, { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] })
    const { error, socket } = await next()
    t.is(error, null)
    t.is(socket!.alpnProtocol, 'h2')
    t.is(socket!.getProtocol(), version)
    t.false((socket as unknown as { secureConnecting: boolean }).secureConnecting)
    t.is(socket!.listenerCount('secure'), 0)
    socket!.on('data', chunk => socket!.write(chunk))
    client.write('ping')
    const [echo] = await once(client, 'data')
    t.is(String(echo), 'ping')
    t.true(client.authorized)
    client.destroy()
  })

  test(`${version}: a client that does not trust us is told apart by its alert`, async t => {
    const { port, next } = await gateway(t)
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', NAME, '-verify_return_error']
    const client = spawn('openssl', [...args, version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'], { stdio: 'ignore' })
    const { error, raw } = await next()
    t.is(error?.code, 'client-tls-distrust')
    t.regex(error!.detail, /^a\.example: unknown_ca$/)
    t.true(raw.destroyed)
    client.kill()
  })
}

test('a client that closes instead of finishing the handshake is told apart too', async t => {
  const { port, next } = await gateway(t)
  connect(port, { ca: [] })
  const { error, raw } = await next()
  t.is(error?.code, 'client-tls-distrust')
  t.true(raw.destroyed)
})

test('post-quantum key exchange is agreed on', async t => {
  const { port, next } = await gateway(t)
  const client = connect(port)
  await next()
  t.is((client.getEphemeralKeyInfo() as { name?: string }).name, 'X25519MLKEM768')
  client.destroy()
})

test('node:http2 works on the socket', async t => {
  const { port, next } = await gateway(t)
  const client = http2.connect(`https://${NAME}:${port}`, {
    createConnection: () => connect(port, { ALPNProtocols: ['h2'] }),
  })
  t.teardown(() => client.destroy())
  const { socket } = await next()
  const session = http2.performServerHandshake(socket!)
  session.on('stream', stream => {
    stream.respond({ ':status': 204 })
    stream.end()
  })
  const [headers] = await once(client.request({ ':path': '/' }), 'response')
  t.is(headers[':status'], 204)
  session.destroy()
})

test('alerts about our certificate mean distrust, others do not', async t => {
  const { port, next } = await gateway(t)
  const cases: [number, WeirError['code'], RegExp][] = [
    [42, 'client-tls-distrust', /bad_certificate/],
    [46, 'client-tls-distrust', /certificate_unknown/],
    [48, 'client-tls-distrust', /unknown_ca/],
    [40, 'client-tls', /handshake failure/],
    [51, 'client-tls', /decrypt error/],
  ]
  for (const [code, expected, detail] of cases) {
    await rawClient(port, client => client.write(alert(code)))
    const { error, raw, facts } = await next()
    t.is(error?.code, expected, `alert ${code}`)
    t.like(facts, { alert: code, certificateSent: true, malformed: false })
    t.regex(error!.detail, detail)
    t.true(raw.destroyed)
  }
})

test('ech_required is never distrust', async t => {
  const { port, next } = await gateway(t, { ech: true, echPublicName: true })
  await rawClient(port, client => client.end(alert(121)))
  const { error, facts } = await next()
  t.is(error?.code, 'client-tls')
  t.regex(error!.detail, /ech_required/)
  t.like(facts, { alert: 121, certificateSent: true, malformed: false })
})

test('an alert that nobody names says nothing when the name hides no other', async t => {
  const { port, next } = await gateway(t, { ech: true, echPublicName: false })
  for (const code of [121, 0]) {
    await rawClient(port, client => client.end(alert(code)))
    const { error, facts } = await next()
    t.is(error?.code, 'client-tls')
    t.like(facts, { alert: -1, certificateSent: true, malformed: true })
    t.is(outcomeOf({ ...facts, complete: false, appBytes: 0, closedAfterMs: -1 }), 'other')
  }
})

test('a client without ECH that ends the handshake with close_notify has turned us down', async t => {
  const { port, next } = await gateway(t)
  await rawClient(port, client => client.write(Buffer.from([21, 3, 3, 0, 2, 1, 0])))
  const { error, facts } = await next()
  t.is(error?.code, 'client-tls-distrust')
  t.like(facts, { alert: -1, certificateSent: true, malformed: false, byUs: false })
})

test('closed or reset right after our certificate is distrust; before it is not', async t => {
  const { port, next } = await gateway(t)
  await rawClient(port, client => client.end())
  t.is((await next()).error?.code, 'client-tls-distrust')
  await rawClient(port, client => client.resetAndDestroy())
  t.is((await next()).error?.code, 'client-tls-distrust')

  const half = net.connect(port, '127.0.0.1')
  half.write((await recordedHello()).subarray(0, 200))
  half.end()
  t.is((await next()).error?.code, 'client-tls')
  half.destroy()
})

test('garbage, too old a version and no common protocol fail cleanly', async t => {
  const { port, next } = await gateway(t)
  const garbage = net.connect(port, '127.0.0.1')
  garbage.write('GET / HTTP/1.1\r\n\r\n')
  t.is((await next()).error?.code, 'client-tls')
  garbage.destroy()

  connect(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
  const { error: old, facts } = await next()
  t.is(old?.code, 'client-tls')
  t.regex(old!.detail, /unsupported protocol/)
  t.true(facts.malformed)

  connect(port, { ALPNProtocols: ['acme-tls/1'] })
  const alpn = (await next()).error
  t.is(alpn?.code, 'client-tls')
  t.regex(alpn!.detail, /no application protocol/)

  connect(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })
  t.is((await next()).error?.code, 'client-tls')
})

test('a client that stalls is dropped in time, with and without a whole hello', async t => {
  const { port, next } = await gateway(t, { handshakeMs: 80 })
  const half = net.connect(port, '127.0.0.1')
  half.on('error', () => {})
  half.write((await recordedHello()).subarray(0, 100))
  const early = await next()
  t.is(early.error?.code, 'client-tls')
  t.regex(early.error!.detail, /timed out before/)
  t.true(early.raw.destroyed)
  half.destroy()

  await rawClient(port, () => {})
  const late = await next()
  t.regex(late.error!.detail, /timed out after/)
  t.true(late.raw.destroyed)
})

test('a destroyed socket is an error, not an exception', async t => {
  const contexts = new LeafContexts({
    ticketKeys: Buffer.alloc(48),
    requestLeaf: (name, spki, done) => done(null, mintLeaf(ca.key, ca.public, name, spki, Date.now())),
  })
  const socket = new net.Socket()
  socket.destroy()
  const error = await new Promise<WeirError | null>(resolve =>
    contexts.get(NAME, (_error, context) =>
      terminate(
        socket,
        context!,
        { alpn: ALPN, handshakeMs: 100, requestName: NAME, ech: false, echPublicName: false },
        resolve,
      ),
    ),
  )
  t.is(error?.code, 'client-tls')
})

test('a session resumes under its own name, at another worker too, and under no other name', async t => {
  const one = await gateway(t)
  const two = await gateway(t)
  const first = connect(one.port, { ALPNProtocols: ['http/1.1'] })
  const session = once(first, 'session')
  const { socket } = await one.next()
  socket!.write('x')
  const [ticket] = (await session) as [Buffer]
  first.destroy()

  const again = connect(two.port, { session: ticket, ALPNProtocols: ['http/1.1'] })
  await Promise.all([once(again, 'secureConnect'), two.next()])
  t.true(again.isSessionReused())
  again.destroy()

  // Node keeps a session to its name; an attacker's client would not.
  const other = connect(two.port, {
    session: ticket,
    servername: '',
    host: NAME,
    lookup,
    checkServerIdentity: () => undefined,
  })
  ;(other as unknown as { setServername(name: string): void }).setServername('b.example')
  await Promise.all([once(other, 'secureConnect'), two.next()])
  t.false(other.isSessionReused())
  other.destroy()
})

test('an error after the handshake reaches the owner of the socket', async t => {
  const { port, next } = await gateway(t)
  let inject: (bytes: Buffer) => void = () => {}
  const relay = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1')
    near.pipe(far).pipe(near)
    far.on('error', () => near.destroy())
    inject = bytes => far.write(bytes)
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const client = connect((relay.address() as net.AddressInfo).port)
  const { socket } = await next()
  const failed = once(socket!, 'error')
  socket!.resume()
  // An application data record that no key of this connection made.
  inject(Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 1)]))
  const [error] = await failed
  t.regex((error as Error).message, /bad record mac/)
  t.true(socket!.destroyed)
  client.destroy()
  relay.close()
})

/** Every name is this machine. */
function lookup(
  _name: string,
  _options: object,
  done: (error: null, addresses: { address: string; family: number }[]) => void,
): void {
  done(null, [{ address: '127.0.0.1', family: 4 }])
}
