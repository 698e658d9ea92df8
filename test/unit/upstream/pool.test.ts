import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { WeirError } from '../../../src/core/errors.ts'
import type { RequestHead, UpstreamConn, UpstreamEvents, UpstreamTarget } from '../../../src/core/exchange.ts'
import { connectH1 } from '../../../src/http/h1/client.ts'
import { connectH2 } from '../../../src/http/h2/client.ts'
import { DEFAULT_LIMITS } from '../../../src/http/limits.ts'
import { originContext } from '../../../src/tls/roots.ts'
import { presentedChain } from '../../../src/tls/verify/presented.ts'
import { dial } from '../../../src/upstream/dial.ts'
import type { PoolWaiter } from '../../../src/upstream/group.ts'
import { POOL_LIMITS, type PoolLimits } from '../../../src/upstream/limits.ts'
import { Pool } from '../../../src/upstream/pool.ts'
import { OriginSessions } from '../../../src/upstream/sessions.ts'
import { makeCert } from '../tls/pki.ts'
import { judge } from './judge.ts'

const NAME = 'a.example'
const root = makeCert({ commonName: 'Root', ca: true })
const cert = makeCert({ issuer: root, san: [`dns:${NAME}`, 'dns:b.example'] })
const context = originContext([root.pem])

function makePool(limits: Partial<PoolLimits> = {}): Pool {
  const sessions = new OriginSessions()
  return new Pool({
    dial: (to, done) =>
      dial(
        to,
        {
          contextFor: () => context,
          showingContextFor: () => null,
          presentedChain,
          verify: judge(root.pem),
          sessions,
          boundSocket: () => {
            throw new Error('none')
          },
          isOwnDestination: () => false,
          connectMs: 2000,
          tlsMs: 2000,
          now: Date.now,
        },
        done,
      ),
    openH1: (socket, info) => connectH1(socket, info, DEFAULT_LIMITS),
    openH2: (socket, info) => connectH2(socket, info, DEFAULT_LIMITS),
    limits: { ...POOL_LIMITS, ...limits },
  })
}

type Kind = 'http' | 'h1' | 'h2'

interface Origin {
  port: number
  /** Connections accepted so far, and open. */
  accepted: number
  open: number
  /** Lets that many requests answer, once they are here. */
  release(count: number): Promise<void>
  /** Requests here that wait for it. */
  waiting(): number
  server: net.Server
  dropAll(): void
}

