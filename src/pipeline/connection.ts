import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Conn, HelloFacts } from '../core/conn.ts'
import { type ConnectionFacts, type Decision, NO_REASON, type Reason, type ReasonCode } from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import type { ClientEvents, ClientStream, Exchange } from '../core/exchange.ts'
import { ExchangeRun } from './exchange.ts'
import { ALERT, codeOf, mayBeCertified } from './hello.ts'
import { Opening } from './opening.ts'
import { connectionRow } from './rows.ts'
import { ServerFirst } from './server-first.ts'
import type { HttpServer, Peeked, RawOrigin, Stations } from './stations.ts'

/** So long may a station take to say how far it got, after its socket was destroyed. */
const LAST_WORD_MS = 250

/** What goes its usual way when a client was silent at first. */
const OURS: ReadonlySet<Peeked['kind']> = new Set(['tls', 'h1', 'h2', 'slow', 'malformed'])

/**
 * One client connection's way:
 *
 *   accept → peek → decide ─┬─ block    reset or alert; or inspect, which shows the block page
 *                           ├─ splice   bytes both ways, never decrypted
 *                           └─ inspect  terminate with a minted leaf ─┬─ HTTP → an ExchangeRun for each request
 *                                                                     └─ other protocols → relay to a proved origin
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
  #opening: Opening | null = null
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
    this.#opening?.destroy()
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
        conn.protocol = 'tls'
        this.#refuseHello('malformed', new WeirError(codeOf(result.why), result.why), result.alert)
        return
      case 'tls':
        conn.protocol = 'tls'
        conn.hello = result.facts
        conn.host = result.facts.sni
        this.#decideTls(result.facts)
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

  #facts(): ConnectionFacts {
    const { clientAddr, dstAddr, dstPort, host, startedAt } = this.#conn
    return { clientAddr, dstAddr, dstPort, host, now: startedAt }
  }

  #decide(): Decision {
    return this.#decided(this.#stations.policy().decideConnection(this.#facts()))
  }

  #decided(decision: Decision): Decision {
    this.#conn.decision = decision
    this.#reason = decision.reason
    return decision
  }

  #decideTls(hello: HelloFacts): void {
    const decision = this.#decided(this.#stations.overlay(this.#decide(), this.#facts(), hello))
    if (decision.tier !== 'pass' && !mayBeCertified(hello, this.#conn.dstAddr))
      this.#refuseHello('malformed', new WeirError('client-tls-name'), ALERT.unrecognizedName)
    else if (decision.tier === 'inspect') this.#inspect()
    else if (decision.verdict === 'block') this.#refuseTls(decision)
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
    if (decision.tier === 'inspect' && this.#stations.policy().tls.notHttp === 'refuse') {
      this.#refuse(why, new WeirError('policy-blocked'))
      return
    }
    if (why === 'server-first' && decision.tier !== 'pass') {
      this.#waitForEither()
      return
    }
    this.#isNotHttp(why)
    this.#splice()
  }

  /** Told in the log unless a rule has said more. */
  #isNotHttp(why: ReasonCode): void {
    if (this.#reason.code === 'default') this.#reason = { ...NO_REASON, code: why }
  }

  // ── block ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A reset rather than a clean end: the client sees at once that nothing will come. */
  #refuse(code: ReasonCode | null, error: WeirError): void {
    if (code !== null) this.#reason = { ...NO_REASON, code }
    if (error.fault === 'policy') this.#stations.counters.blocked++
    this.#socket.resetAndDestroy()
    this.#over(error)
  }

  /** A TLS client that gets no page: by a name of the policy it is reset, else told what it could do better. */
  #refuseTls(decision: Decision): void {
    const error = this.#stations.refusalOf(decision)
    const { code } = decision.reason
    if (error.code === 'policy-blocked') this.#refuse(null, error)
    else if (code === 'old-client') this.#refuseHello(null, error, ALERT.protocolVersion)
    else this.#refuseHello(null, error, code === 'alpn' ? ALERT.noApplicationProtocol : ALERT.accessDenied)
  }

  /** An alert tells the client that trying again is of no use. */
  #refuseHello(code: ReasonCode | null, error: WeirError, alert: number): void {
    if (code !== null) this.#reason = { ...NO_REASON, code }
    this.#stations.refuseHello(this.#socket, alert, this.#conn.hello?.maxVersion ?? 0)
    this.#over(error)
  }

  // ── splice ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #splice(): void {
    const giveUp = () => {
      this.#cancelDial?.()
      this.#socket.destroy()
      this.#over(new WeirError('client-gone'))
    }
    this.#socket.once('close', giveUp)
    this.#cancelDial = this.#dial((error, origin) => {
      this.#socket.removeListener('close', giveUp)
      if (origin === null) this.#refuse(null, error ?? new WeirError('origin-unreachable'))
      else this.#relay(origin)
    })
  }

  #dial(done: (error: WeirError | null, origin: RawOrigin | null) => void): () => void {
    const { dstAddr, dstPort, clientAddr } = this.#conn
    const sourceAddr = this.#stations.keepClientAddress ? clientAddr : null
    return this.#stations.dialRaw(
      { scheme: 'https', addr: dstAddr, port: dstPort, name: '', sourceAddr, exception: null, allowH2: false },
      done,
    )
  }

  #relay(origin: RawOrigin): void {
    this.#cancelDial = null
    this.#stations.counters.spliced++
    this.#stations.relay(this.#socket, origin, this.#conn, failure => this.#over(failure))
  }

  /** The client is silent: its server may be the one to begin. */
  #waitForEither(): void {
    const wait = new ServerFirst({
      look: (firstByteMs, done) => this.#stations.peekLater(this.#socket, firstByteMs, done),
      dial: done => this.#dial(done),
      ours: OURS,
      onClient: result => this.#peeked(result),
      onRelay: (origin, clientSpoke) => {
        this.#isNotHttp(clientSpoke ? 'not-http' : 'server-first')
        this.#relay(origin)
      },
      onOver: error => {
        if (error === null) this.#peeked({ kind: 'closed' })
        else this.#refuse('server-first', error)
      },
    })
    this.#cancelDial = wait.cancel
    wait.start()
  }

  // ── inspect ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #inspect(): void {
    this.#stations.counters.inspected++
    this.#opening = new Opening(this.#stations, this.#conn, this.#socket, {
      onHttp: (tls, name) => this.#serve(tls, 'https', name),
      onRelay: (tls, reason, origin) => {
        this.#isNotHttp(reason)
        this.#stations.relay(tls, origin, this.#conn, failure => this.#over(failure))
      },
      onNoCertificate: (error, alert) => this.#refuseHello('error', error, alert),
      onOver: (reason, error) => {
        if (reason !== null) this.#isNotHttp(reason)
        if (error?.fault === 'policy') this.#stations.counters.blocked++
        this.#over(error)
      },
    })
    this.#opening.start()
  }

  #serve(socket: net.Socket | TLSSocket, scheme: 'http' | 'https', sni: string | null): void {
    const h2 = this.#conn.clientAlpn === 'h2'
    const serve = h2 ? this.#stations.serveH2 : this.#stations.serveH1
    this.#http = serve({
      conn: this.#conn,
      socket,
      raw: this.#socket,
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
    this.#opening?.heard()
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
    this.#opening?.over(this.#cut !== null || this.#draining)
    this.#stations.emit(connectionRow(this.#conn, this.#reason, this.#cut ?? error, performance.now()))
    this.#onOver(this)
  }
}

function ignore(): void {}
