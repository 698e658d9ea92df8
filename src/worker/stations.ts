import type net from 'node:net'
import type { MemoryCache } from '../cache/memory.ts'
import type { CaPublic } from '../core/ca.ts'
import type { Policy } from '../core/decision.ts'
import type { WeirError } from '../core/errors.ts'
import type { CaHandout } from '../core/handout.ts'
import type { WorkerInit } from '../core/ipc.ts'
import type { HandshakeEvent } from '../core/tls-policy.ts'
import type { FactShare } from '../enrol/fact-share.ts'
import type { SharedFacts } from '../enrol/shared-facts.ts'
import { compileChain } from '../filters/chain.ts'
import { FILTERS } from '../filters/index.ts'
import { connectH1 } from '../http/h1/client.ts'
import { serveH1 } from '../http/h1/server.ts'
import { connectH2 } from '../http/h2/client.ts'
import { serveH2 } from '../http/h2/server.ts'
import type { LearnedView } from '../learn/view.ts'
import type { LogEmitter } from '../log/emit.ts'
import type { Stations, TrafficCounters } from '../pipeline/stations.ts'
import { BulkReader } from '../splice/reader.ts'
import { relay } from '../splice/relay.ts'
import type { LeafContexts } from '../tls/contexts.ts'
import { dialRaw } from '../upstream/connect.ts'
import { dial } from '../upstream/dial.ts'
import { Pool } from '../upstream/pool.ts'
import { BufferSweep } from './buffer-sweep.ts'
import { clientSide } from './client-side.ts'
import { hopStation } from './hop-station.ts'
import type { LoopGuard } from './loop-guard.ts'
import type { OriginSide } from './origin-side.ts'
import { bulkOrigin, type SpliceEnd, streamOrigin } from './raw-origin.ts'
import { reservedStation } from './reserved-station.ts'

export interface StationDeps {
  init: WorkerInit
  policy(): Policy
  log: LogEmitter
  guard: LoopGuard
  leaves: LeafContexts
  origins: OriginSide
  cache: MemoryCache
  facts: SharedFacts
  share: FactShare
  handout(): CaHandout
  /** The CA in use. */
  ca(): CaPublic
  learned: Pick<LearnedView, 'lookup' | 'covers'>
  /** For whoever learns from it. */
  handshake(event: HandshakeEvent): void
  counters: TrafficCounters
}

/** Joins the stations: the one place in a worker where they meet. */
export function makeStations(deps: StationDeps): Stations {
  const { init, log, guard, cache, leaves } = deps
  const { http: limits, pool: poolLimits, client, tunnel } = init.limits
  const now = Date.now
  const { dialling } = deps.origins
  const pool = new Pool({
    dial: (target, done) => dial(target, dialling, done),
    openH1: (socket, info) => connectH1(socket, info, limits),
    openH2: (socket, info) => connectH2(socket, info, limits),
    limits: poolLimits,
  })
  deps.origins.onRenew = () => pool.renew()
  const sweep = new BufferSweep()
  const { facts, share, handout, learned, handshake } = deps
  const distrusts = (client: string) => learned.covers(client, '', now())
  const ours = reservedStation({ key: init.overrideKey, policy: deps.policy, handout, share, distrusts, now })
  const { blockPage, errorPage, noteStrict } = ours
  return {
    policy: deps.policy,
    ...clientSide({ policy: deps.policy, ca: deps.ca, facts, learned, handshake, limits: client }),
    leaf: (name, done, kind, client) => leaves.get(name, done, kind, client),
    serveH1: options => serveH1({ ...options, limits, now }),
    serveH2: options => serveH2({ ...options, limits, now }),
    dialRaw: (target, done) => {
      const reader = new BulkReader()
      const connected = (error: WeirError | null, stream: net.Socket | null) =>
        done(error, stream === null ? null : bulkOrigin(stream, reader))
      return dialRaw(target, dialling, connected, reader.onread)
    },
    dialTls: (target, done) =>
      dial(target, dialling, (error, dialled, info) =>
        done(error, dialled === null ? null : streamOrigin(dialled.socket), info),
      ),
    relay: (client, { stream, reader }: SpliceEnd, bytes, done) =>
      relay(client, stream, { ...tunnel, bytes, reader, done }),
    acquire: (target, waiter) => pool.acquire(target, waiter),
    filters: compileChain(
      FILTERS.map(make =>
        make({ policy: deps.policy, blockPage, reserved: ex => ours.reserved.answer(ex), noteStrict }),
      ),
      { errorPage },
    ),
    cache: init.cacheBytes > 0 ? cache : null,
    hop: hopStation(init.boxId),
    errorPage,
    isOwnDestination: addr => guard.isOwn(addr),
    keepClientAddress: init.keepClientAddress,
    exceptionFor: (clientAddr, name) => facts.exceptionFor(deps.policy(), clientAddr, name, now()),
    clientCertWanted: ({ clientAddr, dstAddr, hello }) =>
      handshake({
        time: now(),
        client: clientAddr,
        host: hello?.sni ?? dstAddr,
        outcome: 'client-cert-wanted',
        ja4: hello?.ja4 ?? '',
      }),
    emit: row => log.add(row),
    passed: bytes => sweep.passed(bytes),
    counters: deps.counters,
  }
}
