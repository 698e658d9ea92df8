import type net from 'node:net'
import tls, { type SecureContext, type TLSSocket } from 'node:tls'
import { WeirError } from '../core/errors.ts'

export interface TerminateOptions {
  /** Protocols we would speak, best first. Pass the same array every time: its wire form is remembered. */
  alpn: readonly string[]
  /** Limit for the whole handshake, milliseconds. */
  handshakeMs: number
  /** The name the leaf was made for; only for messages. */
  requestName: string
  /** The hello had an encrypted_client_hello extension: only then can `ech_required` be meant. */
  ech: boolean
  /** The name stands in for others (`public_name` of an ECHConfig): only with it does a client that trusts us say so. */
  echPublicName: boolean
}

/** What was seen of the handshake, whichever way it ended. */
export interface HandshakeFacts {
  /** Number of the alert the client sent, also after the handshake; -1: none, or none that could be read. */
  alert: number
  certificateSent: boolean
  resumed: boolean
  /** From our start to its end, milliseconds. */
  handshakeMs: number
  /** Our limit ended it. */
  byUs: boolean
  /** The client's messages were wrong, an alert of theirs has no meaning here, or there was nothing in common. */
  malformed: boolean
}

export type TerminateDone = (error: WeirError | null, socket: TLSSocket | null, facts: HandshakeFacts) => void

/** Alerts that speak about the certificate we showed: RFC 8446 §6.2, bad_certificate … certificate_unknown and unknown_ca. */
const DISTRUST_ALERTS = new Map([
  [42, 'bad_certificate'],
  [43, 'unsupported_certificate'],
  [44, 'certificate_revoked'],
  [45, 'certificate_expired'],
  [46, 'certificate_unknown'],
  [48, 'unknown_ca'],
])

/** A server's first flight with a P-256 leaf has 600 octets and more; HelloRetryRequest and a refused hello stay far below. */
const CERTIFICATE_FLIGHT_BYTES = 400
/** Change-cipher-spec and one encrypted alert are 30 octets; a second ClientHello or a Finished is longer. */
const ALERT_BYTES = 48
/** RFC 9849 §6.1.6; OpenSSL has no name for it, and Node says nothing about an alert without one. */
const ECH_REQUIRED = 121

/**
 * What `tls.Server` does to a socket at the end of a handshake and what we must do without one: `_releaseControl` lets
 * later TLS errors out as 'error' events, `secureConnecting` is what node:http2 waits for.
 */
interface ServerSideSocket extends TLSSocket {
  _releaseControl(): boolean
  secureConnecting: boolean
}

const alpnWire = new WeakMap<readonly string[], Buffer>()

/**
 * Ends the client's TLS here. Bytes peeked before and pushed back into `socket` are used first. `done` is called exactly
 * once and never before this function returns. After an error nothing of the connection is left; after success the
 * socket destroys itself at an error, and all else is the caller's business. A client that turned the certificate down
 * gives `client-tls-distrust`.
 */
