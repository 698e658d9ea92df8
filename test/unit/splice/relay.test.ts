import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { WeirError } from '../../../src/core/errors.ts'
import { BulkReader } from '../../../src/splice/reader.ts'
import { relay } from '../../../src/splice/relay.ts'

const MB = 1024 * 1024

interface Rig {
  /** The far ends: what a browser and a web server would hold. */
  client: Socket
  origin: Socket
  bytes: { bytesUp: number; bytesDown: number }
  done: Promise<WeirError | null>
  doneCalls(): number
  /** The near ends, in the relay's hands. */
  near: [Duplex, Duplex]
}

async function acceptOne(
  t: ExecutionContext,
  connect: (port: number) => Socket,
  secure: tls.TlsOptions | null = null,
): Promise<[Socket, Socket]> {
  const server = secure === null ? net.createServer({ allowHalfOpen: true }) : tls.createServer(secure)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const accepted = once(server, secure === null ? 'connection' : 'secureConnection')
  const out = connect((server.address() as net.AddressInfo).port)
  const [socket] = (await accepted) as [Socket]
  for (const s of [out, socket]) {
    s.on('error', () => {})
    t.teardown(() => s.destroy())
  }
  return [out, socket]
}

async function rig(
  t: ExecutionContext,
  how: { bulk?: boolean; idleMs?: number; halfIdleMs?: number; unshift?: string } = {},
): Promise<Rig> {
  const reader = how.bulk === false ? null : new BulkReader()
  const host = '127.0.0.1'
  const [client, nearClient] = await acceptOne(t, port => net.connect({ port, host, allowHalfOpen: true }))
  const [nearOrigin, origin] = await acceptOne(t, port =>
    net.connect({ port, host, ...(reader === null ? {} : { onread: reader.onread }) }),
  )
  if (how.unshift !== undefined) nearClient.unshift(Buffer.from(how.unshift))
  return start(nearClient, nearOrigin, client, origin, reader, how.idleMs ?? 10_000, how.halfIdleMs)
}

function start(
  a: Duplex,
  b: Duplex,
  client: Socket,
  origin: Socket,
  reader: BulkReader | null,
  idleMs: number,
  halfIdleMs = idleMs,
): Rig {
  const bytes = { bytesUp: 0, bytesDown: 0 }
  const { promise, resolve } = Promise.withResolvers<WeirError | null>()
  let calls = 0
  const done = (error: WeirError | null): void => {
    calls++
    resolve(error)
  }
  relay(a, b, { idleMs, halfIdleMs, bytes, reader, done })
  return { client, origin, bytes, done: promise, doneCalls: () => calls, near: [a, b] }
}

/** Sends in uneven pieces, ends, and answers with the digest. */
async function send(to: Socket, size: number): Promise<string> {
  const hash = createHash('sha256')
  for (let left = size; left > 0; ) {
    const chunk = randomBytes(Math.min(left, 1 + Math.floor(Math.random() * 300_000)))
    left -= chunk.length
    hash.update(chunk)
    if (!to.write(chunk)) await once(to, 'drain')
  }
  to.end()
  return hash.digest('hex')
}

async function receive(from: Socket): Promise<string> {
  const hash = createHash('sha256')
  from.on('data', chunk => hash.update(chunk))
  from.resume()
  await once(from, 'end')
  return hash.digest('hex')
}

async function text(from: Socket): Promise<string> {
  let out = ''
  from.on('data', chunk => (out += chunk))
  await once(from, 'end')
  return out
}

for (const bulk of [true, false]) {
  const how = bulk ? 'bulk reader' : 'data events'

  test(`50 MB each way at once arrive unchanged and are counted (${how})`, async t => {
    const r = await rig(t, { bulk })
    const digests = await Promise.all([
      send(r.client, 50 * MB),
      receive(r.origin),
      send(r.origin, 50 * MB),
      receive(r.client),
    ])
    t.is(digests[0], digests[1])
    t.is(digests[2], digests[3])
    t.is(await r.done, null)
    t.deepEqual(r.bytes, { bytesUp: 50 * MB, bytesDown: 50 * MB })
    t.is(r.doneCalls(), 1)
  })

  test(`the client ends first, the origin still answers (${how})`, async t => {
    const r = await rig(t, { bulk })
    r.client.end('question')
    t.is(await text(r.origin), 'question')
    setTimeout(() => r.origin.end('answer'), 50)
    t.is(await text(r.client), 'answer')
    t.is(await r.done, null)
  })

  test(`the origin ends first, the client may go on (${how})`, async t => {
    const r = await rig(t, { bulk })
    r.origin.end('greeting')
    t.is(await text(r.client), 'greeting')
    setTimeout(() => r.client.end('late words'), 50)
    t.is(await text(r.origin), 'late words')
    t.is(await r.done, null)
  })

  test(`a reader that takes nothing stops the sender, in bounded memory (${how})`, async t => {
    const r = await rig(t, { bulk })
    r.client.pause()
    const chunk = Buffer.alloc(256 * 1024)
    let stuck = false
    for (let i = 0; i < 400 && !stuck; i++) {
      if (r.origin.write(chunk)) continue
      stuck = await Promise.race([
        once(r.origin, 'drain').then(() => false),
        new Promise<boolean>(resolve => setTimeout(resolve, 500, true)),
      ])
    }
    t.true(stuck, 'the origin was never stopped')
    const [a, b] = r.near
    t.true(a.writableLength + b.readableLength <= 512 * 1024, `${a.writableLength} + ${b.readableLength}`)
    const sent = r.origin.bytesWritten - r.origin.writableLength
    r.origin.end()
    let got = 0
    r.client.on('data', c => (got += c.length))
    r.client.resume()
    await once(r.client, 'end')
    t.true(got >= sent)
    r.client.end()
    t.is(await r.done, null)
    t.is(r.bytes.bytesDown, got)
  })
}

