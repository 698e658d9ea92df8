import { once } from 'node:events'
import http2 from 'node:http2'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { LearnedEntry } from '../../../src/core/tls-policy.ts'
import type { HandshakeEnd, Stations } from '../../../src/pipeline/stations.ts'
import { authority, leaf } from '../../pki/certificate.ts'
import { chromiumHello } from '../peek/hellos.ts'
import { caPem, type Rig, type RigOptions, read, rig, until } from './rig.ts'

/** TLS clients of every kind, through a whole Connection on loopback sockets. */
const root = authority('Test Root')
const www = leaf(root, { san: ['dns:www.example'] })
const GET = 'GET / HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

/** An origin whose TLS carries whatever `speak` says. */
function origin(speak: (socket: TLSSocket) => void, cert = www): (socket: net.Socket) => void {
  const options = { cert: cert.pem, key: cert.keyPem, ALPNProtocols: ['h2', 'http/1.1'] }
  const server = tls.createServer(options, socket => {
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    speak(socket)
  })
  server.on('tlsClientError', () => {})
  return socket => void server.emit('connection', socket)
}

const trusting = { originRoots: [root.pem] }

async function client(r: Rig, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const secure = tls.connect({ socket: await r.connect(), servername: 'www.example', ca: caPem, ...options })
  secure.on('error', () => {})
  return secure
}

/** Everything that comes back for these bytes, until the connection ends. */
async function answer(t: ExecutionContext, bytes: Buffer, options: RigOptions = {}) {
  const minted: string[] = []
  const r = await rig(t, socket => socket.pipe(socket), {
    ...options,
    change: real => ({
      leaf: (name, done, kind, client) => {
        minted.push(name)
        real.leaf(name, done, kind, client)
      },
    }),
  })
  const socket = await r.connect()
  socket.write(bytes)
  const got = Buffer.from(await read(socket, text => text.length >= bytes.length), 'latin1')
  socket.destroy()
  return { got, minted, row: await r.connectionRow() }
}

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const block = (body: Buffer): Buffer => Buffer.concat([u16(body.length), body])

/** Chromium's hello with another server_name, of any bytes. */
function helloNaming(...names: (string | Buffer)[]): Buffer {
  const hello = chromiumHello()
  const at = hello.indexOf(Buffer.from('school.example.org')) - 9
  const length = hello.readUInt16BE(at + 2)
  const entries = names.map(name => Buffer.concat([Buffer.from([0]), block(Buffer.from(name))]))
  const extension = Buffer.concat([u16(0), block(block(Buffer.concat(entries)))])
  const whole = Buffer.concat([hello.subarray(0, at), extension, hello.subarray(at + 4 + length)])
  const grown = whole.length - hello.length
  const list = 43 + 1 + 32 + 2 + hello.readUInt16BE(76) + 2
  for (const [where, size] of [
    [3, 2],
    [6, 3],
    [list, 2],
  ] as const)
    whole.writeUIntBE(whole.readUIntBE(where, size) + grown, where, size)
  return whole
}

const alert = (code: number, minor = 3): Buffer => Buffer.from([21, 3, minor, 0, 2, 2, code])

test('names that are no names are refused by an alert, and nothing is minted', async t => {
  t.is((await answer(t, helloNaming('fine.example'))).minted[0], 'fine.example', 'the builder of hellos is right')
  for (const name of [
    'good.example\0.evil.example',
    '*.example',
    'a.example/x',
    'a'.repeat(300),
    'bücher.example',
    '192.0.2.1',
    '2001:db8::1',
    '',
  ]) {
    const { got, minted, row } = await answer(t, helloNaming(name))
    t.deepEqual(got, alert(name === '' ? 50 : 112, name === '' ? 0 : 3), name)
    t.deepEqual(minted, [], name)
    t.like(row, { error: 'client-tls-name', reason: 'malformed', verdict: 'fail', host: '' }, name)
  }
  const doubled = await answer(t, helloNaming('a.example', 'b.example'))
  t.deepEqual(doubled.got, alert(47, 0))
  t.like(doubled.row, { error: 'client-tls-name', errorDetail: 'several-names' })
})

test('an address as a name is as good as none if it is the destination; dots and capitals do not matter', async t => {
  for (const [name, minted] of [
    ['127.0.0.1', '127.0.0.1'],
    ['WWW.Example.', 'www.example'],
  ])
    t.deepEqual((await answer(t, helloNaming(name!))).minted, [minted])
})

test('the tier pass is left alone, whatever the name', async t => {
  const hello = helloNaming('a.example/x')
  const { got } = await answer(t, hello, { tier: 'pass' })
  t.deepEqual(got, hello, 'echoed by the origin')
})

test('SSL 2.0 and hellos that are none get an alert', async t => {
  const old = await answer(
    t,
    Buffer.from('802e0103010015000000100100800300800700c00600400200800400800000040000fe', 'hex'),
  )
  t.deepEqual(old.got, alert(70, 0))
  t.is(old.row.error, 'client-tls-old')
  const none = await answer(t, Buffer.from('1603010005020000010000', 'hex'))
  t.deepEqual(none.got, alert(10, 0))
  t.like(none.row, { error: 'client-tls', errorDetail: 'not-client-hello' })
})

