import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { ExecutionContext } from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { MemoryCache } from '../../../src/cache/memory.ts'
import type { LeafCertificate } from '../../../src/core/ca.ts'
import { Conn } from '../../../src/core/conn.ts'
import type { WorkerInit } from '../../../src/core/ipc.ts'
import { LIMITS } from '../../../src/core/limits.ts'
import type { ConnectionRow, ExchangeRow, LogRow } from '../../../src/core/log-event.ts'
import type { HandshakeEvent } from '../../../src/core/tls-policy.ts'
import { FactShare } from '../../../src/enrol/fact-share.ts'
import { SharedFacts } from '../../../src/enrol/shared-facts.ts'
import { LogEmitter } from '../../../src/log/emit.ts'
import { Connection } from '../../../src/pipeline/connection.ts'
import type { Stations } from '../../../src/pipeline/stations.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import type { LearnedLookup } from '../../../src/policy/overlay.ts'
import { LeafContexts } from '../../../src/tls/contexts.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { LoopGuard } from '../../../src/worker/loop-guard.ts'
import { OriginSide } from '../../../src/worker/origin-side.ts'
import { makeStations } from '../../../src/worker/stations.ts'
import type { SupervisorLink } from '../../../src/worker/supervisor-link.ts'

const caDir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-rig-'))
const ca = loadOrCreateCa(caDir)
fs.rmSync(caDir, { recursive: true })
export const caPem = ca.public.certPem

/** Mints at once, where a worker asks the supervisor. */
const link = {
  requestLeaf(name: string, spki: Buffer, done: (error: string | null, leaf: LeafCertificate | null) => void) {
    setImmediate(() => done(null, mintLeaf(ca.key, ca.public, name, spki, Date.now())))
  },
} as SupervisorLink

/** The real stations on loopback sockets: the origin is the test's, and what a connection writes into the log is kept. */
export interface Rig {
  stations: Stations
  rows: LogRow[]
  /** What whoever learns is told. */
  handshakes: HandshakeEvent[]
  facts: SharedFacts
  connections: Set<Connection>
  /** A client's socket through a new Connection. */
  connect(): Promise<net.Socket>
  exchangeRow(): Promise<ExchangeRow>
  connectionRow(): Promise<ConnectionRow>
}

export interface RigOptions {
  policy?: string
  tier?: 'inspect' | 'names' | 'pass'
  learned?: LearnedLookup
  /** PEM, trusted for origins. */
  originRoots?: string[]
  change?(stations: Stations): Partial<Stations>
}

export async function rig(
  t: ExecutionContext,
  origin: (socket: net.Socket) => void,
  options: RigOptions = {},
): Promise<Rig> {
  const originPort = await listen(t, origin)
  const rows: LogRow[] = []
  const handshakes: HandshakeEvent[] = []
  const { policy, problems } = compilePolicy(options.policy ?? 'version: 1\n', {
    defaultTier: options.tier ?? 'inspect',
    version: '1',
    readList: () => '',
  })
  if (policy === null) throw new Error(problems[0]!.message)
  // Loopback is nobody's destination in the field
  const guard = new LoopGuard({ addrs: [], lan: [] })
  guard.isOwn = () => false
  const facts = new SharedFacts()
  const init = { ...INIT, originRootsPem: options.originRoots ?? [] }
  const real = makeStations({
    init,
    policy: () => policy,
    leaves: new LeafContexts({
      requestLeaf: (name, spki, done) => link.requestLeaf(name, spki, done),
      ticketKeys: INIT.ticketKeys,
    }),
    log: new LogEmitter({ ...LOG, send: () => true }),
    guard,
    origins: new OriginSide({ init, guard, policy: () => policy }),
    cache: new MemoryCache({ maxBytes: 1 << 20, cacheStatus: true }),
    facts,
    share: new FactShare(facts, () => {}),
    handout: () => INIT.handout,
    ca: () => INIT.ca,
    learned: { lookup: () => null, covers: () => false, ...options.learned },
    handshake: event => void handshakes.push(event),
    counters: { connections: 0, exchanges: 0, blocked: 0, spliced: 0, inspected: 0, cacheHits: 0, bytesSaved: 0 },
  })
  const stations: Stations = { ...real, emit: row => void rows.push(row), ...options.change?.(real) }
  const connections = new Set<Connection>()
  let count = 0
  const port = await listen(t, socket => {
    const conn = new Conn({
      id: `t-${++count}`,
      clientAddr: '127.0.0.1',
      clientPort: socket.remotePort ?? 0,
      dstAddr: '127.0.0.1',
      dstPort: originPort,
      ingress: 'test',
      startedAt: Date.now(),
      startedMono: performance.now(),
    })
    const connection = new Connection(stations, socket, conn, over => connections.delete(over))
    connections.add(connection)
    connection.start()
  })
  const first = <K extends LogRow['kind']>(kind: K) =>
    until(() => rows.find((row): row is Extract<LogRow, { kind: K }> => row.kind === kind))
  return {
    stations,
    rows,
    handshakes,
    facts,
    connections,
    async connect() {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {})
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      return socket
    },
    exchangeRow: () => first('exchange'),
    connectionRow: () => first('connection'),
  }
}

async function listen(t: ExecutionContext, accept: (socket: net.Socket) => void): Promise<number> {
  const open = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    open.add(socket)
    socket.on('error', () => {})
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return (server.address() as net.AddressInfo).port
}

/** All that comes until `enough` says so, the end, or a reset. */
export async function read(socket: net.Socket, enough: (text: string) => boolean = () => false): Promise<string> {
  let text = ''
  while (!enough(text)) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) text += chunk.toString('latin1')
    else if (socket.destroyed || socket.readableEnded) break
    else await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]).catch(() => {})
  }
  return text
}

export async function until<T>(look: () => T | undefined | false): Promise<T> {
  const limit = Date.now() + 20_000
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > limit) throw new Error('not within 20 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const LOG = {
  maxRows: 10,
  flushMs: 1000,
  maxBatchRows: 10,
  clientAddressMode: 'full',
  pseudonymKey: Buffer.alloc(32),
} as const

const INIT: WorkerInit = {
  workerId: 0,
  boxId: 'test',
  keepClientAddress: false,
  limits: LIMITS,
  originRootsPem: [],
  revocationLists: [],
  fetchNetworks: [],
  clientCertificates: [],
  ca: ca.public,
  ticketKeys: Buffer.alloc(48),
  overrideKey: Buffer.alloc(32),
  handout: { authorities: [], guides: [] },
  facts: [],
  ownCas: [],
  learned: [],
  cacheBytes: 1 << 20,
  clientAddressMode: 'full',
  pseudonymKey: Buffer.alloc(32),
  policy: { text: '', version: '1', lists: {}, defaultTier: 'inspect' },
  own: { addrs: [], lan: [] },
  uid: null,
  gid: null,
}
