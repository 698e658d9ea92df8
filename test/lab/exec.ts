import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

export interface ExecOptions {
  /** The command and its children are ended after this; default 60 s. */
  readonly timeoutMs?: number
  readonly input?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
}

export interface ExecResult {
  /** Exit status; null when a signal (or the time limit) ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as it came, for what is not text. */
  readonly bytes: Buffer
}

/** What a command may print before it is ended: a download belongs in a file. */
const MAX_OUTPUT_BYTES = 256 << 20

const root = path.resolve(import.meta.dirname, '../..')

/** Commands see Node 26 and the tools of sbin first, and no proxy settings of the machine around the lab. */
function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [key, value] of Object.entries(process.env)) if (!/_proxy$/i.test(key)) env[key] = value
  env.PATH = `${path.join(root, 'node_modules/.bin')}:${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`
  return { ...env, ...extra }
}

const inNamespace = (namespace: string, argv: readonly string[]) => ['netns', 'exec', namespace, ...argv]

export function spawnIn(
  namespace: string,
  argv: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly logFile?: string } = {},
): ChildProcess {
  const log = options.logFile === undefined ? 'pipe' : fs.openSync(options.logFile, 'a')
  const child = spawn('ip', inNamespace(namespace, argv), {
    detached: true,
    env: environment(options.env),
    stdio: [log === 'pipe' ? 'pipe' : 'ignore', log, log],
  })
  if (typeof log === 'number') {
    fs.closeSync(log)
    child.unref()
  }
  return child
}

export function execIn(namespace: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', inNamespace(namespace, argv), {
      detached: true,
      env: environment(options.env),
      stdio: 'pipe',
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    // ip becomes the command, so its pid is the group's.
    const end = () => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // ended by itself meanwhile
      }
    }
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      if ((size += chunk.length) > MAX_OUTPUT_BYTES) end()
      else into.push(chunk)
    }
    const timer = setTimeout(end, options.timeoutMs ?? 60_000)
    child.stdout.on('data', collect(out))
    child.stderr.on('data', collect(err))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const bytes = Buffer.concat(out)
      resolve({ code, signal, stdout: bytes.toString(), stderr: Buffer.concat(err).toString(), bytes })
    })
  })
}
