import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { ExecOptions } from './exec.ts'
import type { Host, Lab } from './lab.ts'

export interface Answer {
  /** curl's exit status: 0 is a whole answer, 35/60 TLS, 28 time-out, 52 nothing, 56 reset. */
  readonly exit: number | null
  /** 0 when there was none. */
  readonly status: number
  /** `1.1`, `2` */
  readonly httpVersion: string
  /** Names in lower case, values in the order they came, of the last answer (not of a 1xx or a redirect before it). */
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** Head lines exactly as received, every answer including 1xx, and trailers. */
  readonly rawHead: string
  readonly body: string
  readonly bytes: Buffer
  /** What curl says about a failure. */
  readonly error: string
  /** curl's own record of the transfer (`-w %{json}`): times in seconds, addresses, `ssl_verify_result`, `certs`. */
  readonly info: Readonly<Record<string, unknown>>
}

export interface CurlOptions extends ExecOptions {
  /** PEM file the client trusts, and nothing else; none: the machine's roots. */
  readonly ca?: string
  readonly host?: Host
}

/** curl on the client. `args` are curl's own, the address among them. */
export async function curl(lab: Lab, args: readonly string[], options: CurlOptions = {}): Promise<Answer> {
  const headFile = path.join(lab.dir, `curl-${randomBytes(6).toString('hex')}`)
  const trust = options.ca === undefined ? [] : ['--cacert', options.ca]
  const limitS = Math.ceil((options.timeoutMs ?? 60_000) / 1000)
  const argv = [
    'curl',
    '-q',
    '-sS',
    '-D',
    headFile,
    '-w',
    '%{stderr}\n%{json}',
    '--max-time',
    String(limitS),
    ...trust,
    ...args,
  ]
  const ran = await lab.exec(options.host ?? 'client', argv, { ...options, timeoutMs: limitS * 1000 + 5000 })
  const rawHead = fs.existsSync(headFile) ? fs.readFileSync(headFile, 'latin1') : ''
  fs.rmSync(headFile, { force: true })
  const cut = ran.stderr.lastIndexOf('\n{')
  const info = cut < 0 ? {} : (JSON.parse(ran.stderr.slice(cut)) as Record<string, unknown>)
  return {
    exit: ran.code,
    status: Number(info.http_code ?? 0),
    httpVersion: String(info.http_version ?? ''),
    headers: lastHead(rawHead),
    rawHead,
    body: ran.stdout,
    bytes: ran.bytes,
    error: ran.stderr.slice(0, Math.max(cut, 0)).trim(),
    info,
  }
}

function lastHead(rawHead: string): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  const start = rawHead.search(/HTTP\/[\d.]+ \d{3}(?![\s\S]*^HTTP\/)/m)
  for (const line of rawHead.slice(Math.max(start, 0)).split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon > 0) (headers[line.slice(0, colon).toLowerCase()] ??= []).push(line.slice(colon + 1).trim())
  }
  return headers
}

/** Connects, sends `send` (once connected, or after the other side has spoken first), and returns what came until close or silence. */
export async function rawTcp(
  lab: Lab,
  to: { readonly host: string; readonly port: number },
  options: {
    readonly send?: string | Uint8Array
    readonly afterFirst?: boolean
    readonly quietMs?: number
    readonly from?: Host
  } = {},
): Promise<{ readonly data: Buffer; readonly end: 'closed' | 'reset' | 'quiet' | 'refused' | 'unreachable' }> {
  const input = JSON.stringify({
    ...to,
    send: Buffer.from(options.send ?? '').toString('base64'),
    afterFirst: options.afterFirst ?? false,
    quietMs: options.quietMs ?? 1000,
  })
  const ran = await lab.node(options.from ?? 'client', RAW_TCP, { input })
  if (ran.code !== 0) throw new Error(ran.stderr)
  const { data, end } = JSON.parse(ran.stdout)
  return { data: Buffer.from(data, 'base64'), end }
}

const RAW_TCP = `
import net from 'node:net'
import { text } from 'node:stream/consumers'
const { host, port, send, afterFirst, quietMs } = JSON.parse(await text(process.stdin))
const socket = net.connect({ host, port, allowHalfOpen: true })
const chunks = []
let timer
const done = end => {
  console.log(JSON.stringify({ data: Buffer.concat(chunks).toString('base64'), end }))
  process.exit(0)
}
const alive = () => { clearTimeout(timer); timer = setTimeout(done, quietMs, 'quiet') }
alive()
let sent = false
const speak = () => { if (!sent && send !== '') socket.write(Buffer.from(send, 'base64')); sent = true }
socket.on('connect', () => { alive(); if (!afterFirst) speak() })
socket.on('data', chunk => { chunks.push(chunk); alive(); if (afterFirst) speak() })
socket.on('end', () => done('closed'))
socket.on('error', e => done({ ECONNRESET: 'reset', EPIPE: 'reset', ECONNREFUSED: 'refused' }[e.code] ?? 'unreachable'))
`

/** Opens a WebSocket (Node's own client), sends each message, and returns what came back, in order. */
export async function webSocket(
  lab: Lab,
  url: string,
  messages: readonly string[],
  options: { readonly ca?: string; readonly timeoutMs?: number } = {},
): Promise<{ readonly messages: string[]; readonly error: string }> {
  const env = options.ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: options.ca }
  const input = JSON.stringify({ url, messages, timeoutMs: options.timeoutMs ?? 5000 })
  const ran = await lab.node('client', WEB_SOCKET, { input, env })
  if (ran.code !== 0) throw new Error(ran.stderr)
  return JSON.parse(ran.stdout)
}

const WEB_SOCKET = `
import { text } from 'node:stream/consumers'
const { url, messages, timeoutMs } = JSON.parse(await text(process.stdin))
const got = []
const done = error => { console.log(JSON.stringify({ messages: got, error })); process.exit(0) }
setTimeout(done, timeoutMs, 'time-out')
const ws = new WebSocket(url)
ws.onopen = () => messages.forEach(m => ws.send(m))
ws.onmessage = e => { got.push(String(e.data)); if (got.length === messages.length) ws.close() }
ws.onerror = e => done(String(e.message || e.error || 'error'))
ws.onclose = () => done('')
`
