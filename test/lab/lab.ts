import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExecOptions, type ExecResult, execIn, spawnIn } from './exec.ts'
import { hostsFile } from './sites.ts'
import { startWeir, type WeirOverrides, type WeirProcess } from './weir.ts'

export type Host = 'client' | 'gateway' | 'origin'

export interface OriginInfo {
  readonly names: Readonly<Record<string, { readonly v4: string; readonly v6: string }>>
  /** PEM file of the CA that signed the good certificates: for `tls.originRoots`. */
  readonly caFile: string
}

export interface LabOptions {
  /** Prefix of the namespaces' names; by default a random one, so that labs run side by side. */
  readonly name?: string
  /** Start the origin's internet (default) or leave the host bare. */
  readonly origin?: boolean
  /** Outlive this process: no watchdog, only `takeDown` ends it. */
  readonly persistent?: boolean
}

export interface Forward {
  /** Port on 127.0.0.1 of the machine itself. */
  readonly port: number
  close(): Promise<void>
}

/** Three hosts: client — gateway — origin. */
export interface Lab {
  readonly name: string
  /** For files of this lab; goes with it. */
  readonly dir: string
  readonly origin: OriginInfo
  /** Name of the network namespace of a host. */
  namespace(host: Host): string
  /** Runs a command on a host and waits for it; never throws for a bad exit status. */
  exec(host: Host, argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** Runs an ES module given as source under Node 26 on a host; `input` is its stdin. */
  node(host: Host, source: string, options?: ExecOptions & { readonly args?: readonly string[] }): Promise<ExecResult>
  /** Starts a command on a host in a process group of its own. It ends with the lab at the latest. */
  spawn(
    host: Host,
    argv: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly logFile?: string },
  ): ChildProcess
  /** Makes a TCP port of a host (its 127.0.0.1 by default) reachable from this process. `listenPort` 0 or none: a free one. */
  forward(host: Host, target: { readonly port: number; readonly host?: string }, listenPort?: number): Promise<Forward>
  /** Starts `bin/weir run` on the gateway and waits until it is ready. */
  startWeir(overrides?: WeirOverrides): Promise<WeirProcess>
  /** Ends every process of the lab and takes everything away. May be called twice. */
  close(): Promise<void>
}

const here = import.meta.dirname
const STATE_ROOT = os.tmpdir()

/** Where a persistent lab of that name keeps its files. */
export const persistentDir = (name: string) => `/run/${name}`

export async function createLab(options: LabOptions = {}): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('The lab makes network namespaces: it needs root.')
  const name = options.name ?? `weir-${randomBytes(4).toString('hex')}`
  if (fs.existsSync(`/run/netns/${name}-client`)) throw new Error(`There is a lab named ${name} already.`)
  const dir = options.persistent ? persistentDir(name) : fs.mkdtempSync(path.join(STATE_ROOT, `${name}-`))
  fs.mkdirSync(dir, { recursive: true })
  // The watchdog is there before anything it has to take away.
  const watchdog = options.persistent ? null : startWatchdog(name, dir)
  try {
    const hosts = path.join(dir, 'hosts')
    fs.writeFileSync(hosts, hostsFile())
    execFileSync('sh', [path.join(here, 'up.sh'), name, hosts], { stdio: ['ignore', 'pipe', 'pipe'] })
    const origin = options.origin === false ? { names: {}, caFile: '' } : await startOrigin(name, dir)
    return makeLab(name, dir, origin, watchdog)
  } catch (e) {
    if (watchdog === null) takeDown(name, dir)
    else await endWatchdog(watchdog)
    throw e
  }
}

/** A lab somebody else keeps alive, for use from another process; null when its origin does not run. */
export function attachLab(name: string): Lab | null {
  const dir = persistentDir(name)
  try {
    const [line = ''] = fs.readFileSync(path.join(dir, 'origin.log'), 'utf8').split('\n', 1)
    const pid = fs.readFileSync(path.join(dir, 'origin.pid'), 'utf8')
    // A number alone may be another process by now, or a zombie, which has no command line.
    if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)) return null
    return makeLab(name, dir, JSON.parse(line) as OriginInfo, null)
  } catch {
    return null
  }
}

/** Takes a lab away, whole or half there. */
export function takeDown(name: string, dir: string): void {
  execFileSync('sh', [path.join(here, 'down.sh'), name, dir], { stdio: 'ignore' })
}

