import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Digest, noise, type Trace } from './trace.ts'

export type Req = IncomingMessage | Http2ServerRequest
/** Both servers' responses have all we use; their `write` signatures only differ in overloads. */
export type Res = ServerResponse

interface Asked {
  readonly req: Req
  readonly res: Res
  readonly query: URLSearchParams
  readonly trace: Trace
  /** The request asks for 100 (Continue) before it sends its body. */
  readonly expects: boolean
}

/** Listeners on events that a client sets free one by one, by run. */
const acks = new Map<string, () => void>()
export const EVENTS = 20

const OBJECT_BYTES = 3000
export const OBJECTS = 100

/** What the web server of these tests has to offer. */
export const PAGES: Record<string, (asked: Asked) => void | Promise<void>> = {
  /** The next event only after the client has said that it got the last: what holds one back is stuck. */
  '/events': async ({ req, res }) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    for (let i = 0; i < EVENTS && !res.destroyed; i++) {
      const { promise, resolve } = Promise.withResolvers<void>()
      acks.set(`${req.headers['x-run']} ${i}`, resolve)
      res.write(`id: ${i}\ndata: ${Date.now()}\n\n`)
      await promise
    }
    res.end()
  },
  '/ack': ({ res, query }) => {
    acks.get(`${query.get('run')} ${query.get('event')}`)?.()
    res.end('{}')
  },
  '/upload': async ({ req, res, trace, expects }) => {
    if (expects) res.writeContinue()
    const digest = await bodyOf(req, trace)
    res.setHeader('content-type', 'text/plain')
    res.end(digest)
  },
  /** A final answer instead of 100 (RFC 9110 §10.1.1). */
  '/unexpected': ({ res }) => {
    res.writeHead(417, { 'content-length': 3, 'x-why': 'no' }).end('no\n')
  },
  '/hints': async ({ res }) => {
    res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
    await new Promise(resolve => setTimeout(resolve, 10))
    res.writeEarlyHints({ link: ['</a.js>; rel=preload; as=script', '</b.js>; rel=preload; as=script'], 'x-more': '1' })
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': 3 }).end('ok\n')
  },
  /** Gives the trailers it got back, beside its own. */
  '/trailers': async ({ req, res, trace }) => {
    await bodyOf(req, trace)
    trace.head('trailers', req.rawTrailers)
    res.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum, x-back' })
    res.write('one\n')
    res.addTrailers({ 'x-sum': 'abc', 'x-back': String(req.trailers['x-digest']) })
    res.end('two\n')
  },
  /** Answers piece by piece while the request goes on. */
  '/duplex': ({ req, res, trace }) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream' })
    req.on('data', (chunk: Buffer) => res.write(chunk))
    req.on('end', () => {
      trace.note('request complete')
      res.end('bye')
    })
  },
  /** Has heard enough after the first octets, and says so in full. */
  '/enough': ({ req, res }) => {
    req.once('data', () => {
      req.pause()
      res.writeHead(413, { 'content-length': 7 }).end('enough\n')
    })
  },
  /** Answers in full after the first octets, and takes the rest nevertheless. */
  '/early': ({ req, res }) => {
    req.once('data', () => {
      res.writeHead(200, { 'content-length': 6 }).end('early\n')
      req.resume()
    })
  },
  '/download': async ({ res, query }) => {
    const block = noise('download', 65536)
    let left = Number(query.get('bytes'))
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': left })
    while (left > 0 && !res.destroyed) {
      const piece = left < block.length ? block.subarray(0, left) : block
      left -= piece.length
      if (!res.write(piece))
        await new Promise<void>(resolve => {
          res.once('drain', resolve)
          res.once('close', resolve)
        })
    }
    res.end()
  },
  '/length': ({ req, res }) => {
    res
      .writeHead(200, { 'content-length': 12345, 'x-Case': 'Kept', etag: '"v1"', 'cache-control': 'no-store' })
      .end(req.method === 'HEAD' ? '' : noise('x', 12345))
  },
  '/no-content': ({ res }) => {
    res.writeHead(204, { 'x-b': '1', 'x-A': '2', 'set-cookie': ['a=1', 'b=2'] }).end()
  },
  '/not-modified': ({ req, res }) => {
    res
      .writeHead(req.headers['if-none-match'] === '"v1"' ? 304 : 200, { etag: '"v1"', 'cache-control': 'no-store' })
      .end()
  },
  /** Promises more than it sends. On HTTP/2 a mere `destroy()` would end it in good order. */
  '/cut': ({ res }) => {
    const { stream } = res as unknown as Partial<Http2ServerResponse>
    res.writeHead(200, { 'content-length': 1000 })
    res.write('x'.repeat(500))
    setTimeout(() => (stream ?? res).destroy(new Error('cut')), 20)
  },
  '/page': ({ res }) => {
    const images = Array.from({ length: OBJECTS }, (_, i) => `<img src="/object?${i}.svg" alt="">`)
    res.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>page</title>${images.join('\n')}`)
  },
  '/favicon.ico': ({ res }) => {
    res.writeHead(204).end()
  },
  /** A picture whose padding is as much its own as its number. */
  '/object': ({ req, res }) => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${req.url}--></svg>`
    res
      .writeHead(200, { 'content-type': 'image/svg+xml', 'cache-control': 'no-store' })
      .end(svg.padEnd(OBJECT_BYTES, ' '))
  },
}

async function bodyOf(req: Req, trace: Trace): Promise<string> {
  const digest = new Digest()
  try {
    for await (const chunk of req) digest.add(chunk as Buffer)
  } catch {
    trace.note('request cut off')
    return 'cut'
  }
  trace.note(`request ${digest}`)
  return String(digest)
}
