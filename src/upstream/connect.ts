import net from 'node:net'
import { type ErrorCode, UserError, WeirError } from '../core/errors.ts'

export interface ConnectDeps {
  /** An unconnected socket bound to the client's address. May throw. */
  boundSocket(sourceAddr: string, onread?: net.OnReadOpts): net.Socket
  /** Does this lead back to Weir itself? */
  isOwnDestination(addr: string, port: number): boolean
  connectMs: number
}

export interface TcpTarget {
  addr: string
  port: number
  sourceAddr: string | null
}

/** What `connect(2)` and `bind(2)` say, in our words; every other errno is `origin-unreachable`. */
const CODES: Record<string, ErrorCode> = {
  ECONNREFUSED: 'origin-refused',
  ECONNRESET: 'origin-refused',
  ETIMEDOUT: 'origin-connect-timeout',
  // Descriptors, memory or local ports are used up.
  EMFILE: 'self-overloaded',
  ENFILE: 'self-overloaded',
  ENOBUFS: 'self-overloaded',
  ENOMEM: 'self-overloaded',
  EADDRNOTAVAIL: 'self-overloaded',
}

/**
 * A connected socket, half-open allowed. `done` is called at most once, never before this returns, never after cancel.
 * `onread`: whoever takes the socket over reads it into a buffer of its own; only a socket's constructor takes that.
 */
export function dialRaw(
  target: TcpTarget,
  deps: ConnectDeps,
  done: (error: WeirError | null, socket: net.Socket | null) => void,
  onread?: net.OnReadOpts,
): () => void {
  let over = false
  const refuse = (error: WeirError): (() => void) => {
    process.nextTick(() => {
      if (!over) done(error, null)
    })
    return () => {
      over = true
    }
  }
  // An address only: a name would be resolved here, and the destination is the client's, not our resolver's.
  if (net.isIP(target.addr) === 0 || !(target.port > 0 && target.port < 65536))
    return refuse(new WeirError('origin-unreachable', 'Not an address.'))
  if (deps.isOwnDestination(target.addr, target.port)) return refuse(new WeirError('policy-loop'))
  let socket: net.Socket
  try {
    socket =
      target.sourceAddr === null
        ? new net.Socket({ allowHalfOpen: true, ...(onread && { onread }) })
        : deps.boundSocket(target.sourceAddr, onread)
    socket.connect({ host: target.addr, port: target.port })
  } catch (cause) {
    return refuse(connectError(cause as Error))
  }
  const finish = (error: WeirError | null): void => {
    if (over) return
    over = true
    clearTimeout(timer)
    socket.removeListener('connect', onConnect)
    if (error === null) {
      socket.removeListener('error', onError)
      socket.removeListener('close', onClose)
      // A socket destroys itself at an error; without any listener the error would end the process.
      socket.on('error', ignore)
      done(null, socket)
    } else {
      // `onError` stays on it: what comes while it goes down concerns nobody.
      socket.destroy()
      done(error, null)
    }
  }
  const onConnect = (): void => {
    socket.setNoDelay(true)
    finish(null)
  }
  const onError = (cause: Error): void => finish(connectError(cause))
  const onClose = (): void => finish(new WeirError('origin-unreachable', 'Closed before it was connected.'))
  const timer = setTimeout(
    () => finish(new WeirError('origin-connect-timeout', `No connection in ${deps.connectMs} ms.`)),
    deps.connectMs,
  )
  socket.on('connect', onConnect)
  socket.on('error', onError)
  socket.on('close', onClose)
  return () => {
    if (over) return
    over = true
    clearTimeout(timer)
    socket.destroy()
  }
}

function connectError(cause: Error): WeirError {
  // The socket from the client's address could not be made: it says why in a sentence.
  if (cause instanceof UserError) return new WeirError('self-internal', cause.message, cause)
  const errno = (cause as NodeJS.ErrnoException).code ?? ''
  return new WeirError(CODES[errno] ?? 'origin-unreachable', /^E[A-Z0-9]+$/.test(errno) ? errno : '', cause)
}

function ignore(): void {}
