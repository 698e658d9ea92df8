import type net from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { plainAddr } from '../core/addr.ts'
import { Conn } from '../core/conn.ts'
import { type Decision, NO_REASON, type Reason, type ReasonCode } from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import type { ClientEvents, ClientStream, Exchange } from '../core/exchange.ts'
import { ExchangeRun } from './exchange.ts'
import { connectionRow } from './rows.ts'
import type { HttpServer, Peeked, Stations } from './stations.ts'

/** So long may a station take to say how far it got, after its socket was destroyed. */
const LAST_WORD_MS = 250

/**
 * One client connection's way:
 *
 *   accept → peek → decide ─┬─ block    reset; or inspect, which shows the block page
 *                           ├─ splice   bytes both ways, never decrypted
 *                           └─ inspect  terminate with a minted leaf → HTTP → an ExchangeRun for each request
 *
 * Every way out ends in `#over`, which writes the connection's one row.
 */
export class Connection {
  readonly #stations: Stations
  readonly #socket: net.Socket
  readonly #conn: Conn
  readonly #onOver: (connection: Connection) => void
  #http: HttpServer | null = null
  #cancelDial: (() => void) | null = null
  #reason: Reason = NO_REASON
  #draining = false
  /** Why we cut it off ourselves. */
  #cut: WeirError | null = null
  #done = false

  constructor(stations: Stations, socket: net.Socket, conn: Conn, onOver: (connection: Connection) => void) {
    this.#stations = stations
    this.#socket = socket
    this.#conn = conn
    this.#onOver = onOver
  }

  get clientAddr(): string {
    return this.#conn.clientAddr
  }

  start(): void {
    // Between two stations nobody else listens, and an error nobody hears would end the process
    this.#socket.on('error', ignore)
    this.#stations.counters.connections++
    if (this.#stations.isOwnDestination(this.#conn.dstAddr)) {
      this.#refuse('loop', new WeirError('policy-loop'))
      return
    }
    this.#stations.peek(this.#socket, result => this.#peeked(result))
  }

  /** Instead of `start`: there is no room for it. */
  refuse(error: WeirError): void {
    this.#socket.on('error', ignore)
    this.#refuse('error', error)
  }

  /** An idle connection ends; running exchanges finish; one that was only accepted gets its first request answered. */
  drain(): void {
    this.#draining = true
    this.#http?.drain()
  }

