import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Lab } from '../../lab/lab.ts'

export interface Talk {
  port: number
  /** `none`: plain TCP; `hello-only`: a real ClientHello of which nothing follows; else the one protocol offered. */
  tls?: 'none' | 'hello-only' | 'http/1.1' | 'h2'
  send: string | Uint8Array
  /** Then one `dripText` ('a') every so many ms, `drips` times (no end). */
  drip?: number
  dripText?: string
  drips?: number
  /** So many bytes more. */
  fill?: number
  /** false: nothing is ever read. */
  read?: boolean
  /** FIN after `send`. */
  fin?: boolean
  /** Goes on sending after the other side's FIN. */
  stubborn?: boolean
}

export interface Heard {
  /** For `h2`: `GOAWAY code status`, of one request made first. */
  data: string
  /** `quiet`: nothing had happened after 40 s. */
  end: 'closed' | 'reset' | 'quiet'
  /** From the last byte that was not dripped to the end. */
  ms: number
  /** The client's. */
  port: number
}

/** One connection from the client to www.origin.example. */
export async function talk(lab: Lab, options: Talk): Promise<Heard> {
  const input = JSON.stringify({
    tls: 'none',
    read: true,
    ...options,
    send: Buffer.from(options.send).toString('base64'),
  })
  const ran = await lab.node('client', TALK, { input })
  if (ran.code !== 0) throw new Error(ran.stderr)
  return JSON.parse(ran.stdout)
}

const TALK = `
import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { text } from 'node:stream/consumers'
const o = JSON.parse(await text(process.stdin))
const send = Buffer.from(o.send, 'base64')
const tcp = net.connect({ host: '203.0.113.10', port: o.port, allowHalfOpen: true })
const chunks = []
let began = performance.now(), port = 0, said = '', dripping
const done = end => {
  const data = said || Buffer.concat(chunks).toString('latin1')
  console.log(JSON.stringify({ data, end, ms: Math.round(performance.now() - began), port }))
  process.exit(0)
}
setTimeout(done, 40_000, 'quiet')
const failed = error => done(['ECONNRESET', 'EPIPE'].includes(error.code) ? 'reset' : String(error))
tcp.on('connect', () => { port = tcp.localPort })
tcp.on('error', failed)
const speak = socket => {
  began = performance.now()
  socket.on('error', failed)
  if (send.length > 0) socket.write(send)
  if (o.fill) socket.write(Buffer.alloc(o.fill))
  if (o.fin) socket.end()
  if (o.drip) {
    let left = o.drips ?? Infinity
    dripping = setInterval(() => left-- > 0 && socket.writable && socket.write(o.dripText ?? 'a'), o.drip)
  }
  if (!o.read) {
    // Whoever does not read hears of nothing but of a reset, and of that when it writes or reads at last
    socket.pause()
    setTimeout(() => { socket.on('end', () => done('closed')); socket.on('close', () => done('closed')); socket.resume() }, 15_000)
    return
  }
  socket.on('data', chunk => chunks.push(chunk))
  if (!o.stubborn) socket.on('end', () => done('closed'))
  socket.on('close', () => done('closed'))
}
const host = { servername: 'www.origin.example', rejectUnauthorized: false }
if (o.tls === 'none') tcp.on('connect', () => speak(tcp))
else if (o.tls === 'hello-only') {
  // The hello is real; what comes back never reaches the one who could answer it
  const { Duplex } = await import('node:stream')
  const hello = await new Promise(resolve => {
    const pipe = new Duplex({ read() {}, write: (chunk, _e, next) => { resolve(chunk); next() } })
    tls.connect({ ...host, socket: pipe }).on('error', () => {})
  })
  tcp.on('connect', () => {
    began = performance.now()
    tcp.write(hello)
    tcp.on('data', () => {})
    tcp.on('end', () => done('closed'))
  })
} else if (o.tls === 'h2') {
  const session = http2.connect('https://www.origin.example', { ...host, createConnection: () => tls.connect({ ...host, socket: tcp, ALPNProtocols: ['h2'] }) })
  session.on('error', failed)
  let status = 0
  const stream = session.request({ ':path': '/' })
  stream.on('response', headers => { status = headers[':status'] })
  stream.on('end', () => { began = performance.now() })
  stream.resume()
  session.on('goaway', code => { said = 'GOAWAY ' + code + ' ' + status })
  session.on('close', () => done('closed'))
} else {
  const socket = tls.connect({ ...host, socket: tcp, ALPNProtocols: [o.tls] })
  socket.on('secureConnect', () => speak(socket))
  socket.on('error', failed)
}
`

