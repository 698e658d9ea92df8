import { createHash } from 'node:crypto'
import fs from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import zlib from 'node:zlib'
import { hostsFile } from './sites.ts'

type Req = IncomingMessage | Http2ServerRequest
/** Both servers' responses have all we use; their `write` signatures only differ in overloads. */
type Res = ServerResponse
type Page = (req: Req, res: Res, query: URLSearchParams) => void | Promise<void>

/** Times each `host path` was asked for: how a test sees whether an answer came from a cache. At most 10,000 keys. */
const seen = new Map<string, number>()

export function handle(req: Req, rawRes: ServerResponse | Http2ServerResponse): void {
  const res = rawRes as Res
  const at = req.url?.indexOf('?') ?? -1
  const resource = at < 0 ? (req.url ?? '/') : req.url!.slice(0, at)
  const query = new URLSearchParams(at < 0 ? '' : req.url!.slice(at + 1))
  const key = `${hostOf(req)} ${resource}`
  if (seen.size < 10_000 || seen.has(key)) seen.set(key, (seen.get(key) ?? 0) + 1)
  res.setHeader('x-served', seen.get(key) ?? 0)
  res.on('error', () => {})
  req.on('error', () => {})
  const page = PAGES[resource] ?? notFound
  Promise.resolve(page(req, res, query)).catch(() => res.destroy())
}

const hostOf = (req: Req) => String(req.headers[':authority'] ?? req.headers.host ?? '')

const notFound: Page = (_req, res) => {
  res.writeHead(404, { 'content-type': 'text/plain' }).end('not here\n')
}

const json = (res: Res, value: unknown) => {
  res.setHeader('content-type', 'application/json')
  res.setHeader('cache-control', 'no-store')
  res.end(JSON.stringify(value))
}

/** Every resource of the lab's internet, the same on every web site. */
const PAGES: Record<string, Page> = {
  '/': (req, res) => {
    res.setHeader('content-type', 'text/html; charset=utf-8')
    res.end(`<!doctype html><title>${hostOf(req)}</title><h1>${hostOf(req)}</h1><p>A page of the lab's internet.</p>\n`)
  },
  /** `?max-age=60&bytes=1000&vary=accept-language`; revalidates with its ETag. The body tells how often it was made. */
  '/cacheable': (req, res, query) => {
    const served = Number(res.getHeader('x-served'))
    res.setHeader('cache-control', `max-age=${query.get('max-age') ?? 60}`)
    res.setHeader('etag', '"v1"')
    if (query.has('vary')) res.setHeader('vary', query.get('vary')!)
    if (req.headers['if-none-match'] === '"v1"') {
      res.writeHead(304).end()
      return
    }
    res.setHeader('content-type', 'text/plain')
    res.end(`made ${served}\n`.padEnd(Number(query.get('bytes') ?? 0), '.'))
  },
  '/nostore': (_req, res) => {
    res.setHeader('cache-control', 'no-store')
    res.end(`made ${res.getHeader('x-served')}\n`)
  },
  /** How many bytes arrived and their SHA-256. */
  '/echo': async (req, res) => {
    const hash = createHash('sha256')
    let length = 0
    for await (const chunk of req) {
      length += (chunk as Buffer).length
      hash.update(chunk as Buffer)
    }
    json(res, { method: req.method, length, sha256: hash.digest('hex'), trailers: req.trailers })
  },
  /** The request's body, streamed back. */
  '/echo-body': (req, res) => {
    res.setHeader('content-type', String(req.headers['content-type'] ?? 'application/octet-stream'))
    req.pipe(res)
  },
  '/large': large,
  '/slow': async (_req, res, query) => {
    await sleep(Number(query.get('ms') ?? 1000))
    res.end('slow\n')
  },
  /** Head at once, then a byte every `ms`, `count` times. */
  '/drip': async (_req, res, query) => {
    for (let i = Number(query.get('count') ?? 10); i > 0 && !res.destroyed; i--) {
      res.write('.')
      await sleep(Number(query.get('ms') ?? 100))
    }
    res.end('\n')
  },
  '/chunked': async (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-checksum' })
    for (const part of ['one\n', 'two\n', 'three\n']) {
      res.write(part)
      await sleep(5)
    }
    res.addTrailers({ 'x-checksum': 'abc' })
    res.end()
  },
  '/early-hints': async (_req, res) => {
    res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
    await sleep(20)
    res.end('hinted\n')
  },
  /** What arrived here: version, method, target, header lines as sent, and from which address. */
  '/headers': (req, res) => {
    const { httpVersion, method, url, rawHeaders, socket } = req
    json(res, {
      httpVersion,
      method,
      url,
      rawHeaders,
      remoteAddress: socket.remoteAddress,
      remotePort: socket.remotePort,
    })
  },
  '/alt-svc': (_req, res) => {
    res.setHeader('alt-svc', 'h3=":443"; ma=86400')
    res.end('come by QUIC\n')
  },
  '/gzip': (_req, res) => {
    res.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain', vary: 'accept-encoding' })
    res.end(zlib.gzipSync('compressed\n'.repeat(1000)))
  },
  '/cookies': (_req, res) => {
    res.setHeader('set-cookie', ['a=1; Path=/', 'b=2; Path=/'])
    res.end('cookies\n')
  },
  '/redirect': (req, res) => {
    res.writeHead(302, { location: `https://${hostOf(req)}/` }).end()
  },
  '/status': (_req, res, query) => {
    res.writeHead(Number(query.get('code') ?? 204)).end()
  },
  /** Promises 1,000 bytes, sends 500 and is gone. */
  '/cut': async (_req, res) => {
    res.writeHead(200, { 'content-length': 1000 })
    res.write('x'.repeat(500))
    await sleep(50)
    res.destroy()
  },
  '/hang': () => {},
  /** For machines of the lab that share no folder with this one. */
  '/ca.pem': (_req, res) => {
    res.end(fs.readFileSync(path.join(process.argv[2] ?? '.', 'ca.pem')))
  },
  '/hosts': (_req, res) => {
    res.end(hostsFile())
  },
  /** `{ "host path": times }` of this origin process. */
  '/seen': (_req, res) => json(res, Object.fromEntries(seen)),
}

const BLOCK = createHash('shake256', { outputLength: 65536 }).update('weir').digest()

/** `?bytes=N`: N bytes of noise (64 KiB, repeated) with a Content-Length, as fast as they are taken. */
async function large(req: Req, res: Res, query: URLSearchParams): Promise<void> {
  let left = Number(query.get('bytes') ?? 1 << 20)
  res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': left })
  if (req.method === 'HEAD') left = 0
  while (left > 0 && !res.destroyed) {
    const block = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK
    left -= block.length
    if (!res.write(block)) await drained(res)
  }
  res.end()
}

const drained = (res: Res) =>
  new Promise<void>(resolve => {
    const done = () => {
      res.off('drain', done)
      res.off('close', done)
      resolve()
    }
    res.on('drain', done)
    res.on('close', done)
  })
