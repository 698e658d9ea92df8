import { randomBytes } from 'node:crypto'
import { enableCompileCache } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { accountCalls } from './admin/calls.ts'
import { limitsOf } from './config/http.ts'
import { loadConfig } from './config/load.ts'
import { type Config, parseListen } from './config/schema.ts'
import type { WorkerInit } from './core/ipc.ts'
import { closeDescriptor, listenPlain, listenTransparent } from './os/sockets.ts'
import { Accounts } from './store/accounts.ts'
import { startStore } from './store/store.ts'
import { AdminProcess } from './supervisor/admin-process.ts'
import { CaKeeper } from './supervisor/ca-keeper.ts'
import { boxCalls } from './supervisor/calls.ts'
import { guardCrash } from './supervisor/crash.ts'
import { Learning } from './supervisor/learning.ts'
import { readOriginTrust, watchRoots } from './supervisor/origin-trust.ts'
import { ownAddresses, watchOwnAddresses } from './supervisor/own-addresses.ts'
import { PolicyKeeper } from './supervisor/policy-keeper.ts'
import { rulesConfig } from './supervisor/rules-config.ts'
import { RulesKeeper } from './supervisor/rules-keeper.ts'
import { secretFile } from './supervisor/secret-file.ts'
import { FactKeeper } from './supervisor/shared-facts.ts'
import { Signals } from './supervisor/signals.ts'
import { takeStateDir } from './supervisor/state-dir.ts'
import { tlsCalls } from './supervisor/tls-calls.ts'
import { type ServiceUser, serviceUser } from './supervisor/user.ts'
import { WorkerPool } from './supervisor/worker-pool.ts'
import { TicketKeys } from './tls/tickets.ts'
import { VERSION } from './version.ts'

/** Running exchanges get so long after SIGTERM. */
const DRAIN_MS = 8_000

/**
 * The supervisor: makes everything that needs rights or secrets, starts the processes that see the network, and touches
 * no traffic itself. Resolves with the exit status after SIGTERM or SIGINT; throws UserError when it cannot start.
 * What was taken is given back in reverse order, whichever way it ends.
 */
export async function runSupervisor(configFile: string | null): Promise<number> {
  await using taken = new AsyncDisposableStack()
  const signals = new Signals()
  taken.defer(() => signals.close())
  const log = pino({ base: { process: 'supervisor' } }, pino.destination({ dest: 2, sync: true }))
  let config = loadConfig(configFile)
  const user = serviceUser(config.user)
  const count = config.workers === 0 ? os.availableParallelism() : config.workers

  // 1. What must be right before anything starts
  taken.defer(takeStateDir(config.stateDir))
  // Inherited by every process started from here: a replaced worker loads its code in half the time
  enableCompileCache(path.join(config.stateDir, 'compile-cache'))
  const ca = new CaKeeper(path.join(config.stateDir, 'ca'), config.tls.ca, log)
  taken.defer(() => ca.close())
  const policy = new PolicyKeeper(config)
  const rules = new RulesKeeper(rulesConfig(config), {
    auto: config.rules === 'auto',
    failOpen: config.onFailure === 'open',
    log,
  })
  const unguard = guardCrash(error => {
    rules.abandon()
    log.fatal({ err: error }, 'the supervisor made a mistake and ends')
  })
  taken.defer(unguard)
  const sockets = openSockets(config, count)
  taken.defer(() => sockets.close())

  // 2. What is kept: the log and the accounts
  let admin: AdminProcess | null = null
  const store = startStore({
    ...storeSettings(config),
    log,
    onReplaced: () => admin?.restart(), // it gave up the right to open the new file
  })
  taken.defer(() => store.stop())
  await store.opened
  const accounts = new Accounts(path.join(config.stateDir, 'admin.db'))
  taken.defer(() => accounts.close())
  const firstSignIn = accounts.ensureFirstAdmin()

  // 3. The processes that see the network
  const startedAt = Date.now()
  const facts = new FactKeeper(
    message => workers.broadcast(message),
    () => policy.policy().tls.override === 'allow',
  )
  const learning = new Learning({
    file: path.join(config.stateDir, 'learned.json'),
    groupsOf: client => policy.policy().groupsOf(client),
    broadcast: message => workers.broadcast(message),
    log,
  })
  taken.defer(() => learning.close())
  const tickets = new TicketKeys(keys => workers.broadcast({ t: 'ticket-keys', keys }))
  taken.defer(() => tickets.close())
  const makeInit = workerInit(config, count, user, { ca, policy, facts, learning, tickets })
  const workers: WorkerPool = new WorkerPool({
    count,
    log,
    descriptors: id => [sockets.tproxy[id]!],
    init: makeInit,
    onMessage: (message, reply) => {
      if (message.t === 'log') store.write(message.batch, message.rows, message.dropped)
      else if (message.t === 'mint') reply(ca.mint(message))
      else if (message.t === 'share') facts.share(message.fact)
      else if (message.t === 'handshakes') learning.take(message.events)
      else if (message.t === 'policy-failed') log.error(message, 'a worker refused the policy and keeps the old one')
    },
    onReady: ready => rules.health(ready),
  })
  admin = new AdminProcess({
    fd: sockets.admin,
    init: {
      trafficDb: storeSettings(config).file,
      adminDb: path.join(config.stateDir, 'admin.db'),
      ca: ca.public,
      uid: user?.uid ?? null,
      gid: user?.gid ?? null,
      version: VERSION,
      listen: config.listen.admin,
    },
    calls: {
      ...accountCalls(accounts),
      ...boxCalls({ policy, purge: host => workers.broadcast({ t: 'purge', host }) }),
      ...tlsCalls({ ca, policy, facts, learner: learning.learner }),
    },
    status: () => ({
      time: Date.now(),
      startedAt,
      version: VERSION,
      workers: workers.statuses(),
      rules: rules.state(),
      policyVersion: policy.version(),
      log: store.status(),
    }),
    log,
  })
  taken.defer(() => rules.remove())
  const processes = [workers, admin]
  taken.defer(async () => void (await Promise.all(processes.map(each => each.stop(DRAIN_MS)))))

  // 4. What changes while it runs
  ca.onChange = () => workers.broadcast({ t: 'ca', ca: ca.public, own: ca.own(), handout: ca.handout() })
  policy.onChange = source => workers.broadcast({ t: 'policy', policy: source })
  taken.defer(watchOwnAddresses(config.intercept.interface, own => workers.broadcast({ t: 'own-addresses', own })))
  taken.defer(watchRoots(config.tls.originRoots, rootsPem => workers.broadcast({ t: 'origin-roots', rootsPem })))
  signals.onReload = () => {
    try {
      config = loadConfig(configFile)
      policy.reload(config)
      ca.reload()
      store.setRetention(config.log.retentionDays, config.log.maxMB * 1_000_000)
      log.info(
        { policy: policy.version() },
        'policy, default tier, retention and the CA read again; other keys need a restart',
      )
    } catch (error) {
      log.error(`not reloaded, the old settings stay: ${(error as Error).message}`)
    }
  }

  // 5. Traffic may come, until we are told to stop
  await Promise.race([Promise.all([workers.allReady, admin.ready]), signals.stop])
  if (!signals.stopped) {
    taken.defer(() => rules.drain())
    rules.apply()
    if (firstSignIn !== null) print(`weir: first sign-in: ${firstSignIn.user} / ${firstSignIn.password}`)
    print('weir: ready')
  }
  log.info({ signal: await signals.stop }, 'draining')
  return 0
}