/** Opens connections that ask once and stay. `open COUNT ADDR`, and waits until `settled`, for 30 s at most. */
export function loris(lab: Lab) {
  const child = lab.spawn('client', [process.execPath, '--input-type=module', '-e', LORIS])
  const lines = createInterface({ input: child.stdout! })
  child.stderr!.pipe(process.stderr)
  const say = async (line: string): Promise<Record<string, number>> => {
    const answer = once(lines, 'line')
    child.stdin!.write(`${line}\n`)
    return JSON.parse((await answer)[0])
  }
  return {
    async ask(line: string, settled: (seen: Record<string, number>) => boolean): Promise<Record<string, number>> {
      const until = Date.now() + 30_000
      let seen = await say(line)
      while (!settled(seen) && Date.now() < until) seen = await say('count')
      return seen
    },
    async end(): Promise<void> {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Half a request each: the connection is held without an exchange. */
const LORIS = `
import net from 'node:net'
import { createInterface } from 'node:readline'
let open = 0
createInterface({ input: process.stdin }).on('line', line => {
  const [word, count, localAddress] = line.split(' ')
  if (word === 'open') for (let i = 0; i < Number(count); i++) {
    open++
    const socket = net.connect({ host: '203.0.113.10', port: 80, localAddress })
    socket.resume()
    socket.on('error', () => {})
    socket.on('close', () => open--)
  }
  setTimeout(() => console.log(JSON.stringify({ open })), 200)
})
`

/**
 * Client after client: `held` requests, each once the one before has reached the origin (which says 103), then `more` of them
 * at once. How all were answered in the end.
 */
export async function crowd(
  lab: Lab,
  url: string,
  clients: { addr: string; held: number; more: number }[],
): Promise<{ status: number; ms: number }[]> {
  const ran = await lab.node('client', CROWD, { input: JSON.stringify({ url, clients }) })
  if (ran.code !== 0) throw new Error(ran.stderr)
  return JSON.parse(ran.stdout)
}

const CROWD = `
import http from 'node:http'
import { text } from 'node:stream/consumers'
const { url, clients } = JSON.parse(await text(process.stdin))
const seen = []
const ask = localAddress => new Promise(there => {
  const began = performance.now()
  seen.push(new Promise((resolve, reject) => {
    const request = http.get(url, { localAddress, agent: false }, response => {
      response.resume().on('end', () => resolve({ status: response.statusCode, ms: performance.now() - began }))
    })
    request.on('information', there)
    request.on('error', reject)
  }))
})
for (const { addr, held, more } of clients) {
  for (let i = 0; i < held; i++) await ask(addr)
  for (let i = 0; i < more; i++) void ask(addr)
}
console.log(JSON.stringify(await Promise.all(seen)))
`

/**
 * Streams of one HTTP/2 connection to www.origin.example, until all are over: `slowBody` never sends a byte of its body,
 * `slowReader` never reads, others do as they should. `code`: of RST_STREAM, 0 for a whole answer.
 */
export async function streams(
  lab: Lab,
  requests: Record<string, Record<string, string>>,
): Promise<Record<string, { status: number; code: number; ms: number }>> {
  const ran = await lab.node('client', STREAMS, { input: JSON.stringify(requests) })
  if (ran.code !== 0) throw new Error(ran.stderr)
  return JSON.parse(ran.stdout)
}

const STREAMS = `
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
const requests = JSON.parse(await text(process.stdin))
const session = http2.connect('https://www.origin.example', { rejectUnauthorized: false })
session.on('error', () => {})
const seen = {}
await Promise.all(Object.entries(requests).map(([name, headers]) => new Promise(resolve => {
  const began = performance.now()
  const stream = session.request(headers, { endStream: name !== 'slowBody' })
  let status = 0
  stream.on('response', head => { status = head[':status'] })
  stream.on('error', () => {})
  stream.on('close', () => { seen[name] = { status, code: stream.rstCode, ms: performance.now() - began }; resolve() })
  if (name !== 'slowReader') stream.resume()
})))
console.log(JSON.stringify(seen))
process.exit(0)
`

/** An origin on port 8080 that does what none should. */
export const ODD_ORIGIN = `
import net from 'node:net'
const OK = 'HTTP/1.1 200 OK\\r\\n'
const chunked = rest => OK + 'Transfer-Encoding: chunked\\r\\n\\r\\n' + rest
let restedMs = -1
const ANSWERS = {
  '/big-head': OK + 'X-Big: ' + 'x'.repeat(5000) + '\\r\\nContent-Length: 0\\r\\n\\r\\n',
  '/many-fields': OK + 'X-Y: z\\r\\n'.repeat(30) + 'Content-Length: 0\\r\\n\\r\\n',
  '/interim': 'HTTP/1.1 103 Early Hints\\r\\n\\r\\n'.repeat(3) + OK + 'Content-Length: 0\\r\\n\\r\\n',
  '/big-trailer': chunked('1\\r\\nx\\r\\n0\\r\\nX-Big: ' + 'x'.repeat(1100) + '\\r\\n\\r\\n'),
  '/chunk-overhead': chunked('1;' + 'x'.repeat(2000) + '\\r\\nx\\r\\n0\\r\\n\\r\\n'),
  '/half': OK + 'Content-Length: 1000\\r\\n\\r\\nhalf',
  '/hold': 'HTTP/1.1 103 Early Hints\\r\\n\\r\\n',
  '/rest': OK + 'Content-Length: 2\\r\\n\\r\\nok',
  '/switch': 'HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n',
}
net.createServer({ allowHalfOpen: true }, socket => {
  let rests = 0
  socket.on('error', () => {})
  const gone = () => { if (rests > 0 && restedMs < 0) restedMs = performance.now() - rests; socket.destroy() }
  socket.on('data', async chunk => {
    const path = chunk.toString('latin1').split(' ')[1] ?? ''
    if (path === '/unread') socket.pause()
    if (path === '/rest') { rests = performance.now(); socket.on('end', gone); socket.on('close', gone) }
    if (path === '/rested') {
      while (restedMs < 0) await new Promise(resolve => setTimeout(resolve, 50))
      const text = String(Math.round(restedMs))
      socket.end(OK + 'Connection: close\\r\\nContent-Length: ' + text.length + '\\r\\n\\r\\n' + text)
    } else if (path in ANSWERS) socket.write(ANSWERS[path])
  })
}).listen(8080, () => console.log('ready'))
`
