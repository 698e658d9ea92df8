/**
 * The origins of all trials, one process: `node bench/tls/origin.ts FILE`. FILE is an OriginPlan in JSON; which site answers
 * is decided by the address that was dialled. Prints `ready`.
 */
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { LEGACY_SITE } from './servable.ts'
import { type Behaviour, MARKER, type Site } from './trial.ts'

export interface OriginPlan {
  /** By address. */
  sites: Record<string, Site>
  /** On port 80 of every address: issuers, CRLs and OCSP answers, by the beginning of the path. */
  files: Record<string, WebFile>
}

export interface WebFile {
  /** base64 */
  body: string
  type: string
  delayMs?: number
  status?: number
  location?: string
  /** Goes on for ever. */
  endless?: boolean
}

const plan = JSON.parse(fs.readFileSync(process.argv[2]!, 'utf8')) as OriginPlan
const servers = new Map<string, (socket: net.Socket) => void>()
const DEFAULT_ALPN = ['http/1.1']
/** Half a second: long enough for a busy client to see what came before the end. */
const LINGER_MS = 500

/** What a careful site says, so that a scanner has nothing to remark on the page itself. */
const HEADERS = {
  'content-type': 'text/plain',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': "default-src 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}
/** A line for each request that got here: the address, and the lane, which every client says. */
function saw({ headers, socket }: { headers: http.IncomingHttpHeaders; socket: net.Socket | tls.TLSSocket }): void {
  process.stdout.write(`${socket.localAddress} ${headers['user-agent']}\n`)
}

const pages = http.createServer((request, response) => {
  saw(request)
  response.setHeaders(new Map(Object.entries(HEADERS)))
  response.setHeader('connection', 'close')
  response.end(`${MARKER}\n`)
})
const pagesH2 = http2.createServer((request, response) => {
  saw(request)
  response.writeHead(200, HEADERS)
  response.end(`${MARKER}\n`)
})
pagesH2.on('sessionError', () => {})

function accept(address: string): ((socket: net.Socket) => void) | null {
  const known = servers.get(address)
  if (known !== undefined) return known
  const site = plan.sites[address]
  if (site === undefined) return null
  const server = raw(site.behaviour, site) ?? overTls(site)
  servers.set(address, server)
  return server
}

function overTls(site: Site): (socket: net.Socket) => void {
  const { certPem, keyPem, other, alpn = DEFAULT_ALPN } = site
  const server = tls.createServer({
    ...LEGACY_SITE,
    minVersion: 'TLSv1.2',
    cert: other === undefined ? certPem : [certPem, other.certPem],
    key: other === undefined ? keyPem : [keyPem, other.keyPem],
    ...(alpn.length > 0 && { ALPNProtocols: alpn }),
    ...site.tls,
  })
  server.on('tlsClientError', () => {})
  if (site.staple !== undefined) {
    const staple = Buffer.from(site.staple, 'base64')
    server.on('OCSPRequest', (_cert, _issuer, done) => done(null, staple))
  }
  server.on('secureConnection', socket => {
    socket.on('error', () => {})
    if (site.later !== undefined)
      socket.once('close', () =>
        server.setSecureContext({ ...LEGACY_SITE, cert: site.later!.certPem, key: site.later!.keyPem }),
      )
    if (site.behaviour === 'h2') pagesH2.emit('connection', socket)
    else if (site.behaviour === 'renegotiate') afterRenegotiation(socket)
    else if (socket.alpnProtocol === 'h2') pagesH2.emit('connection', socket)
    else pages.emit('connection', socket)
  })
  return socket => server.emit('connection', socket)
}

function afterRenegotiation(socket: tls.TLSSocket): void {
  socket.once('data', () => {
    socket.renegotiate({ rejectUnauthorized: false }, error => {
      if (error === null) socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${MARKER}\n`)
      else socket.destroy()
    })
  })
}

function raw(behaviour: Behaviour | undefined, site: Site): ((socket: net.Socket) => void) | null {
  if (typeof behaviour === 'object') {
    const answer = Buffer.concat([serverHello(behaviour.serverHello), certificate(site.certPem)])
    return socket => void socket.once('data', () => socket.write(answer))
  }
  switch (behaviour) {
    case 'mute':
      return socket => void socket.resume()
    case 'ssh':
      return socket => {
        socket.write('SSH-2.0-lab\r\n')
        socket.pipe(socket)
      }
    case 'http':
      return socket => void pages.emit('connection', socket)
    case 'closes':
      return socket => void socket.once('data', () => socket.end())
    case 'garbage':
      return socket => void socket.once('data', () => socket.end('\0\0\0\0 this is no TLS \0\0\0\0'))
    default:
      return null
  }
}

/** A record of one handshake message. */
function record(version: number, type: number, body: Buffer): Buffer {
  const size = body.length
  const message = Buffer.concat([Buffer.from([type, size >> 16, (size >> 8) & 255, size & 255]), body])
  return Buffer.concat([
    Buffer.from([22, version >> 8, version & 255, message.length >> 8, message.length & 255]),
    message,
  ])
}

/** Chooses whatever it is told, offered or not. */
function serverHello({ version, suite, compression }: { version: number; suite: number; compression: number }): Buffer {
  const u16 = (n: number) => Buffer.from([n >> 8, n & 255])
  return record(
    version,
    2,
    Buffer.concat([u16(version), Buffer.alloc(32, 9), Buffer.from([0]), u16(suite), Buffer.from([compression])]),
  )
}

function certificate(pem: string): Buffer {
  const u24 = (n: number) => Buffer.from([n >> 16, (n >> 8) & 255, n & 255])
  const der = Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)/.exec(pem)![1]!, 'base64')
  return record(0x0303, 11, Buffer.concat([u24(der.length + 3), u24(der.length), der]))
}

const files = http.createServer((request, response) => {
  const found = Object.keys(plan.files).find(at => request.url?.startsWith(at))
  const file = found === undefined ? undefined : plan.files[found]
  request.resume()
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  setTimeout(() => {
    response.writeHead(file.status ?? 200, {
      'content-type': file.type,
      ...(file.location !== undefined && { location: file.location }),
    })
    if (file.endless !== true) response.end(Buffer.from(file.body, 'base64'))
    else {
      const more = setInterval(() => response.write(Buffer.alloc(4096)), 5)
      response.on('close', () => clearInterval(more))
    }
  }, file.delayMs ?? 0)
})

const front = net.createServer({ allowHalfOpen: true }, socket => {
  socket.on('error', () => {})
  socket.on('end', () => setTimeout(() => socket.destroy(), LINGER_MS))
  const serve = accept(socket.localAddress ?? '')
  if (serve === null) socket.resetAndDestroy()
  else serve(socket)
})
front.listen(443, '0.0.0.0', () => files.listen(80, '0.0.0.0', () => process.stdout.write('ready\n')))
