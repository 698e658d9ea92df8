import { flushCompileCache } from 'node:module'
import type { Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import { MemoryCache } from './cache/memory.ts'
import type { PolicySource, ToWorker, WorkerInit } from './core/ipc.ts'
import { FactShare } from './enrol/fact-share.ts'
import { SharedFacts } from './enrol/shared-facts.ts'
import { INGRESS } from './ingress/index.ts'
import { HandshakeReporter } from './learn/reporter.ts'
import { LearnedView } from './learn/view.ts'
import { LogEmitter } from './log/emit.ts'
import { dropPrivileges } from './os/privileges.ts'
import { Connections } from './pipeline/connections.ts'
import type { TrafficCounters } from './pipeline/stations.ts'
import { compilePolicy } from './policy/compile.ts'
import type { CompiledPolicy } from './policy/decide.ts'
import { LeafContexts } from './tls/contexts.ts'
import { reportHealth } from './worker/health.ts'
import { LoopGuard } from './worker/loop-guard.ts'
import { OriginSide } from './worker/origin-side.ts'
import { makeStations } from './worker/stations.ts'
import { SupervisorLink } from './worker/supervisor-link.ts'

/**
 * A worker: carries connections, and holds neither root nor the CA's key. It starts with a message from the supervisor,
 * loads all it needs, gives up its rights, and only then listens on the sockets it inherited.
 */
const FIRST_LISTEN_FD = 4
/** Less than the supervisor waits before it kills: the rows of what is cut off have to leave too. */
const DRAIN_MS = 6_000
const LOG = { maxRows: 50_000, flushMs: 50, maxBatchRows: 2000 }

const log = pino({ base: { process: 'worker', pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
const link = new SupervisorLink()

process.on('uncaughtException', error => {
  log.fatal({ err: error }, 'the worker made a mistake and ends; another takes its place')
  process.exit(1)
})
// Without a supervisor there is nobody to mint, log or be asked for
process.on('disconnect', () => process.exit(0))
// Ctrl-C goes to every process of the terminal's group, a service manager's SIGTERM to every process of the service: the
// supervisor decides what they mean, and says `drain`
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.once('message', (message: ToWorker) => {
  if (message.t === 'init') void run(message.init)
})

async function run(init: WorkerInit): Promise<void> {
  const emitter = new LogEmitter({
    ...LOG,
    send: (batch, rows, dropped) => link.sendLog(batch, rows, dropped),
    clientAddressMode: init.clientAddressMode,
    pseudonymKey: init.pseudonymKey,
  })
  const cache = new MemoryCache({ maxBytes: init.cacheBytes, cacheStatus: true })
  const guard = new LoopGuard(init.own)
  const traffic = newCounters()
  const facts = new SharedFacts()
  for (const fact of init.facts) facts.add(fact, Date.now())
  const share = new FactShare(facts, fact => link.share(fact))
  let { handout, ca } = init
  let policy = compile(init.policy)
  const learned = new LearnedView(client => policy.groupsOf(client))
  learned.load(init.learned)
  const reporter = new HandshakeReporter({
    send: events => link.sendHandshakes(events),
    covers: (client, host, nowMs) => learned.covers(client, host, nowMs),
    now: Date.now,
  })
  const leaves = new LeafContexts({
    requestLeaf: (name, spki, done) => link.requestLeaf(name, spki, done),
    ticketKeys: init.ticketKeys,
    chainPem: init.ca.chainPem,
  })
  const origins = new OriginSide({ init, guard, policy: () => policy })
  const stations = makeStations({
    init,
    policy: () => policy,
    log: emitter,
    guard,
    leaves,
    origins,
    cache,
    facts,
    share,
    handout: () => handout,
    ca: () => ca,
    learned,
    handshake: event => reporter.report(event),
    counters: traffic,
  })
  const limits = init.limits.client
  const prefix = `${Date.now().toString(36)}${init.workerId.toString(36)}`
  const connections = new Connections(stations, prefix, limits.maxPerClient)

  flushCompileCache() // into the state directory, which is out of reach from here on
  if (init.uid !== null && init.gid !== null) {
    dropPrivileges({ uid: init.uid, gid: init.gid, keepNetRaw: init.keepClientAddress })
  }
  const servers = await Promise.all(
    INGRESS.map(({ name, listen }, i) =>
      listen(FIRST_LISTEN_FD + i, {
        maxConnections: limits.maxConnections,
        onSocket: socket => connections.accept(socket, name),
        onError: error => log.warn({ err: error }, 'a connection could not be accepted'),
      }),
    ),
  )
  const stopHealth = reportHealth({
    traffic,
    openConnections: () => connections.size,
    cacheBytes: () => cache.counters.bytes,
    logDropped: () => emitter.droppedTotal(),
    report: counters => link.sendCounters(counters),
  })

  process.on('message', (message: ToWorker) => {
    switch (message.t) {
      case 'init':
        return
      case 'minted':
        link.minted(message)
        return
      case 'policy':
        try {
          const { revocation } = policy.tls
          policy = compile(message.policy)
          if (policy.tls.revocation !== revocation) origins.judgeAnew()
        } catch (error) {
          link.policyFailed(message.policy.version, (error as Error).message)
        }
        return
      case 'own-addresses':
        guard.update(message.own)
        return
      case 'ticket-keys':
        leaves.rotate(message.keys)
        return
      case 'origin-roots':
        origins.replaceRoots(message.rootsPem)
        return
      case 'purge':
        cache.purge(message.host)
        return
      case 'shared':
        share.heard(message.fact, Date.now())
        return
      case 'learned':
        learned.load(message.entries)
        return
      case 'ca':
        ca = message.ca
        handout = message.handout
        leaves.useCa(message.ca.chainPem)
        origins.replaceOwn(message.own)
        return
      case 'drain':
        stopHealth()
        reporter.flush()
        void drain(servers, connections, emitter)
    }
  })
  link.ready()
}

/** No new connections; what runs may finish; the last row leaves before the process does. */
async function drain(servers: Server[], connections: Connections, emitter: LogEmitter): Promise<void> {
  for (const server of servers) server.close()
  await connections.drain(DRAIN_MS)
  // The channel may be full; rows it does not take yet are offered again, until the supervisor's patience ends
  for (emitter.flush(); emitter.size() > 0; emitter.flush()) await sleep(10)
  emitter.close()
  await link.drained()
  process.exit(0)
}

/** The supervisor has checked it before; what fails here is told to it, and the old policy stays. */
function compile(source: PolicySource): CompiledPolicy {
  const { policy, problems } = compilePolicy(source.text, {
    defaultTier: source.defaultTier,
    version: source.version,
    readList: file => {
      const text = source.lists[file]
      if (text === undefined) throw new Error(`The list ${file} did not come with the policy.`)
      return text
    },
  })
  if (policy === null) throw new Error(problems.map(problem => problem.message).join(' '))
  return policy
}

function newCounters(): TrafficCounters {
  return { connections: 0, exchanges: 0, blocked: 0, spliced: 0, inspected: 0, cacheHits: 0, bytesSaved: 0 }
}
