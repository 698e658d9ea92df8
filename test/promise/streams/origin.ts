/**
 * `node origin.ts CERT KEY`: the far end of these tests. The same servers on the ports that a gateway intercepts and
 * beside them, so that a client chooses the way by the port. Prints `ready`.
 */
import fs from 'node:fs'
import http from 'node:http'
import http2, { type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { echoWebSocket } from '../../lab/origin-ws.ts'
import { serveGrpc } from './grpc.ts'
import { PAGES, type Req, type Res } from './pages.ts'
import { Trace } from './trace.ts'
import { HOSTS, WAYS } from './ways.ts'

const [certFile = '', keyFile = ''] = process.argv.slice(2)
const tls = { cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile) }
const CLOSED_WITHIN_MS = 3000

const traces = new Map<string, Trace>()

/** The trace of a run that begins another exchange. */
function begin(run: string | string[] | undefined, via: string | undefined): Trace {
  const key = String(run)
  const trace = traces.get(key) ?? new Trace()
  traces.set(key, trace)
  trace.open++
  trace.via = via ?? ''
  return trace
}

function handle(req: Req, rawRes: Res | Http2ServerResponse, expects: boolean): void {
  const res = rawRes as Res
  const { pathname, searchParams: query } = new URL(req.url ?? '/', 'http://streams.test')
  if (pathname === '/trace') {
    void tell(String(query.get('run')), res)
    return
  }
  const trace = begin(req.headers['x-run'], req.headers.via)
  const quiet = pathname === '/object'
  if (!quiet) trace.head(`${req.method} ${req.url} HTTP/${req.httpVersion}${expects ? ' expects' : ''}`, fieldsOf(req))
  req.on('error', () => {})
  res.on('error', () => {})
  res.on('close', () => {
    trace.open--
    if (!quiet) trace.note(res.writableFinished ? 'answered' : 'answer cut off')
  })
  const page = PAGES[pathname]
  if (page === undefined) res.writeHead(404).end()
  else void page({ req, res, query, trace, expects })
}

const fieldsOf = (req: Req): string[] => req.rawHeaders.filter((_, i, all) => !all[i - (i % 2)]!.startsWith(':'))

/** Once all of the run is over here, too: an end that nobody passed on shows as `not over`. */
async function tell(run: string, res: Res): Promise<void> {
  const trace = traces.get(run) ?? new Trace()
  for (const until = Date.now() + CLOSED_WITHIN_MS; trace.open > 0 && Date.now() < until; )
    await new Promise(resolve => setTimeout(resolve, 10))
  if (trace.open > 0) trace.note('not over')
  res.end(JSON.stringify({ events: trace.events, via: trace.via }))
}

function upgrade(req: http.IncomingMessage, socket: Duplex, head: Buffer): void {
  const { pathname, searchParams: query } = new URL(req.url ?? '', 'http://streams.test')
  const trace = begin(query.get('run') ?? '', req.headers.via)
  trace.note(`upgrade ${req.headers.upgrade} ${req.headers['sec-websocket-protocol']}`)
  socket.on('close', () => {
    trace.open--
    trace.note('closed')
  })
  echoWebSocket(req, socket, head)
  if (pathname !== '/dropped') return
  let count = 0
  socket.on('data', () => ++count === 2 && socket.destroy())
}

const plain = http.createServer()
const web = http2.createSecureServer({ ...tls, allowHTTP1: true })
// createSecureServer sets its own answer to "may this upgrade", which is no.
Object.assign(web, { shouldUpgradeCallback: () => true })
const old = https.createServer(tls)
for (const server of [plain, web, old]) {
  server.on('request', (req: Req, res: Res) => handle(req, res, false))
  server.on('checkContinue', (req: Req, res: Res) => handle(req, res, true))
  server.on('upgrade', upgrade)
}
web.on('sessionError', () => {})

const calls = http2.createSecureServer(tls)
calls.on('sessionError', () => {})
calls.on('stream', (stream, headers, _flags, raw: unknown) => {
  const trace = begin(headers['x-run'], headers.via as string | undefined)
  stream.on('close', () => trace.open--)
  const fields = (raw as string[]).filter((_, i, all) => !all[i - (i % 2)]!.startsWith(':'))
  serveGrpc(stream as ServerHttp2Stream, String(headers[':path']), fields, trace)
})

function listen(server: net.Server, port: number, host: string): Promise<void> {
  const door = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    socket.on('error', () => {})
    server.emit('connection', socket)
  })
  return new Promise(resolve => door.listen({ port, host, backlog: 1024 }, () => resolve()))
}

for (const { http: open, https: secure } of Object.values(WAYS)) {
  await listen(plain, open, HOSTS['web.test'])
  await listen(web, secure, HOSTS['web.test'])
  await listen(old, secure, HOSTS['old.test'])
  await listen(calls, secure, HOSTS['calls.test'])
  await listen(web, secure, HOSTS['closed.test'])
  await listen(calls, secure, HOSTS['calls.closed.test'])
}
process.stdout.write('ready\n')