/** An origin that answers at once, or under `/wait` when released. */
async function origin(t: ExecutionContext, kind: Kind): Promise<Origin> {
  const waiting: (() => void)[] = []
  const sockets = new Set<net.Socket>()
  const answer = (request: { url?: string | undefined }, response: { end(text: string): unknown }): void => {
    if (request.url === '/wait') waiting.push(() => response.end('late'))
    else response.end('ok')
  }
  const keys = { key: cert.keyPem, cert: cert.pem }
  const server =
    kind === 'http'
      ? http.createServer(answer)
      : kind === 'h1'
        ? https.createServer(keys, answer)
        : http2.createSecureServer({ ...keys, allowHTTP1: true, settings: { maxConcurrentStreams: 100 } }, answer)
  const self: Origin = {
    port: 0,
    accepted: 0,
    open: 0,
    server,
    release: async count => {
      await until(() => waiting.length >= count)
      for (const go of waiting.splice(0)) go()
    },
    waiting: () => waiting.length,
    dropAll: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
  server.on('connection', (socket: net.Socket) => {
    self.accepted++
    self.open++
    sockets.add(socket)
    socket.on('close', () => {
      self.open--
      sockets.delete(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  self.port = (server.address() as net.AddressInfo).port
  t.teardown(() => {
    self.dropAll()
    server.close()
  })
  return self
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

function request(port: number, path = '/'): RequestHead {
  return {
    method: 'GET',
    scheme: 'https',
    host: NAME,
    port,
    path,
    headers: [],
    version: 11,
    bodyLength: 0,
    expectContinue: false,
    upgrade: null,
  }
}

/** One request: what happened, and a promise of its end. */
class Visit implements PoolWaiter {
  conn: UpstreamConn | null = null
  reused = false
  error: WeirError | null = null
  readonly path: string
  readonly done: Promise<this>
  #finish: () => void = () => {}

  constructor(path = '/') {
    this.path = path
    this.done = new Promise(resolve => {
      this.#finish = () => resolve(this)
    })
  }

  onConn(conn: UpstreamConn, reused: boolean): void {
    this.conn = conn
    this.reused = reused
    const events: UpstreamEvents = {
      onInformational: () => {},
      onResponseHead: () => {},
      onResponseData: () => true,
      onResponseEnd: () => this.#finish(),
      onUpstreamError: error => this.onDialError(error),
      onUpstreamDrain: () => {},
      onUpgraded: () => {},
    }
    conn.send(request(conn.info.port, this.path), events).end(null)
  }

  onDialError(error: WeirError): void {
    this.error = error
    this.#finish()
  }
}

function visit(pool: Pool, to: UpstreamTarget, path?: string): Visit {
  const one = new Visit(path)
  pool.acquire(to, one)
  return one
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await sleep(10)
}

for (const kind of ['http', 'h1'] as const) {
  test(`${kind}: a second request reuses the connection, synchronously`, async t => {
    const { port } = await origin(t, kind)
    const pool = makePool()
    const to = target(port, kind === 'http' ? { scheme: 'http', name: '', allowH2: false } : {})
    const first = await visit(pool, to).done
    t.is(first.error, null)
    t.false(first.reused)
    await until(() => pool.counters.idle === 1)
    const second = visit(pool, to)
    t.is(second.conn, first.conn)
    t.true(second.reused)
    await second.done
    t.like(pool.counters, { open: 1, dials: 1, reuses: 1, waiting: 0, dialling: 0 })
    pool.close()
    await until(() => pool.counters.open === 0)
    t.is(pool.counters.open, 0)
  })
}

test('h2: many at once share one dial and one connection', async t => {
  const server = await origin(t, 'h2')
  const pool = makePool()
  const visits = Array.from({ length: 20 }, () => visit(pool, target(server.port)))
  t.is(pool.counters.dialling, 1)
  const done = await Promise.all(visits.map(one => one.done))
  t.true(done.every(one => one.error === null && one.conn === done[0]!.conn))
  t.is(server.accepted, 1)
  t.is(visit(pool, target(server.port)).conn, done[0]!.conn)
  pool.close()
})

test('h1: one dial finds it out, then each has its own; next time all dial at once', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  const visits = Array.from({ length: 5 }, () => visit(pool, target(server.port), '/wait'))
  t.is(pool.counters.dialling, 1)
  await until(() => pool.counters.open === 5)
  await server.release(5)
  await Promise.all(visits.map(one => one.done))
  t.is(server.accepted, 5)
  server.dropAll()
  await until(() => pool.counters.open === 0)
  for (let i = 0; i < 3; i++) visit(pool, target(server.port))
  t.is(pool.counters.dialling, 3)
  pool.close()
})

test('a request that may not use h2 gets an HTTP/1 connection of its own beside it', async t => {
  const server = await origin(t, 'h2')
  const pool = makePool()
  const h2 = await visit(pool, target(server.port)).done
  t.is(h2.conn!.version, 20)
  const upgrade = await visit(pool, target(server.port, { allowH2: false })).done
  t.is(upgrade.conn!.version, 11)
  t.is(visit(pool, target(server.port)).conn, h2.conn)
  pool.close()
})

test('who may use h2 gets it, whatever connections others have left, and waits for them only where h2 is not to be had', async t => {
  for (const kind of ['h2', 'h1'] as const) {
    const server = await origin(t, kind)
    const pool = makePool()
    await visit(pool, target(server.port, { allowH2: false })).done
    await until(() => pool.counters.idle === 1)
    const first = await visit(pool, target(server.port)).done
    t.is(first.conn!.version, kind === 'h2' ? 20 : 11)
    await until(() => pool.counters.idle === 2)
    const second = visit(pool, target(server.port))
    t.true(second.reused)
    t.is(second.conn!.version, first.conn!.version)
    pool.close()
  }
})

test('connections that only others may use make room, resting ones at once and busy ones when they are done', async t => {
  for (const path of ['/', '/wait']) {
    const server = await origin(t, 'h2')
    const pool = makePool({ maxPerKey: 2 })
    const two = [1, 2].map(() => visit(pool, target(server.port, { allowH2: false }), path))
    if (path === '/') await until(() => pool.counters.idle === 2)
    else await until(() => server.waiting() === 2)
    const one = visit(pool, target(server.port))
    t.like(pool.counters, { waiting: 1, dialling: 0 })
    if (path === '/wait') await server.release(2)
    await Promise.all([...two, one].map(each => each.done))
    t.is(one.conn?.version, 20)
    t.is(server.accepted, 3)
    pool.close()
  }
})

test('connections are shared only among equal targets', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  const first = await visit(pool, target(server.port)).done
  const other = await visit(pool, target(server.port, { name: 'b.example' })).done
  t.not(other.conn, first.conn)
  t.is(other.conn!.info.verifiedName, 'b.example')
  const wrong = await visit(pool, target(server.port, { name: 'c.example' })).done
  t.is(wrong.error?.code, 'origin-cert-name')
  pool.close()
})

test('the last used connection is taken first', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  const pair = [visit(pool, target(server.port), '/wait'), visit(pool, target(server.port), '/wait')]
  await until(() => pool.counters.open === 2)
  await server.release(2)
  await Promise.all(pair.map(one => one.done))
  await until(() => pool.counters.idle === 2)
  const third = await visit(pool, target(server.port)).done
  await until(() => pool.counters.idle === 2)
  const fourth = await visit(pool, target(server.port)).done
  t.is(fourth.conn, third.conn)
  pool.close()
})

test('caps: connections of a key, waiters of a key, resting connections of all', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool({ maxPerKey: 2, maxWaiting: 3, maxIdle: 1 })
  await visit(pool, target(server.port)).done
  await until(() => pool.counters.idle === 1)
  const busy = [visit(pool, target(server.port), '/wait'), visit(pool, target(server.port), '/wait')]
  await until(() => pool.counters.open === 2 && pool.counters.waiting === 0)
  const queued = [1, 2, 3].map(() => visit(pool, target(server.port)))
  t.like(pool.counters, { waiting: 3, dialling: 0, open: 2 })
  t.is(visit(pool, target(server.port)).error?.code, 'self-overloaded')
  await server.release(2)
  for (const one of await Promise.all([...busy, ...queued].map(each => each.done))) t.is(one.error, null)
  t.is(server.accepted, 2)
  await until(() => pool.counters.open === 1)
  t.like(pool.counters, { open: 1, idle: 1, waiting: 0 })
  pool.close()
})

test('one client does not get all connections to an origin, nor all places in the queue', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool({ maxPerKey: 4, maxPerClient: 3, maxWaiting: 8 })
  const of = (client: string) => target(server.port, { client })
  const greedy = [visit(pool, of('10.0.0.1'), '/wait')]
  await until(() => server.waiting() === 1)
  for (let i = 0; i < 4; i++) greedy.push(visit(pool, of('10.0.0.1'), '/wait'))
  await until(() => server.waiting() === 3)
  t.is(pool.counters.waiting, 2)
  for (let i = 0; i < 2; i++) greedy.push(visit(pool, of('10.0.0.1')))
  t.is(visit(pool, of('10.0.0.1')).error?.code, 'self-overloaded')
  for (let i = 0; i < 3; i++) t.is((await visit(pool, of('10.0.0.2')).done).error, null)
  t.is(pool.counters.waiting, 4)
  await server.release(3)
  await server.release(2)
  for (const one of greedy) t.is((await one.done).error, null)
  // Its share is there again, also after connections that died
  const lost = [1, 2, 3].map(() => visit(pool, of('10.0.0.1'), '/wait'))
  await until(() => server.waiting() === 3)
  server.dropAll()
  for (const one of lost) t.is((await one.done).error?.code, 'origin-reset')
  const again = [1, 2, 3].map(() => visit(pool, of('10.0.0.1')))
  for (const one of again) t.is((await one.done).error, null)
  pool.close()
})

test('the oldest resting connection makes room, whoever it belongs to', async t => {
  const servers = [await origin(t, 'h1'), await origin(t, 'h2'), await origin(t, 'http')]
  const pool = makePool({ maxIdle: 2 })
  for (const [i, server] of servers.entries()) {
    const to = target(server.port, i === 2 ? { scheme: 'http', name: '', allowH2: false } : {})
    await visit(pool, to).done
    await until(() => pool.counters.idle === Math.min(2, i + 1))
  }
  await until(() => servers[0]!.open === 0)
  t.deepEqual(
    servers.map(server => server.open),
    [0, 1, 1],
  )
  pool.close()
})

test('idle connections of both kinds end in time; a dead one is not given out', async t => {
  const h1 = await origin(t, 'h1')
  const h2 = await origin(t, 'h2')
  const pool = makePool({ idleMs: 100 })
  await Promise.all([visit(pool, target(h1.port)).done, visit(pool, target(h2.port)).done])
  await until(() => pool.counters.idle === 2)
  h1.dropAll()
  await until(() => pool.counters.open === 1)
  t.false((await visit(pool, target(h1.port)).done).reused)
  await until(() => pool.counters.open === 0)
  t.like(pool.counters, { open: 0, idle: 0 })
  await until(() => h1.open + h2.open === 0)
  t.is(h1.open + h2.open, 0)
})

test('an h2 connection past its idle time finishes what it carries', async t => {
  const server = await origin(t, 'h2')
  const pool = makePool({ idleMs: 50 })
  const slow = visit(pool, target(server.port), '/wait')
  await until(() => slow.conn !== null)
  await sleep(1000)
  t.is(pool.counters.idle, 0)
  await server.release(1)
  t.is((await slow.done).error, null)
  await until(() => pool.counters.open === 0)
  t.is(pool.counters.open, 0)
})

test('a failed dial fails all who shared it, and the next tries again', async t => {
  const server = await origin(t, 'h1')
  const { port } = server
  server.server.close()
  const pool = makePool()
  const failed = await Promise.all([1, 2, 3].map(() => visit(pool, target(port)).done))
  t.deepEqual(
    failed.map(one => one.error?.code),
    ['origin-refused', 'origin-refused', 'origin-refused'],
  )
  t.like(pool.counters, { dials: 1, dialErrors: 1, waiting: 0, dialling: 0, open: 0 })
  const plain = target(port, { scheme: 'http', name: '', allowH2: false })
  const each = await Promise.all([1, 2, 3].map(() => visit(pool, plain).done))
  t.true(each.every(one => one.error?.code === 'origin-refused'))
  t.is(pool.counters.dials, 4)
})

test('cancel: nothing is called, and a dial nobody waits for is given up', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  const one = new Visit()
  const two = new Visit()
  const cancelOne = pool.acquire(target(server.port), one)
  pool.acquire(target(server.port), two)
  cancelOne.cancel()
  cancelOne.cancel()
  t.like(pool.counters, { waiting: 1, dialling: 1 })
  t.is((await two.done).error, null)
  t.is(one.conn, null)

  const lonely = new Visit()
  pool.acquire(target(server.port, { name: 'b.example' }), lonely).cancel()
  t.like(pool.counters, { waiting: 0, dialling: 0 })
  await sleep(50)
  t.is(lonely.conn, null)
  t.is(lonely.error, null)
  pool.close()
})

for (const kind of ['h1', 'h2'] as const) {
  test(`${kind}: judged by other roots from now on: nothing judged before takes another request`, async t => {
    const site = await origin(t, kind)
    const pool = makePool()
    const to = target(site.port)
    await visit(pool, to).done
    const busy = visit(pool, to, '/wait')
    t.true(busy.reused)
    await until(() => site.waiting() === 1)
    pool.renew()
    const next = await visit(pool, to).done
    t.is(next.error, null)
    t.false(next.reused)
    t.not(next.conn, busy.conn)
    await site.release(1)
    t.is((await busy.done).error, null)
    await until(() => site.open === 1)
    t.is(site.open, 1)
    t.is(pool.counters.open, 1)
    t.is(visit(pool, to).conn, next.conn)
  })
}

test('judged by other roots from now on: what is being dialled is dialled again', async t => {
  const site = await origin(t, 'h2')
  const pool = makePool()
  const first = visit(pool, target(site.port))
  pool.renew()
  t.is((await first.done).error, null)
  t.is(pool.counters.dials, 2)
  t.is(pool.counters.open, 1)
})

test('who waits too long for a free connection is told', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool({ maxPerKey: 1, waitMs: 1000 })
  const busy = visit(pool, target(server.port), '/wait')
  await until(() => busy.conn !== null)
  const late = await visit(pool, target(server.port)).done
  t.is(late.error?.code, 'self-overloaded')
  t.is(pool.counters.waiting, 0)
  await server.release(1)
  t.is((await busy.done).error, null)
  pool.close()
})

