import net from 'node:net'
import tls, { type SecureContext, type TLSSocket } from 'node:tls'
import { WeirError, wantsClientCertificate } from '../core/errors.ts'
import type { UpstreamInfo, UpstreamTarget } from '../core/exchange.ts'
import type { OriginHandshake, OriginVerdict } from '../core/origin.ts'
import { type ConnectDeps, dialRaw } from './connect.ts'
import type { OriginSessions } from './sessions.ts'

export interface DialDeps extends ConnectDeps {
  /** Versions and suites to use there; no client certificate is shown. */
  contextFor(target: UpstreamTarget): SecureContext
  /** The same with the client certificate configured for that host; null: there is none. */
  showingContextFor(target: UpstreamTarget): SecureContext | null
  /** Every certificate the server sent, in its order. */
  presentedChain(socket: TLSSocket): Buffer[]
  /** Judges a full handshake; may fetch what the server left out. `done` may be called before it returns. */
  verify(handshake: OriginHandshake, done: (verdict: OriginVerdict) => void): void
  sessions: OriginSessions
  tlsMs: number
  /** Milliseconds since the epoch. */
  now(): number
}

export interface Dialled {
  socket: net.Socket
  info: UpstreamInfo
}

/** `info` comes with an error too, as far as it got, for the log. */
export type DialDone = (error: WeirError | null, result: Dialled | null, info: UpstreamInfo | null) => void

/** RFC 7301 wire form. */
const ALPN_H2_H1 = Buffer.from('\x02h2\x08http/1.1', 'latin1')
const ALPN_H1 = Buffer.from('\x08http/1.1', 'latin1')
/** A server that speaks TLS 1.3 sends two tickets after the handshake. */
const MAX_EARLY_SESSIONS = 2

/** How one handshake is made. */
interface Manner {
  /** Only to learn whether the server is the one meant: nothing else is done there. */
  proof: boolean
  context: SecureContext
}

/**
 * A connection ready for a request: TCP, and for https a handshake and a certificate that proves `target.name`. Nothing
 * but the handshake has been sent by then. `done` is called at most once, never before this returns, never after cancel.
 *
 * OpenSSL shows a client certificate within the handshake, before a verdict about the server can be had. So one is shown
 * only where the server has proved the name a short while ago, if need be on a connection made for nothing else.
 */
export function dial(target: UpstreamTarget, deps: DialDeps, done: DialDone): () => void {
  if (target.scheme !== 'https') return connect(target, deps, null, done)
  const showing = deps.showingContextFor(target)
  if (showing === null) return connect(target, deps, { proof: false, context: deps.contextFor(target) }, done)
  const shown: Manner = { proof: false, context: showing }
  if (deps.sessions.isProven(target, deps.now())) return connect(target, deps, shown, done)
  let cancel = connect(target, deps, { proof: true, context: deps.contextFor(target) }, (error, result, info) => {
    if (result === null) {
      done(error, null, info)
      return
    }
    result.socket.destroy()
    cancel = connect(target, deps, shown, done)
  })
  return () => cancel()
}

/** `manner`: null for a connection without TLS. */
function connect(target: UpstreamTarget, deps: DialDeps, manner: Manner | null, done: DialDone): () => void {
  const startedMono = performance.now()
  let cancelTls: (() => void) | null = null
  const cancelTcp = dialRaw(target, deps, (error, socket) => {
    if (socket === null) {
      done(error, null, null)
      return
    }
    const info: UpstreamInfo = {
      addr: target.addr,
      port: target.port,
      verifiedName: null,
      tlsVersion: '',
      cipher: '',
      alpn: '',
      exception: '',
      revocation: '',
      covers: null,
      connectMs: performance.now() - startedMono,
      tlsMs: 0,
    }
    if (manner !== null) cancelTls = new Handshake(target, deps, manner, info, socket, done).cancel
    else done(null, { socket, info }, info)
  })
  return () => {
    cancelTcp()
    cancelTls?.()
  }
}

