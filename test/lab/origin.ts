/**
 * The lab's internet, one process: `node origin.ts DIR`. Makes its own CA and certificates in DIR, listens on every
 * address of `sites.ts`, then prints one JSON line: `{ names: { name: { v4, v6 } }, caFile }`.
 */
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { makeCertificates } from './origin-certs.ts'
import { handle } from './origin-web.ts'
import { echoWebSocket } from './origin-ws.ts'
import { addrsOf, SITES } from './sites.ts'

const [dir = '.'] = process.argv.slice(2)
const certs = makeCertificates(dir)

const contexts = new Map<string, tls.SecureContext>()
for (const [name, file] of certs.leaves) {
  const pem = fs.readFileSync(file)
  contexts.set(name, tls.createSecureContext({ key: fs.readFileSync(certs.keyFile), cert: pem }))
}

const plain = http.createServer({ keepAliveTimeout: 60_000 }, handle)
const secure = http2.createSecureServer(
  {
    allowHTTP1: true,
    key: fs.readFileSync(certs.keyFile),
    cert: fs.readFileSync(certs.addressCert),
    SNICallback: (name, done) => done(null, contexts.get(name)),
    ALPNCallback: ({ servername, protocols }) => {
      const offered = SITES[servername]?.alpn ?? ['h2', 'http/1.1']
      return offered.find(protocol => protocols.includes(protocol))
    },
  },
  handle,
)
// createSecureServer sets its own answer to "may this upgrade", which is no.
Object.assign(secure, { shouldUpgradeCallback: () => true })
plain.on('upgrade', echoWebSocket)
secure.on('upgrade', echoWebSocket)
for (const server of [plain, secure]) server.on('clientError', (_e: Error, socket: net.Socket) => socket.destroy())
secure.on('sessionError', () => {})
// Half-open sockets are for HTTP/1; an HTTP/2 session would wait for ever after its client's FIN
secure.on('secureConnection', socket => {
  if (socket.alpnProtocol === 'h2') socket.on('end', () => setTimeout(() => socket.destroy(), 500).unref())
})
secure.on('tlsClientError', () => {})

/** What a bare TCP site does with a connection. */
const BEHAVIOUR = {
  ssh: (socket: net.Socket) => {
    socket.write('SSH-2.0-lab\r\n')
    socket.pipe(socket)
  },
  reset: (socket: net.Socket) => socket.resetAndDestroy(),
  silent: (socket: net.Socket) => socket.resume(),
}

function listen(host: string, port: number, accept: (socket: net.Socket) => void): Promise<void> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    socket.on('error', () => {})
    accept(socket)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: true, backlog: 4096 }, () => resolve())
  })
}

const names: Record<string, { v4: string; v6: string }> = {}
const started = new Set<number>()
const listening: Promise<void>[] = []
for (const [name, site] of Object.entries(SITES)) {
  const addrs = addrsOf(site)
  names[name] = addrs
  if (started.has(site.host)) continue
  started.add(site.host)
  for (const addr of [addrs.v4, addrs.v6]) {
    if (site.kind === 'web') {
      listening.push(listen(addr, 80, socket => plain.emit('connection', socket)))
      listening.push(listen(addr, 443, socket => secure.emit('connection', socket)))
    } else {
      listening.push(listen(addr, 80, BEHAVIOUR[site.kind]), listen(addr, 443, BEHAVIOUR[site.kind]))
    }
  }
}
await Promise.all(listening)
process.stdout.write(`${JSON.stringify({ names, caFile: path.resolve(certs.caFile) })}\n`)