test('TLS 1.0 and 1.1 only: an alert, or passed on where policy says so', async t => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const
  const refusing = await rig(t, socket => socket.resume())
  const refused = await client(refusing, old)
  const [error] = await once(refused, 'error').catch(e => [e])
  t.regex(String(error), /protocol version|SSL alert number 70/)
  t.like(await refusing.connectionRow(), {
    error: 'client-tls-old',
    reason: 'old-client',
    tier: 'names',
    verdict: 'block',
  })

  let passed: Buffer = Buffer.alloc(0)
  const passing = await rig(
    t,
    socket =>
      socket.once('data', (chunk: Buffer) => {
        passed = chunk
        socket.end()
      }),
    {
      policy: 'version: 1\ntls: { oldClients: pass }\n',
    },
  )
  await client(passing, old)
  t.like(await passing.connectionRow(), { tierReason: 'old-client', tier: 'names', verdict: 'allow', error: '' })
  t.is(passed[0], 22)
})

test('nothing in common: the client is told by an alert, the row says what', async t => {
  const r = await rig(t, socket => socket.resume())
  const none = await client(r, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' })
  const [error] = await once(none, 'error').catch(e => [e])
  t.regex(String(error), /handshake failure/)
  const row = await r.connectionRow()
  t.is(row.error, 'client-tls')
  t.regex(row.errorDetail, /no shared cipher/)
  t.is(row.handshake, 'other')
})

test('only unknown protocols: passed on unopened, or refused', async t => {
  for (const protocol of ['acme-tls/1', 'postgresql', 'imap']) {
    const r = await rig(
      t,
      origin(socket => socket.end('x')),
      trusting,
    )
    const inner = await client(r, { ALPNProtocols: [protocol], ca: root.pem })
    inner.destroy()
    t.like(await r.connectionRow(), { tierReason: 'alpn', tier: 'names', verdict: 'allow', alpn: protocol }, protocol)
  }
  const r = await rig(t, socket => socket.resume(), { policy: 'version: 1\ntls: { notHttp: refuse }\n' })
  const [error] = await once(await client(r, { ALPNProtocols: ['imap'] }), 'error').catch(e => [e])
  t.regex(String(error), /no application protocol|alert number 120/)
  t.like(await r.connectionRow(), { reason: 'alpn', verdict: 'block', error: 'client-tls' })
})

test('http/1.0 alone is HTTP', async t => {
  const r = await rig(
    t,
    origin(socket => socket.once('data', () => socket.end(OK))),
    trusting,
  )
  const old = await client(r, { ALPNProtocols: ['http/1.0'] })
  await once(old, 'secureConnect')
  t.is(old.alpnProtocol, 'http/1.0')
  old.write('GET / HTTP/1.0\r\nHost: www.example\r\n\r\n')
  t.regex(await read(old), /^HTTP\/1\.1 200[\s\S]*hello$/)
  t.like(await r.exchangeRow(), { tier: 'inspect', httpVersion: 10 })
})

test('no ALPN and HTTP inside: the usual way, h1 and h2', async t => {
  const r = await rig(
    t,
    origin(socket => socket.once('data', () => socket.end(OK))),
    trusting,
  )
  const h1 = await client(r)
  h1.write(GET)
  t.regex(await read(h1), /^HTTP\/1\.1 200[\s\S]*hello$/)
  t.like(await r.exchangeRow(), { status: 200, host: 'www.example', originTls: 'TLSv1.3' })
  t.is(r.handshakes[0]!.outcome, 'trusted')

  const h2rig = await rig(
    t,
    origin(socket => {
      const session = http2.performServerHandshake(socket)
      session.on('error', () => {})
      session.on('stream', stream => {
        stream.respond({ ':status': 204 })
        stream.end()
      })
    }),
    trusting,
  )
  const inner = await client(h2rig)
  await once(inner, 'secureConnect')
  const session = http2.connect('https://www.example', { createConnection: () => inner })
  session.on('error', () => {})
  const request = session.request({ ':path': '/' })
  const [headers] = await once(request, 'response')
  t.is(headers[':status'], 204)
  session.destroy()
})

test('no ALPN and another protocol inside: relayed to an origin that proved its name', async t => {
  const echo = origin(socket => socket.pipe(socket))
  const r = await rig(t, echo, trusting)
  const inner = await client(r)
  inner.write('\x01\x02binary\0')
  t.is(await read(inner, text => text.length >= 9), '\x01\x02binary\0')
  inner.end()
  t.like(await r.connectionRow(), {
    tier: 'inspect',
    reason: 'not-http',
    verdict: 'allow',
    bytesUp: 9,
    bytesDown: 9,
    exchanges: 0,
    handshake: 'trusted',
    originTls: 'TLSv1.3',
    error: '',
  })

  const unproved = await rig(t, echo)
  const refused = await client(unproved)
  refused.write('\x01\x02binary\0')
  t.is(await read(refused), '')
  t.like(await unproved.connectionRow(), { error: 'origin-cert-untrusted', verdict: 'fail', bytesUp: 0 })

  const forbidden = await rig(t, echo, { ...trusting, policy: 'version: 1\ntls: { notHttp: refuse }\n' })
  const blocked = await client(forbidden)
  blocked.write('\x01\x02binary\0')
  t.is(await read(blocked), '')
  t.like(await forbidden.connectionRow(), { error: 'policy-blocked', reason: 'not-http', verdict: 'block' })
})

test('no ALPN and silence: the server speaks first; a client that speaks HTTP after all is not let past', async t => {
  const greeting = await rig(
    t,
    origin(socket => {
      socket.write('220 mail\r\n')
      socket.on('data', chunk => socket.write(chunk))
    }),
    trusting,
  )
  const mail = await client(greeting)
  t.is(await read(mail, text => text.endsWith('\n')), '220 mail\r\n')
  mail.write('EHLO x\r\n')
  t.is(await read(mail, text => text.endsWith('\n')), 'EHLO x\r\n')
  mail.end()
  t.like(await greeting.connectionRow(), { reason: 'server-first', bytesUp: 8, handshake: 'trusted', error: '' })

  const policy = 'version: 1\nrules:\n  - { name: no, urls: [www.example/], action: block }\n'
  let reached = ''
  const waiting = await rig(
    t,
    origin(socket => socket.on('data', chunk => (reached += chunk))),
    { ...trusting, policy },
  )
  const sly = await client(waiting)
  await sleep(2500)
  sly.write(GET)
  t.regex(await read(sly), /^HTTP\/1\.1 403/)
  t.is(reached, '')
})

test('with h2 or http/1.1 agreed on nothing is dialled before a request', async t => {
  let dials = 0
  // On a busy machine a handshake may take so long that two seconds are "at once"
  const change = (real: Stations) => ({
    outcomeOf: (end: HandshakeEnd) => real.outcomeOf({ ...end, handshakeMs: 1 }),
  })
  const r = await rig(t, () => dials++, { change })
  const idle = await client(r, { ALPNProtocols: ['http/1.1'] })
  await once(idle, 'secureConnect')
  await sleep(2000)
  t.is(dials, 0)
  idle.end()
  await r.connectionRow()
  t.is(r.handshakes[0]!.outcome, 'other', 'a connection made in advance says nothing')
})

test('how the client took our certificate: told once, and in the row', async t => {
  const r = await rig(t, socket => socket.resume())
  const last = async (): Promise<string> => {
    const { rows, handshakes } = r
    await until(() => rows.length > 0)
    t.is(handshakes.length, 1)
    const { outcome, host, client: from, ja4 } = handshakes.pop()!
    const row = rows.pop()!
    t.like(row, { kind: 'connection', handshake: outcome })
    t.deepEqual([host, from], ['www.example', '127.0.0.1'])
    t.regex(ja4, /^t1[23]d\d{4}(00|h1)_[0-9a-f]{12}_[0-9a-f]{12}$/)
    return outcome
  }
  await client(r, { ca: [] })
  t.regex(await last(), /^(unknown-ca|bad-certificate|closed-after-certificate)$/)
  for (const ALPNProtocols of [[], ['http/1.1']]) {
    const hasty = await client(r, { ALPNProtocols })
    await once(hasty, 'secureConnect')
    hasty.end() // a reset could overtake its Finished
    t.is(await last(), 'closed-after-handshake')
  }
})

test('what was learned closes a connection or refuses it; a device that tries us out is opened all the same', async t => {
  const entry = { kind: 'pinned', client: '', host: 'www.example', state: 'active' } as unknown as LearnedEntry
  const learned = { lookup: () => entry }
  const echo = origin(socket => socket.pipe(socket))
  const closed = await rig(t, echo, { learned })
  const inner = await client(closed, { ca: root.pem })
  await once(inner, 'secureConnect')
  inner.end()
  t.like(await closed.connectionRow(), { tier: 'names', tierReason: 'learned-pinned', verdict: 'allow' })

  const refusing = await rig(t, echo, { learned, policy: 'version: 1\ntls: { pinned: refuse }\n' })
  const [error] = await once(await client(refusing), 'error').catch(e => [e])
  t.regex(String(error), /access denied|alert number 49/)
  t.like(await refusing.connectionRow(), { reason: 'learned-pinned', verdict: 'block', error: 'client-tls-distrust' })

  const trying = await rig(t, echo, { learned })
  trying.facts.add(
    { kind: 'enrolling', client: '127.0.0.1', host: 'www.example', until: Date.now() + 60_000 },
    Date.now(),
  )
  const enrolling = await client(trying)
  await once(enrolling, 'secureConnect')
  t.true(enrolling.authorized)
  enrolling.end()
  t.like(await trying.connectionRow(), { tier: 'inspect', tierReason: 'enrolling' })
})