class Handshake {
  readonly #target: UpstreamTarget
  readonly #deps: DialDeps
  readonly #proof: boolean
  readonly #info: UpstreamInfo
  readonly #socket: TLSSocket
  readonly #done: DialDone
  readonly #startedMono = performance.now()
  readonly #era: number
  readonly #timer: NodeJS.Timeout
  /** What this connection rests on; null until there is one. */
  #verdict: OriginVerdict | null = null
  /** Of the session offered, and until when it may be relied on. */
  readonly #offered: { verdict: OriginVerdict; until: number } | null
  /** TLS 1.3 tickets that came while the certificate was still judged. */
  #early: Buffer[] = []
  #staple: Buffer | null = null
  /** The server ended it for want of a client certificate: told once it is known that it is the server meant. */
  #wanted: WeirError | null = null
  /** What is being judged; null: the handshake has not got there. */
  #judging: OriginHandshake | null = null
  #over = false

  constructor(
    target: UpstreamTarget,
    deps: DialDeps,
    { proof, context }: Manner,
    info: UpstreamInfo,
    tcp: net.Socket,
    done: DialDone,
  ) {
    this.#target = target
    this.#deps = deps
    this.#proof = proof
    this.#info = info
    this.#done = done
    this.#era = deps.sessions.era
    // A session is of somebody: of the certificate shown, or of nobody
    const saved = proof ? null : deps.sessions.take(target, deps.now())
    this.#offered = saved
    this.#socket = tls.connect({
      socket: tcp,
      secureContext: context,
      requestOCSP: true,
      // RFC 6066 §3: no address may stand in server_name.
      ...(net.isIP(target.name) === 0 && { servername: target.name }),
      // What Node binds a session to when there is no servername.
      host: target.name,
      ...(target.noAlpn !== true && { ALPNProtocols: target.allowH2 ? ALPN_H2_H1 : ALPN_H1 }),
      ...(saved !== null && { session: saved.session }),
      // The verdict is ours, in #onSecure: here a refusal would lose the certificate it is about.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    // Node describes the whole chain for the check switched off above: a sixth of a handshake's price, and Node 26.10
    // dies of a certificate on a curve without a NIST name
    this.#socket.getPeerCertificate = noDescription
    this.#socket.on('secureConnect', this.#onSecure)
    this.#socket.on('error', this.#onError)
    this.#socket.on('close', this.#onClose)
    this.#socket.on('session', this.#onSession)
    this.#socket.on('OCSPResponse', this.#onStaple)
    this.#timer = setTimeout(this.#onTimeout, deps.tlsMs)
  }

