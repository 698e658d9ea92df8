import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import net from 'node:net'
import type { Reach } from './reach.ts'
import { NotAsked, type Resolve } from './resolve.ts'
import { type FetchTarget, parseFetchUrl } from './target.ts'

export interface FetchRequest {
  url: string
  method: 'GET' | 'POST'
  body: Buffer | null
  contentType: string | null
  maxBytes: number
  /** For all of it, redirects included; default 5 s. */
  timeMs?: number
}

export type FetchDone = (error: string | null, body: Buffer | null) => void

export interface CallDeps {
  reach: Reach
  resolve: Resolve
}

const TIME_MS = 5000
const MAX_REDIRECTS = 3
const MAX_HEAD_BYTES = 8192
const MAX_ADDRS = 16
/** Before the next address of a name is tried. */
const ATTEMPT_MS = 1000
const HTTP_PORT = 80

/**
 * `troubledHost` (with its port): the failure says something about it and not about one URL of it; else ''. null: the
 * fetch got nowhere for want of something of ours, and nothing is said about anybody.
 */
type CallDone = (error: string | null, body: Buffer | null, troubledHost: string | null) => void

/**
 * One fetch from URL to body. Every hop is resolved once, all addresses found are judged, and the socket is given
 * exactly those: a name that answers differently a moment later (DNS rebinding) has no second moment.
 * Bodies are taken as sent: a content coding is refused, so nothing can unfold to more than it was on the wire.
 */
export class Call {
  readonly #deps: CallDeps
  readonly #request: FetchRequest
  readonly #done: CallDone
  readonly #timer: NodeJS.Timeout
  #url: string
  #host = ''
  #redirects = 0
  #asked = false
  #answered = false
  #over = false
  #client: ClientRequest | null = null
  #chunks: Buffer[] = []
  #size = 0

  constructor(request: FetchRequest, deps: CallDeps, done: CallDone) {
    this.#request = request
    this.#deps = deps
    this.#done = done
    this.#url = request.url
    this.#timer = setTimeout(this.#onTimeout, request.timeMs ?? TIME_MS)
  }

  /** Not in the constructor: a refusal is told before it would have returned. */
  start(): void {
    const target = parseFetchUrl(this.#url)
    if (typeof target === 'string') {
      this.#end(target, null)
      return
    }
    this.#host = target.authority
    if (target.isAddress) this.#connect(target, [target.host])
    else this.#deps.resolve(target.host, (error, addrs) => this.#onAddresses(target, error, addrs))
  }

  cancel(): void {
    this.#end('cancelled', null)
  }

  #onAddresses(target: FetchTarget, error: Error | null, addrs: string[]): void {
    if (this.#over) return
    this.#asked = !(error instanceof NotAsked)
    if (error !== null || addrs.length === 0) this.#fail('the name does not resolve')
    else this.#connect(target, addrs.slice(0, MAX_ADDRS))
  }

  #connect(target: FetchTarget, addrs: readonly string[]): void {
    const { reach } = this.#deps
    // One bad address condemns the name: who mixes public and private ones is aiming at the private one.
    if (!addrs.every(addr => reach.allows(addr))) {
      this.#end('the address is not public', null)
      return
    }
    // CAs publish at port 80. Other ports would make certificates a way to knock at any service of the internet from
    // here; in a network the admin named, whoever runs the responder chose its port.
    if (target.port !== HTTP_PORT && !addrs.every(addr => reach.isNamed(addr))) {
      this.#end(`port ${target.port} is not allowed`, null)
      return
    }
    const { method, body, contentType } = this.#request
    this.#asked = true
    this.#client = http.request({
      createConnection: () =>
        net.connect({
          host: target.host,
          port: target.port,
          lookup: answerWith(addrs),
          autoSelectFamily: true,
          autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
        }),
      path: target.path,
      method,
      maxHeaderSize: MAX_HEAD_BYTES,
      setHost: false,
      headers: {
        host: target.authority,
        // Some of the networks that CAs publish through turn down requests without one.
        'user-agent': 'Weir',
        'accept-encoding': 'identity',
        connection: 'close',
        ...(body !== null && {
          'content-type': contentType ?? 'application/octet-stream',
          'content-length': body.length,
        }),
      },
    })
    this.#client.on('response', this.#onResponse)
    this.#client.on('error', this.#onError)
    this.#client.on('upgrade', (_response, socket) => {
      socket.destroy()
      this.#end('the server switches protocols', null)
    })
    this.#client.end(body ?? undefined)
  }

  readonly #onResponse = (response: IncomingMessage): void => {
    this.#answered = true
    const status = response.statusCode ?? 0
    const coding = response.headers['content-encoding'] ?? 'identity'
    const length = Number(response.headers['content-length'] ?? 0)
    if (isRedirect(status)) this.#redirect(status, response.headers.location)
    else if (status !== 200) this.#end(`status ${status}`, null)
    else if (coding !== 'identity') this.#end('the body is encoded', null)
    else if (length > this.#request.maxBytes) this.#end('the body is too large', null)
    else {
      response.on('data', this.#onData)
      response.on('end', this.#onEnd)
      response.on('error', this.#onError)
    }
  }

  #redirect(status: number, location: string | undefined): void {
    // 301 to 303 turn a POST into a GET (RFC 9110 §15.4), which would drop the question.
    if (this.#request.method === 'POST' && status < 307) this.#end(`status ${status} to a POST`, null)
    else if (location === undefined) this.#end('a redirect to nowhere', null)
    else if (++this.#redirects > MAX_REDIRECTS) this.#end('too many redirects', null)
    else {
      const next = URL.parse(location, this.#url)
      this.#drop()
      this.#url = next === null ? location : next.href
      this.start()
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#size += chunk.length
    if (this.#size > this.#request.maxBytes) this.#end('the body is too large', null)
    else this.#chunks.push(chunk)
  }

  readonly #onEnd = (): void => this.#end(null, Buffer.concat(this.#chunks, this.#size))

  readonly #onError = (error: Error): void => {
    const { code } = error as { code?: unknown }
    // What is not HTTP is an answer too.
    if (String(code).startsWith('HPE_')) this.#answered = true
    this.#fail(`no answer (${String(code ?? error.message).slice(0, 60)})`)
  }

  readonly #onTimeout = (): void => this.#fail('no answer in time')

  /**
   * The host is down when nothing at all came from it. After a redirect nothing is said about a host: who redirects
   * late could make every other responder look dead; and so could who keeps our resolver busy with names of his own.
   */
  #fail(error: string): void {
    if (this.#redirects > 0 || this.#answered) this.#end(error, null)
    else this.#end(error, null, this.#asked ? this.#host : null)
  }

  #end(error: string | null, body: Buffer | null, troubledHost: string | null = ''): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#drop()
    this.#chunks = []
    this.#done(error, body, troubledHost)
  }

  #drop(): void {
    const client = this.#client
    this.#client = null
    if (client === null) return
    client.removeListener('response', this.#onResponse)
    client.removeListener('error', this.#onError)
    client.on('error', ignore)
    client.destroy()
  }
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

/** What the socket is told when it asks for the name's addresses: the ones that were judged. */
function answerWith(addrs: readonly string[]): LookupFunction {
  const all = addrs.map(address => ({ address, family: net.isIPv4(address) ? 4 : 6 }))
  return (_host, options, done) => {
    const wanted = options.family === 4 || options.family === 6 ? all.filter(a => a.family === options.family) : all
    const first = wanted[0]
    if (first === undefined) done(new Error('no address of that family'), '')
    else if (options.all) done(null, wanted)
    else done(null, first.address, first.family)
  }
}

function ignore(): void {}
