import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../test/lab/lab.ts'
import type { Product } from './products.ts'
import { HOSTS, type Site } from './site.ts'

const POLICY = `version: 1
rules:
  - name: Closed
    domains: [${HOSTS.spliced.name}]
    tier: pass
`
/** The supervisor tells the admin process every second. */
const STATUS_MS = 1200
/** Threads of the supervisor that Node starts for itself; the one that is left is the store's. */
const NODE_THREADS = /^(node-MainThread|node-V8Worker|DelayedTaskSche|SignalInspector|libuv-worker|node)$/

/** `profileDir`: every process writes a CPU profile there when it ends. */
export async function startWeir(lab: Lab, site: Site, profileDir: string | null): Promise<Product> {
  const policy = `${lab.dir}/policy.yaml`
  writeFileSync(policy, POLICY)
  if (profileDir !== null) process.env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${profileDir}`
  const weir = await lab
    .startWeir({ workers: 1, rules: 'manual', policy, tls: { originRoots: [site.caFile] }, cache: { memoryMB: 256 } })
    .finally(() => delete process.env.NODE_OPTIONS)
  const port = Number(/tproxy: (\d+)/.exec(readFileSync(weir.configFile, 'utf8'))![1])
  return {
    name: 'weir',
    pid: weir.pid,
    caFile: weir.caFile,
    ports: { plain: port, tls: port },
    parts: {
      process: (_pid, line) =>
        line.includes('src/worker.ts') ? 'worker' : line.includes('admin/main.ts') ? 'admin' : 'supervisor',
      thread: storeThread,
    },
    logLost: () => logLost(lab, weir.adminPort),
    async stop() {
      await weir.stop()
    },
  }
}

/** `Parts.thread` for the store's thread in the supervisor. */
export function storeThread(comm: string, part: string): string | null {
  return part === 'supervisor' && !NODE_THREADS.test(comm) ? 'store' : null
}

async function logLost(lab: Lab, adminPort: number): Promise<number> {
  await sleep(STATUS_MS)
  const ran = await lab.exec('gateway', ['curl', '-s', `http://127.0.0.1:${adminPort}/metrics`], { timeoutMs: 5000 })
  const lost = /^weir_log_rows_dropped_total (\d+)$/m.exec(ran.stdout)
  if (lost === null) throw new Error('no weir_log_rows_dropped_total in /metrics')
  return Number(lost[1])
}
