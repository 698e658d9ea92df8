import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import YAML from 'yaml'
import { type Lab, waitForLine } from './lab.ts'

/** Keys of `weir.yaml`, laid over what the lab sets; a nested object is merged, anything else replaced. */
export type WeirOverrides = { readonly [key: string]: unknown }

export interface WeirProcess {
  /** The supervisor's. */
  readonly pid: number
  readonly stateDir: string
  readonly configFile: string
  /** Port of the admin listener on the gateway's 127.0.0.1; see `Lab.forward`. */
  readonly adminPort: number
  /** Weir's own CA certificate: what a client of the lab has to trust. */
  readonly caFile: string
  readonly caPem: string
  /** Everything printed so far, stdout and stderr. */
  log(): string
  /** SIGTERM, then the exit status; SIGKILL for all of it after `timeoutMs` (10 s). */
  stop(timeoutMs?: number): Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Exit status when it has ended; null when a signal ended it. */
  readonly exited: Promise<number | null>
}

const root = path.resolve(import.meta.dirname, '../..')
let count = 0

/** Writes a `weir.yaml` into a new folder of the lab, runs it on the gateway and waits for `weir: ready`. */
export async function startWeir(lab: Lab, overrides: WeirOverrides = {}): Promise<WeirProcess> {
  const stateDir = path.join(lab.dir, `weir-${process.pid}-${++count}`)
  fs.mkdirSync(stateDir, { mode: 0o755 })
  // The processes without root have to reach their folder through the lab's, which mkdtemp made private.
  fs.chmodSync(lab.dir, 0o755)
  const config = merge(
    {
      stateDir: path.join(stateDir, 'state'),
      workers: 1,
      listen: { tproxy: 3129, admin: '127.0.0.1:8080' },
      intercept: { interface: 'lan', ports: [80, 443] },
      rules: 'auto',
      tls: { originRoots: lab.origin.caFile === '' ? [] : [lab.origin.caFile] },
    },
    overrides,
  ) as { stateDir: string; listen: { admin: string } }
  const configFile = path.join(stateDir, 'weir.yaml')
  const logFile = path.join(stateDir, 'weir.log')
  fs.writeFileSync(configFile, YAML.stringify(config))

  const child = lab.spawn('gateway', [path.join(root, 'bin/weir'), 'run', '--config', configFile], { logFile })
  const exited = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  try {
    await waitForLine(child, logFile, /^weir: ready$/m, 30_000)
  } catch (e) {
    endGroup(child)
    throw e
  }
  const caFile = path.join(config.stateDir, 'ca/ca.pem')
  return {
    pid: child.pid!,
    stateDir: config.stateDir,
    configFile,
    adminPort: Number(/:(\d+)$/.exec(config.listen.admin)?.[1]),
    caFile,
    caPem: fs.existsSync(caFile) ? fs.readFileSync(caFile, 'utf8') : '',
    log: () => fs.readFileSync(logFile, 'utf8'),
    kill: signal => void process.kill(child.pid!, signal),
    exited,
    async stop(timeoutMs = 10_000) {
      child.ref()
      child.kill('SIGTERM')
      const limit = new AbortController()
      await Promise.race([exited, sleep(timeoutMs, null, { signal: limit.signal }).catch(() => null)])
      limit.abort()
      endGroup(child)
      return exited
    },
  }
}

/** Whatever of the process group is left. */
function endGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // nothing left
  }
}

function merge(base: Record<string, unknown>, over: WeirOverrides): Record<string, unknown> {
  const out = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = out[key]
    out[key] = isRecord(below) && isRecord(value) ? merge(below, value) : value
  }
  return out
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