function makeLab(name: string, dir: string, origin: OriginInfo, watchdog: ChildProcess | null): Lab {
  const namespace = (host: Host) => `${name}-${host}`
  const forwards = new Set<Forward>()
  let closing: Promise<void> | null = null
  const lab: Lab = {
    name,
    dir,
    origin,
    namespace,
    exec: (host, argv, options) => execIn(namespace(host), argv, options),
    node: (host, source, options = {}) =>
      execIn(
        namespace(host),
        [process.execPath, '--input-type=module', '-e', source, '--', ...(options.args ?? [])],
        options,
      ),
    spawn: (host, argv, options) => spawnIn(namespace(host), argv, options),
    async forward(host, target, listenPort = 0) {
      const forward = await openForward(lab, host, target, listenPort)
      forwards.add(forward)
      return forward
    },
    startWeir: overrides => startWeir(lab, overrides),
    close() {
      closing ??= (async () => {
        await Promise.all([...forwards].map(forward => forward.close()))
        if (watchdog === null) takeDown(name, dir)
        else await endWatchdog(watchdog)
      })()
      return closing
    },
  }
  return lab
}

/**
 * A shell of its own session that waits for the end of its stdin: the write end lives in this process alone, so it closes
 * when the process ends, however that happens, and the shell then takes the lab away.
 */
function startWatchdog(name: string, dir: string): ChildProcess {
  const script = `trap '' INT TERM HUP; cat >/dev/null; exec sh "$0" "$1" "$2"`
  const child = spawn('sh', ['-c', script, path.join(here, 'down.sh'), name, dir], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  ;(child.stdin as net.Socket).unref()
  return child
}

/** Closing the pipe is the order to clean up; done when the shell has ended. */
async function endWatchdog(watchdog: ChildProcess): Promise<void> {
  if (watchdog.exitCode !== null || watchdog.signalCode !== null) return
  watchdog.ref()
  const ended = new Promise<void>(resolve => watchdog.once('exit', () => resolve()))
  watchdog.stdin!.destroy()
  await ended
}

async function startOrigin(name: string, dir: string): Promise<OriginInfo> {
  const logFile = path.join(dir, 'origin.log')
  const child = spawnIn(`${name}-origin`, [process.execPath, path.join(here, 'origin.ts'), dir], { logFile })
  fs.writeFileSync(path.join(dir, 'origin.pid'), String(child.pid))
  const line = await waitForLine(child, logFile, /^\{.*\}$/m, 30_000)
  return JSON.parse(line) as OriginInfo
}

/** Polls a log file: it outlives both ends, which a pipe does not. */
export async function waitForLine(
  child: ChildProcess,
  logFile: string,
  line: RegExp,
  timeoutMs: number,
): Promise<string> {
  for (const until = Date.now() + timeoutMs; ; await sleep(10)) {
    const text = fs.existsSync(logFile) ? fs.readFileSync(logFile, 'utf8') : ''
    const found = line.exec(text)
    if (found !== null) return found[0]
    const ended = child.exitCode !== null || child.signalCode !== null
    if (ended || Date.now() > until) {
      throw new Error(
        `${child.spawnargs.slice(4).join(' ')} ${ended ? 'ended' : 'is not ready'}:\n${text.slice(-4000)}`,
      )
    }
  }
}

async function openForward(
  lab: Lab,
  host: Host,
  target: { readonly port: number; readonly host?: string },
  listenPort: number,
): Promise<Forward> {
  // Unix sockets do not belong to a network namespace: a relay in the host's listens on one, we connect to it.
  const id = randomBytes(4).toString('hex')
  const file = path.join(lab.dir, `relay-${id}.sock`)
  const logFile = path.join(lab.dir, `relay-${id}.log`)
  const argv = [process.execPath, path.join(here, 'relay.ts'), file, target.host ?? '127.0.0.1', String(target.port)]
  const relay = lab.spawn(host, argv, { logFile })
  await waitForLine(relay, logFile, /^ready$/m, 10_000)
  const open = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, near => {
    const far = net.connect({ path: file, allowHalfOpen: true })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listenPort, '127.0.0.1', () => resolve())
  })
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
        relay.kill('SIGKILL')
      }),
  }
}