test('bytes pushed back into the client go first', async t => {
  const r = await rig(t, { unshift: 'peeked ' })
  r.client.end('and later')
  t.is(await text(r.origin), 'peeked and later')
})

test('bytes that came from the origin before the relay began are kept', async t => {
  const reader = new BulkReader()
  const host = '127.0.0.1'
  const [client, a] = await acceptOne(t, port => net.connect({ port, host }))
  const [b, origin] = await acceptOne(t, port => net.connect({ port, host, onread: reader.onread }))
  const sent = send(origin, MB)
  await new Promise(resolve => setTimeout(resolve, 100))
  start(a, b, client, origin, reader, 10_000)
  t.is(await receive(client), await sent)
})

test('several relays share the read buffer and never mix bytes, even when readers are slow', async t => {
  const rigs = await Promise.all(Array.from({ length: 8 }, () => rig(t)))
  const results = await Promise.all(
    rigs.map(async r => {
      const sent = send(r.origin, 4 * MB)
      r.client.pause()
      await new Promise(resolve => setTimeout(resolve, 200))
      return (await receive(r.client)) === (await sent)
    }),
  )
  t.deepEqual(results, Array(8).fill(true))
})

test('an idle relay is cut', async t => {
  const r = await rig(t, { idleMs: 300 })
  r.client.write('x')
  const began = Date.now()
  t.is((await r.done)?.code, 'idle-timeout')
  t.true(Date.now() - began >= 300)
  t.true(r.near[0].destroyed && r.near[1].destroyed)
})

test('a side that only seems half-closed does not hold the other for long', async t => {
  const r = await rig(t, { idleMs: 60_000, halfIdleMs: 300 })
  r.client.end('bye')
  const got = await once(r.origin, 'data')
  t.is(String(got[0]), 'bye')
  const ended = Date.now()
  t.is(await r.done, null, 'an end, not a failure')
  t.true(Date.now() - ended < 5000)
  t.true(r.near[0].destroyed && r.near[1].destroyed)
})

test('a relay on which something moves is not idle', async t => {
  const r = await rig(t, { idleMs: 300 })
  const timer = setInterval(() => r.origin.write('x'), 100)
  await new Promise(resolve => setTimeout(resolve, 1500))
  clearInterval(timer)
  t.is(r.doneCalls(), 0)
  t.true(r.bytes.bytesDown >= 10)
})

test('a reset of the origin reaches the client as a reset', async t => {
  const r = await rig(t)
  const failed = once(r.client, 'error')
  r.origin.write('half an ans')
  await once(r.client, 'data')
  r.origin.resetAndDestroy()
  const [error] = (await failed) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNRESET')
  t.is((await r.done)?.code, 'origin-cut-off')
  t.is(r.doneCalls(), 1)
})

test('a reset of the client reaches the origin as a reset', async t => {
  const r = await rig(t)
  const failed = once(r.origin, 'error')
  r.client.write('half a ques')
  await once(r.origin, 'data')
  r.client.resetAndDestroy()
  const [error] = (await failed) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNRESET')
  t.is((await r.done)?.code, 'client-gone')
})

test('a side destroyed by someone else takes the other with it', async t => {
  const r = await rig(t)
  r.near[0].destroy()
  t.is((await r.done)?.code, 'client-gone')
  t.true(r.near[1].destroyed)
})

test('a side already closed ends the relay at once', async t => {
  const host = '127.0.0.1'
  const [client, a] = await acceptOne(t, port => net.connect({ port, host }))
  const [b, origin] = await acceptOne(t, port => net.connect({ port, host }))
  a.destroy()
  await once(a, 'close')
  t.is((await start(a, b, client, origin, null, 10_000).done)?.code, 'client-gone')
})

test('a TLS client and a plain origin: bytes, half-close and end', async t => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'weir-relay-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const [key, cert] = [path.join(dir, 'key.pem'), path.join(dir, 'cert.pem')]
  const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t -keyout ${key} -out ${cert}`
  execFileSync('openssl', command.split(' '), { stdio: 'ignore' })
  const secure = { key: readFileSync(key), cert: readFileSync(cert), allowHalfOpen: true }
  const host = '127.0.0.1'
  const [client, a] = await acceptOne(
    t,
    port => Object.assign(tls.connect({ port, host, rejectUnauthorized: false }), { allowHalfOpen: true }),
    secure,
  )
  const reader = new BulkReader()
  const [b, origin] = await acceptOne(t, port => net.connect({ port, host, onread: reader.onread }))
  const r = start(a, b, client, origin, reader, 10_000)
  const up = receive(origin)
  t.is(await send(client, 5 * MB), await up)
  const down = receive(client)
  t.is(await send(origin, 5 * MB), await down)
  t.is(await r.done, null)
})