  /** Cuts it off. HTTP and relays then tell how far they got; the row is written here if nobody does. */
  destroy(error: WeirError): void {
    if (this.#done) return
    this.#cut = error
    this.#cancelDial?.()
    this.#http?.destroy()
    this.#socket.destroy()
    setTimeout(() => this.#over(error), LAST_WORD_MS)
  }

  // ── peek, decide ─────────────────────────────────────────────────────────────────────────────────────────────────

  #peeked(result: Peeked): void {
    const conn = this.#conn
    switch (result.kind) {
      case 'closed':
        this.#socket.destroy()
        this.#over(null)
        return
      case 'slow':
        this.#refuse('malformed', new WeirError('client-timeout', 'Half a TLS greeting came, and then nothing.'))
        return
      case 'malformed':
        this.#refuse('malformed', new WeirError('client-tls', result.why))
        return
      case 'tls':
        conn.protocol = 'tls'
        conn.hello = result.facts
        conn.host = result.facts.sni
        this.#decideTls(this.#decide())
        return
      case 'h1':
        conn.protocol = 'h1'
        conn.host = result.host
        this.#decidePlain(this.#decide())
        return
      case 'h2':
        conn.protocol = 'h2'
        conn.clientAlpn = 'h2'
        this.#decidePlain(this.#decide())
        return
      case 'other':
      case 'silent':
        conn.protocol = 'other'
        this.#decideOpaque(this.#decide(), result.kind === 'silent' ? 'server-first' : 'not-http')
    }
  }

  #decide(): Decision {
    const conn = this.#conn
    const decision = this.#stations.policy().decideConnection({
      clientAddr: conn.clientAddr,
      dstAddr: conn.dstAddr,
      dstPort: conn.dstPort,
      host: conn.host,
      now: conn.startedAt,
    })
    conn.decision = decision
    this.#reason = decision.reason
    return decision
  }

  #decideTls(decision: Decision): void {
    if (decision.tier === 'inspect') this.#inspect()
    else if (decision.verdict === 'block') this.#refuse(null, new WeirError('policy-blocked'))
    else this.#splice()
  }

  /** Plain HTTP needs no certificate to be answered, so `names` still gets its block page; only `pass` is left alone. */
  #decidePlain(decision: Decision): void {
    if (decision.tier !== 'pass') this.#serve(this.#socket, 'http', null)
    else if (decision.verdict === 'block') this.#refuse(null, new WeirError('policy-blocked'))
    else this.#splice()
  }

  #decideOpaque(decision: Decision, why: ReasonCode): void {
    if (decision.verdict === 'block') {
      this.#refuse(null, new WeirError('policy-blocked'))
      return
    }
    if (this.#reason.code === 'default') this.#reason = { ...NO_REASON, code: why }
    this.#splice()
  }

  // ── block ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A reset rather than a clean end: the client sees at once that nothing will come. */
  #refuse(code: ReasonCode | null, error: WeirError): void {
    if (code !== null) this.#reason = { ...NO_REASON, code }
    if (error.fault === 'policy') this.#stations.counters.blocked++
    this.#socket.resetAndDestroy()
    this.#over(error)
  }

  // ── splice ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #splice(): void {
    const { dstAddr, dstPort, clientAddr } = this.#conn
    this.#stations.counters.spliced++
    const sourceAddr = this.#stations.keepClientAddress ? clientAddr : null
    const target = {
      scheme: 'https',
      addr: dstAddr,
      port: dstPort,
      name: '',
      sourceAddr,
      exception: null,
      allowH2: false,
    } as const
    const giveUp = () => {
      this.#cancelDial?.()
      this.#socket.destroy()
      this.#over(new WeirError('client-gone'))
    }
    this.#socket.once('close', giveUp)
    this.#cancelDial = this.#stations.dialRaw(target, (error, origin) => {
      this.#cancelDial = null
      this.#socket.removeListener('close', giveUp)
      if (origin === null) {
        this.#refuse(null, error ?? new WeirError('origin-unreachable'))
        return
      }
      this.#stations.relay(this.#socket, origin, this.#conn, failure => this.#over(failure))
    })
  }

  // ── inspect ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #inspect(): void {
    this.#stations.counters.inspected++
    const { hello, dstAddr } = this.#conn
    const name = hello?.sni ?? dstAddr
    const ready = (error: WeirError | null, context: SecureContext | null): void => {
      if (this.#done) return
      if (context === null) this.#refuse('error', error ?? new WeirError('self-mint'))
      else this.#terminate(name, context)
    }
    this.#stations.leaf(name, ready, hello?.ecdsa === false ? 'rsa' : 'ecdsa')
  }

  #terminate(name: string, context: SecureContext): void {
    this.#stations.terminate(this.#socket, context, name, (error, tls) => {
      if (tls === null) {
        this.#socket.destroy()
        this.#over(error)
        return
      }
      this.#conn.clientTlsVersion = tls.getProtocol() ?? ''
      this.#conn.clientCipher = tls.getCipher()?.standardName ?? ''
      this.#conn.clientAlpn = tls.alpnProtocol || ''
      this.#serve(tls, 'https', name)
    })
  }

  #serve(socket: net.Socket | TLSSocket, scheme: 'http' | 'https', sni: string | null): void {
    const h2 = this.#conn.clientAlpn === 'h2'
    const serve = h2 ? this.#stations.serveH2 : this.#stations.serveH1
    this.#http = serve({
      conn: this.#conn,
      socket,
      scheme,
      sni,
      onRequest: this.#onRequest,
      onRefused: error => {
        this.#refused = error
        return null
      },
      onClosed: error => this.#over(error ?? this.#refused),
    })
  }

  /** A message that could not be understood: told in the connection's row. */
  #refused: WeirError | null = null

  readonly #onRequest = (ex: Exchange, stream: ClientStream): ClientEvents => {
    const run = new ExchangeRun(this.#stations, ex, stream, error => this.#over(error))
    run.start()
    if (this.#draining) this.#http?.drain()
    return run
  }

  // ── log ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #over(error: WeirError | null): void {
    if (this.#done) return
    this.#done = true
    this.#cancelDial?.()
    this.#stations.emit(connectionRow(this.#conn, this.#reason, this.#cut ?? error, performance.now()))
    this.#onOver(this)
  }
}

/** Facts of a just accepted socket; null when the client is already gone again. */
export function connOf(socket: net.Socket, id: string, ingress: string): Conn | null {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined || localAddress === undefined) return null
  return new Conn({
    id,
    clientAddr: plainAddr(remoteAddress),
    clientPort: remotePort ?? 0,
    dstAddr: plainAddr(localAddress),
    dstPort: localPort ?? 0,
    ingress,
    startedAt: Date.now(),
    startedMono: performance.now(),
  })
}

function ignore(): void {}
