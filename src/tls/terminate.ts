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
}

export type TerminateDone = (error: WeirError | null, socket: TLSSocket | null) => void

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
  const readBefore = socket.bytesRead
  const writtenBefore = socket.bytesWritten
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
    process.nextTick(done, new WeirError('client-tls', 'The client closed before the handshake.', cause), null)
    return
  }
  let settled = false
  const timer = setTimeout(() => fail(null, 'timeout'), options.handshakeMs)

  const settle = (): boolean => {
    if (settled) return false
    settled = true
    clearTimeout(timer)
    client.removeListener('secure', onSecure)
    client.removeListener('end', onEnd)
    client.removeListener('close', onEnd)
    client.removeListener('error', onError)
    return true
  }
  const fail = (cause: Error | null, how: 'alert' | 'closed' | 'timeout'): void => {
    const facts: HandshakeFacts = {
      name: options.requestName,
      certificateSent: socket.bytesWritten - writtenBefore > CERTIFICATE_FLIGHT_BYTES && !client.isSessionReused(),
      // Only meaningful after a peek, which has read the whole hello.
      bytesAfterHello: readBefore > 0 ? socket.bytesRead - readBefore : 0,
    }
    if (!settle()) return
    // Errors that come while the two sockets go down concern nobody any more.
    client.on('error', ignore)
    client.destroy()
    socket.destroy()
    done(handshakeError(cause, how, facts), null)
  }
  const onError = (cause: Error): void =>
    fail(cause, (cause as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'closed' : 'alert')
  const onEnd = (): void => fail(null, 'closed')
  const onSecure = (): void => {
    if (!settle()) return
    client.secureConnecting = false
    client._releaseControl()
    client.on('error', destroySelf)
    done(null, client)
  }
  client.on('secure', onSecure)
  client.on('end', onEnd)
  client.on('close', onEnd)
  client.on('error', onError)
}

interface HandshakeFacts {
  name: string
  certificateSent: boolean
  bytesAfterHello: number
}

/** Pure: which failure it was, in the words of the log. */
function handshakeError(cause: Error | null, how: 'alert' | 'closed' | 'timeout', facts: HandshakeFacts): WeirError {
  const after = facts.certificateSent ? 'after' : 'before'
  if (how === 'timeout')
    return new WeirError('client-tls', `${facts.name}: handshake timed out ${after} our certificate`)
  if (how === 'closed') {
    if (!facts.certificateSent)
      return new WeirError('client-tls', `${facts.name}: closed before our certificate`, cause ?? undefined)
    // Node swallows alerts that OpenSSL has no name for, ech_required (121) among them, and takes close_notify for an
    // end. That is no verdict on the certificate: RFC 9849 §6.1.6 makes a client say 121 when all is well.
    if (facts.bytesAfterHello > 0 && facts.bytesAfterHello <= ALERT_BYTES)
      return new WeirError('client-tls', `${facts.name}: closed with an alert that is no verdict on our certificate`)
    return new WeirError('client-tls-distrust', `${facts.name}: closed after certificate`, cause ?? undefined)
  }
  const alert = Number(/SSL alert number (\d+)/.exec(cause?.message ?? '')?.[1] ?? -1)
  const distrust = DISTRUST_ALERTS.get(alert)
  if (distrust !== undefined) return new WeirError('client-tls-distrust', `${facts.name}: ${distrust}`, cause)
  const reason = (cause as { reason?: unknown } | null)?.reason ?? (cause as NodeJS.ErrnoException | null)?.code
  return new WeirError(
    'client-tls',
    `${facts.name}: ${typeof reason === 'string' ? reason : 'handshake failed'}`,
    cause,
  )
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

/** Node reports a TLS error after the handshake but leaves the socket open. */
function destroySelf(this: TLSSocket): void {
  this.destroy()
}

function ignore(): void {}