export function terminate(
  socket: net.Socket,
  context: SecureContext,
  options: TerminateOptions,
  done: TerminateDone,
): void {
  const startedMono = performance.now()
  const readBefore = socket.bytesRead
  const writtenBefore = socket.bytesWritten
  const facts: HandshakeFacts = {
    alert: -1,
    certificateSent: false,
    resumed: false,
    handshakeMs: 0,
    byUs: false,
    malformed: false,
  }
  let client: ServerSideSocket
  try {
    if (socket.destroyed) throw new Error('already closed')
    client = new tls.TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: wireForm(options.alpn),
    }) as ServerSideSocket
  } catch (cause) {
    socket.destroy()
    process.nextTick(done, new WeirError('client-tls', 'The client closed before the handshake.', cause), null, facts)
    return
  }
  let settled = false
  const timer = setTimeout(() => fail(null, 'timeout'), options.handshakeMs)

  const settle = (): boolean => {
    if (settled) return false
    settled = true
    clearTimeout(timer)
    facts.resumed = client.isSessionReused()
    facts.certificateSent = socket.bytesWritten - writtenBefore > CERTIFICATE_FLIGHT_BYTES && !facts.resumed
    facts.handshakeMs = performance.now() - startedMono
    client.removeListener('secure', onSecure)
    client.removeListener('end', onEnd)
    client.removeListener('close', onEnd)
    client.removeListener('error', onError)
    return true
  }
  const fail = (cause: Error | null, how: 'alert' | 'closed' | 'timeout'): void => {
    // Only meaningful after a peek, which has read the whole hello.
    const bytesAfterHello = readBefore > 0 ? socket.bytesRead - readBefore : 0
    if (!settle()) return
    facts.byUs = how === 'timeout'
    facts.alert = alertOf(cause)
    facts.malformed = how === 'alert' && facts.alert < 0
    // An alert nobody names, and no other octet: for a public name of ECH it is the one that says all is well. For
    // any other nobody could know, as browsers send an extension of that sort in every hello (RFC 9849 §6.2)
    const unnamed = how === 'closed' && bytesAfterHello > 0 && bytesAfterHello <= ALERT_BYTES
    if (unnamed && options.ech) {
      if (options.echPublicName) facts.alert = ECH_REQUIRED
      else facts.malformed = true
    }
    // Errors that come while the two sockets go down concern nobody any more.
    client.on('error', ignore)
    client.destroy()
    socket.destroy()
    done(handshakeError(cause, how, facts, options.requestName), null, facts)
  }
  const onError = (cause: Error): void =>
    fail(cause, (cause as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'closed' : 'alert')
  const onEnd = (): void => fail(null, 'closed')
  const onSecure = (): void => {
    if (!settle()) return
    client.secureConnecting = false
    client._releaseControl()
    client.on('error', cause => {
      facts.alert = alertOf(cause)
      // Node reports a TLS error after the handshake but leaves the socket open.
      client.destroy()
    })
    done(null, client, facts)
  }
  client.on('secure', onSecure)
  client.on('end', onEnd)
  client.on('close', onEnd)
  client.on('error', onError)
}

function alertOf(cause: Error | null): number {
  return Number(/SSL alert number (\d+)/.exec(cause?.message ?? '')?.[1] ?? -1)
}

/** Pure: which failure it was, in the words of the log. */
function handshakeError(
  cause: Error | null,
  how: 'alert' | 'closed' | 'timeout',
  { alert, certificateSent, malformed }: HandshakeFacts,
  name: string,
): WeirError {
  const after = certificateSent ? 'after' : 'before'
  if (how === 'timeout') return new WeirError('client-tls', `${name}: handshake timed out ${after} our certificate`)
  if (alert === ECH_REQUIRED)
    return new WeirError('client-tls', `${name}: ech_required, the client comes back with the real name`)
  if (how === 'closed') {
    const code = certificateSent && !malformed ? 'client-tls-distrust' : 'client-tls'
    return new WeirError(code, `${name}: closed ${after} our certificate`, cause ?? undefined)
  }
  const distrust = DISTRUST_ALERTS.get(alert)
  if (distrust !== undefined) return new WeirError('client-tls-distrust', `${name}: ${distrust}`, cause)
  const reason = (cause as { reason?: unknown } | null)?.reason ?? (cause as NodeJS.ErrnoException | null)?.code
  return new WeirError('client-tls', `${name}: ${typeof reason === 'string' ? reason : 'handshake failed'}`, cause)
}

/** RFC 7301 §3.1: each name with its length before it. */
function wireForm(alpn: readonly string[]): Buffer {
  let wire = alpnWire.get(alpn)
  if (wire === undefined) {
    wire = Buffer.concat(alpn.map(name => Buffer.from(String.fromCharCode(name.length) + name, 'latin1')))
    alpnWire.set(alpn, wire)
  }
  return wire
}

function ignore(): void {}
