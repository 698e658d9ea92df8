import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pino, { type Logger } from 'pino'
import { loadOrCreateCa } from '../ca/create.ts'
import { accountCalls } from './admin/calls.ts'
import { loadConfig } from './config/load.ts'
import { type Config, parseListen } from './config/schema.ts'
import type { BoxStatus, FromWorker, ToWorker, WorkerInit } from './core/ipc.ts'
import { closeDescriptor, listenPlain, listenTransparent } from './os/sockets.ts'
import { Accounts } from './store/accounts.ts'
import { startStore } from './store/store.ts'
import { AdminProcess } from './supervisor/admin-process.ts'
import { boxCalls } from './supervisor/calls.ts'
import { ownAddresses, watchOwnAddresses } from './supervisor/own-addresses.ts'
import { PolicyKeeper } from './supervisor/policy-keeper.ts'
import { rulesConfig } from './supervisor/rules-config.ts'
import { RulesKeeper } from './supervisor/rules-keeper.ts'
import { secretFile } from './supervisor/secret-file.ts'
import { takeStateDir } from './supervisor/state-dir.ts'
import { serviceUser } from './supervisor/user.ts'
import { WorkerPool } from './supervisor/worker-pool.ts'
import { mintLeaf } from './tls/mint.ts'
import { systemRoots } from './tls/roots.ts'
import { VERSION } from './version.ts'

/** Running exchanges get so long after SIGTERM. */
const DRAIN_MS = 10_000

/**
 * The supervisor: makes everything that needs rights or secrets, starts the processes that see the network, and
 * touches no traffic itself. Resolves with the exit status after SIGTERM or SIGINT; throws UserError when it cannot start.
 */
export async function runSupervisor(configFile: string): Promise<number> {
  let config = loadConfig(configFile)
  const log = pino({ base: { process: 'supervisor' } }, pino.destination({ dest: 2, sync: true }))
  const startedAt = Date.now()

  // 1. What must be right before anything starts
  const user = serviceUser(config.user)
  const releaseState = takeStateDir(config.stateDir)
  const ca = loadOrCreateCa(path.join(config.stateDir, 'ca'))
  const policy = new PolicyKeeper(config)
  const rules = new RulesKeeper(rulesConfig(config), {
    auto: config.rules === 'auto',
    failOpen: config.onFailure === 'open',
    log,
  })
  const count = config.workers === 0 ? os.availableParallelism() : config.workers
  const sockets = openSockets(config, count)

  // 2. The store, the accounts
  let admin: AdminProcess | null = null
  const trafficDb = path.join(config.stateDir, 'traffic.db')
  const store = startStore({
    file: trafficDb,
    retentionDays: config.log.retentionDays,
    maxBytes: config.log.maxMB * 1_000_000,
    log,
    onReplaced: () => admin?.restart(), // it gave up the right to open the new file
  })
  await store.opened
  const accounts = new Accounts(path.join(config.stateDir, 'admin.db'))
  const first = accounts.ensureFirstAdmin()

  // 3. The processes that see the network
  const ticketKeys = randomBytes(48)
  const pseudonymKey = secretFile(path.join(config.stateDir, 'pseudonym.key'), 32)
  const originRootsPem = [...systemRoots(), ...config.tls.originRoots.map(file => fs.readFileSync(file, 'utf8'))]
  const workers = new WorkerPool({
    count,
    log,
    descriptors: id => [sockets.tproxy[id]!],
    init: (id): WorkerInit => ({
      workerId: id,
      keepClientAddress: config.upstream.keepClientAddress,
      defaultTier: config.tls.tier,
      originRootsPem,
      ca: ca.public,
      ticketKeys,
      cacheBytes: Math.floor((config.cache.memoryMB * 1_000_000) / count),
      clientAddressMode: config.log.clientAddress,
      pseudonymKey,
      policy: policy.source(),
      ownAddrs: ownAddresses(),
      ownPorts: [config.listen.tproxy, parseListen(config.listen.admin)!.port],
      uid: user?.uid ?? null,
      gid: user?.gid ?? null,
    }),
    onMessage: (message: FromWorker, reply: (message: ToWorker) => void) => {
      if (message.t === 'log') store.write(message.batch, message.rows, message.dropped)
      else if (message.t === 'mint') reply(mint(message.id, message.name, message.spki))
      else if (message.t === 'policy-failed') log.error(message, 'a worker refused the policy')
    },
    onReady: ready => {
      rules.health(ready)
      if (ready === count) allReady.resolve()
    },
  })
  const allReady = Promise.withResolvers<void>()
  const mint = (id: number, name: string, spki: Buffer): ToWorker => {
    try {
      return { t: 'minted', id, leaf: mintLeaf(ca.key, ca.public, name, spki, Date.now()), error: '' }
    } catch (error) {
      return { t: 'minted', id, leaf: null, error: (error as Error).message }
    }
  }
  const status = (): BoxStatus => ({
    time: Date.now(),
    startedAt,
    version: VERSION,
    workers: workers.statuses(),
    rules: rules.state(),
    policyVersion: policy.version(),
    log: store.status(),
  })
  policy.onChange = source => workers.broadcast({ t: 'policy', policy: source })
  const unwatch = watchOwnAddresses(addrs => workers.broadcast({ t: 'own-addresses', addrs }))
  admin = new AdminProcess({
    fd: sockets.admin,
    init: {
      trafficDb,
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
    },
    status,
    log,
  })
  const reload = () => {
    config = reloadConfig(configFile, config, log)
    policy.configure(config)
    store.setRetention(config.log.retentionDays, config.log.maxMB * 1_000_000)
  }

  // 4. Ready: from here on traffic may come
  const stop = stopSignal(reload)
  const started = await Promise.race([
    Promise.all([allReady.promise, admin.ready]).then(() => true),
    stop.then(() => false),
  ])
  if (started) {
    rules.apply()
    if (first !== null) process.stdout.write(`weir: first sign-in: ${first.user} / ${first.password}\n`)
    process.stdout.write('weir: ready\n')
  }

  // 5. The way down: nothing new, what runs may finish, what was logged is kept
  const signal = await stop
  log.info({ signal }, 'draining')
  unwatch()
  rules.remove()
  for (const fd of sockets.tproxy) closeDescriptor(fd)
  await Promise.all([workers.stop(DRAIN_MS), admin.stop(DRAIN_MS)])
  await store.stop()
  accounts.close()
  releaseState()
  return 0
}
