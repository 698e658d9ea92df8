import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Lab } from '../test/lab/lab.ts'
import type { ConnectionsJob, ConnectionsResult, IdleJob } from './client.ts'

/** What a load has done. With errors it is not a measurement. */
export interface Load {
  /** Requests or connections that came to a good end. */
  readonly done: number
  readonly wallMs: number
  readonly errors: readonly string[]
  /** What a reader of the figure has to know. */
  readonly remark?: string
}

export interface H2load {
  readonly url: string
  readonly connections: number
  /** Requests in flight on each connection. HTTP/1.1 has one. */
  readonly streams?: number
  readonly http2?: boolean
}

/** No row takes that long on any machine that is of use: what does is broken. */
const LOAD_LIMIT_MS = 90_000
const CLIENT = path.join(import.meta.dirname, 'client.ts')

/** A number of requests over connections that stay open. */
export async function h2load(lab: Lab, load: H2load, requests: number): Promise<Load> {
  return parseH2load(await runH2load(lab, load, ['-n', String(Math.max(requests, load.connections))]))
}

/** Requests for some time; answers how many each second. What is in flight at the end is cut off, so this only warms up. */
export async function h2loadRate(lab: Lab, load: H2load, seconds: number): Promise<number> {
  const text = await runH2load(lab, load, ['-D', `${Math.round(seconds * 1000)}ms`])
  return Number(/, ([\d.]+) req\/s/.exec(text)?.[1] ?? 0)
}

async function runH2load(lab: Lab, load: H2load, amount: readonly string[]): Promise<string> {
  const argv = ['h2load', ...amount, '-c', String(load.connections), '-m', String(load.streams ?? 1)]
  if (!load.http2) argv.push('--h1')
  const ran = await lab.exec('client', [...argv, load.url], { timeoutMs: LOAD_LIMIT_MS })
  return `${ran.stdout}\n${ran.stderr}`
}

/** h2load's report as text. */
export function parseH2load(text: string): Load {
  const numbers = (line: RegExp) => (line.exec(text) ?? []).slice(1).map(Number)
  const [wall] = numbers(/^finished in ([\d.]+)(?=s)/m)
  const [millis] = numbers(/^finished in ([\d.]+)(?=ms)/m)
  const [total, succeeded] = numbers(/^requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded/m)
  const [ok] = numbers(/^status codes: (\d+) 2xx/m)
  const wallMs = millis ?? (wall ?? 0) * 1000
  if (total === undefined || ok === undefined || wallMs === 0)
    return { done: 0, wallMs: 0, errors: [`h2load did not finish: ${text.trim().split('\n').at(-1) ?? ''}`] }
  const errors: string[] = []
  if (succeeded !== total) errors.push(`${total - succeeded!} of ${total} requests failed`)
  if (ok !== total) errors.push(`${total - ok} of ${total} answers were not 2xx`)
  return { done: ok, wallMs, errors }
}

/** Many short connections, each verified against the CA, with one request. */
export async function connections(lab: Lab, job: ConnectionsJob): Promise<Load & { readonly resumed: number }> {
  const ran = await lab.exec('client', [process.execPath, CLIENT, 'connections', JSON.stringify(job)], {
    timeoutMs: LOAD_LIMIT_MS,
  })
  if (ran.code !== 0) return { done: 0, wallMs: 0, resumed: 0, errors: [`client ended: ${ran.stderr.slice(-300)}`] }
  return JSON.parse(ran.stdout) as ConnectionsResult
}

/** Connections that have seen two requests and then wait. */
export interface Idle {
  readonly open: number
  readonly errors: readonly string[]
  /** How many were still open when it was over. */
  end(): Promise<number>
}

export async function openIdle(lab: Lab, job: IdleJob): Promise<Idle> {
  const child = lab.spawn('client', [process.execPath, CLIENT, 'idle', JSON.stringify(job)])
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  let complaint = ''
  child.stderr!.on('data', chunk => {
    complaint = `${complaint}${chunk}`.slice(-300)
  })
  const next = async () => {
    const limit = setTimeout(() => child.kill('SIGKILL'), LOAD_LIMIT_MS)
    const line = await lines.next()
    clearTimeout(limit)
    if (line.done) throw new Error(`client ended: ${complaint}`)
    return JSON.parse(line.value) as { open: number; errors: string[] }
  }
  const { open, errors } = await next()
  return {
    open,
    errors,
    async end() {
      child.stdin!.end()
      const left = (await next()).open
      await ended(child)
      return left
    },
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => child.once('exit', () => resolve()))
}