  readonly cancel = (): void => {
    if (!this.#settle()) return
    this.#socket.on('error', destroySelf)
    this.#socket.destroy()
  }

  readonly #onSecure = (): void => {
    const { alpnProtocol } = this.#socket
    this.#info.tlsMs = performance.now() - this.#startedMono
    this.#info.tlsVersion = this.#socket.getProtocol() ?? ''
    this.#info.cipher = this.#socket.getCipher().standardName
    this.#info.alpn = typeof alpnProtocol === 'string' ? alpnProtocol : ''
    // Node stores the code as a string here; the types say Error.
    const opensslError = this.#socket.authorized ? null : String(this.#socket.authorizationError ?? 'UNSPECIFIED')
    if (this.#socket.isSessionReused()) this.#checkResumed()
    else this.#checkFull(opensslError)
  }

  #checkFull(opensslError: string | null): void {
    this.#judging = {
      chain: this.#deps.presentedChain(this.#socket),
      staple: this.#staple,
      name: this.#target.name,
      opensslError,
      exception: this.#target.exception,
    }
    this.#deps.verify(this.#judging, this.#onVerdict)
  }

  /** No certificate is shown: the verdict that let the session be saved, under this key alone, still has to hold. */
  #checkResumed(): void {
    const { verdict, until } = this.#offered!
    if (this.#deps.now() < until) this.#onVerdict({ ...verdict, validUntil: until })
    else this.#fail(new WeirError('origin-cert-expired'))
  }

  readonly #onVerdict = (verdict: OriginVerdict): void => {
    if (this.#over) return
    this.#info.exception = verdict.exception
    this.#info.revocation = verdict.revocation
    const error = verdict.error ?? (this.#proof ? null : this.#wanted)
    if (error !== null) {
      this.#fail(error)
      return
    }
    this.#verdict = verdict
    this.#info.covers = verdict.covers
    this.#info.verifiedName = this.#target.name
    if (!this.#settle()) return
    if (this.#proof) this.#deps.sessions.prove(this.#target, verdict, this.#era, this.#deps.now())
    for (const session of this.#early.splice(0)) this.#onSession(session)
    this.#socket.on('error', destroySelf)
    this.#done(null, { socket: this.#socket, info: this.#info }, this.#info)
  }

  /** TLS 1.3 sends tickets at any time after the handshake. */
  readonly #onSession = (session: Buffer): void => {
    if (this.#proof) return
    if (this.#verdict !== null)
      this.#deps.sessions.save(this.#target, session, this.#verdict, this.#era, this.#deps.now())
    else if (this.#early.length < MAX_EARLY_SESSIONS) this.#early.push(session)
  }

  /** Comes before 'secureConnect'. */
  readonly #onStaple = (response: Buffer | null): void => {
    this.#staple = response !== null && response.length > 0 ? response : null
  }

  readonly #onError = (cause: Error): void => {
    if (this.#wanted !== null) return
    const { reason, code } = cause as { reason?: unknown; code?: unknown }
    if (this.#keyProven() && wantsClientCertificate(cause, true)) {
      this.#certificateWanted(new WeirError('origin-client-cert', '', cause))
      return
    }
    const closed = code === 'ECONNRESET' || code === 'EPIPE'
    const why = closed ? 'The server closed during the handshake.' : String(reason ?? code ?? 'The handshake failed.')
    this.#fail(new WeirError('origin-tls', why, cause))
  }

  readonly #onClose = (): void => {
    if (this.#wanted === null) this.#fail(new WeirError('origin-tls', 'The server closed during the handshake.'))
  }

  /**
   * A chain can be copied by anybody. That the server has the key to it is known, with TLS 1.3, when the handshake is over;
   * before that, once its key exchange was read, which is signed and which OpenSSL has refused if it was signed wrongly.
   */
  #keyProven(): boolean {
    if (this.#judging !== null) return true
    const { type } = (this.#socket.getEphemeralKeyInfo() ?? {}) as { type?: string }
    return this.#socket.getProtocol() !== 'TLSv1.3' && type !== undefined
  }

  /**
   * A name whose server says so is left closed from then on: an impostor must not be able to say it for him. Before
   * TLS 1.3 the handshake ends with it, and OpenSSL has not been heard about the chain; nothing is sent there any more.
   */
  #certificateWanted(error: WeirError): void {
    this.#wanted = error
    if (this.#judging === null) this.#checkFull(null)
  }

  readonly #onTimeout = (): void =>
    this.#fail(new WeirError('origin-connect-timeout', `No TLS handshake in ${this.#deps.tlsMs} ms.`))

  #fail(error: WeirError): void {
    if (!this.#settle()) return
    this.#socket.on('error', destroySelf)
    this.#socket.destroy()
    this.#done(error, null, this.#info)
  }

  #settle(): boolean {
    if (this.#over) return false
    this.#over = true
    clearTimeout(this.#timer)
    this.#judging?.onAbandoned?.()
    this.#judging = null // the socket holds on to us, and needs no chain any more
    this.#socket.removeListener('secureConnect', this.#onSecure)
    this.#socket.removeListener('error', this.#onError)
    this.#socket.removeListener('close', this.#onClose)
    return true
  }
}

function noDescription(): tls.DetailedPeerCertificate {
  return {} as tls.DetailedPeerCertificate
}

/** Node reports a TLS error after the handshake but leaves the socket open. */
function destroySelf(this: TLSSocket, cause: Error): void {
  this.destroy(cause) // whoever reads from it by then looks at `errored`
}