/** Every listening socket, made while there are rights to make it. */
function openSockets(config: Config, count: number) {
  const open: number[] = []
  const keep = (fd: number) => {
    open.push(fd)
    return fd
  }
  const close = () => {
    for (const fd of open.splice(0)) closeDescriptor(fd)
  }
  try {
    const { host, port } = parseListen(config.listen.admin)!
    const admin = keep(listenPlain(host, port))
    const tproxy = Array.from({ length: count }, () => keep(listenTransparent(config.listen.tproxy)))
    return { tproxy, admin, close }
  } catch (error) {
    close()
    throw error
  }
}

function storeSettings(config: Config) {
  return {
    file: path.join(config.stateDir, 'traffic.db'),
    retentionDays: config.log.retentionDays,
    maxBytes: config.log.maxMB * 1_000_000,
  }
}

interface Keepers {
  ca: CaKeeper
  policy: PolicyKeeper
  facts: FactKeeper
  learning: Learning
  tickets: TicketKeys
}

/** What each worker is told at its start. Secrets shared by all of them are made once, here. */
function workerInit(config: Config, count: number, user: ServiceUser | null, keepers: Keepers) {
  const overrideKey = randomBytes(32)
  const boxId = secretFile(path.join(config.stateDir, 'box-id'), 6).toString('hex')
  const pseudonymKey = secretFile(path.join(config.stateDir, 'pseudonym.key'), 32)
  const trust = readOriginTrust(config)
  const { ca, policy, facts, learning, tickets } = keepers
  return (workerId: number): WorkerInit => ({
    workerId,
    boxId,
    keepClientAddress: config.upstream.keepClientAddress,
    limits: limitsOf(config.http),
    ...trust,
    ca: ca.public,
    ownCas: ca.own(),
    ticketKeys: tickets.current(),
    overrideKey,
    handout: ca.handout(),
    facts: facts.all(),
    learned: learning.entries(),
    cacheBytes: Math.floor((config.cache.memoryMB * 1_000_000) / count),
    clientAddressMode: config.log.clientAddress,
    pseudonymKey,
    policy: policy.source(),
    own: ownAddresses(config.intercept.interface),
    uid: user?.uid ?? null,
    gid: user?.gid ?? null,
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
