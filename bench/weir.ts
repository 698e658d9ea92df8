import { readFileSync, writeFileSync } from 'node:fs'
import type { Lab } from '../test/lab/lab.ts'
import type { Product } from './products.ts'
import { HOSTS, type Site } from './site.ts'

const POLICY = `version: 1
rules:
  - name: Closed
    domains: [${HOSTS.spliced.name}]
    tier: pass
`
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
      thread: (comm, part) => (part === 'supervisor' && !NODE_THREADS.test(comm) ? 'store' : null),
    },
    log: () => weir.log(),
    async stop() {
      await weir.stop()
    },
  }
}