test('a connection taken and not used is still there', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  const first = await visit(pool, target(server.port)).done
  await until(() => pool.counters.idle === 1)
  const given: UpstreamConn[] = []
  pool.acquire(target(server.port), { onConn: conn => given.push(conn), onDialError: () => {} })
  t.is(given.length, 1)
  t.is(given[0], first.conn!)
  t.is(pool.counters.idle, 1)
  t.is((await visit(pool, target(server.port)).done).conn, first.conn)
  pool.close()
})

test('close: the waiting are refused, the busy finish, nothing stays', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool({ maxPerKey: 1 })
  const busy = visit(pool, target(server.port), '/wait')
  await until(() => busy.conn !== null)
  const queued = visit(pool, target(server.port))
  pool.close()
  t.is(queued.error?.code, 'self-draining')
  t.is(visit(pool, target(server.port)).error?.code, 'self-draining')
  await server.release(1)
  t.is((await busy.done).error, null)
  await until(() => pool.counters.open === 0)
  t.like(pool.counters, { open: 0, idle: 0, waiting: 0, dialling: 0 })
})

test('the price of reuse', async t => {
  const server = await origin(t, 'h1')
  const pool = makePool()
  await visit(pool, target(server.port)).done
  await until(() => pool.counters.idle === 1)
  const to = target(server.port)
  const waiter: PoolWaiter = { onConn: () => {}, onDialError: () => {} }
  const started = performance.now()
  for (let i = 0; i < 100_000; i++) pool.acquire(to, waiter)
  t.log(`${((performance.now() - started) * 10).toFixed(0)} ns an acquire and return`)
  t.is(pool.counters.idle, 1)
  pool.close()
})
