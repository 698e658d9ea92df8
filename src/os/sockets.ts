import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { addrBytes } from '../core/addr.ts'
import { UserError } from '../core/errors.ts'
import * as libc from './libc.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const SOL_IP = 0
const IP_TRANSPARENT = 19
const IP_BIND_ADDRESS_NO_PORT = 24
const SOL_IPV6 = 41
const IPV6_V6ONLY = 26
const IPV6_TRANSPARENT = 75
const BACKLOG = 4096

/**
 * A listening socket for connections that TPROXY redirects, IPv4 and IPv6 on one descriptor. The local address of an
 * accepted socket is the original destination. SO_REUSEPORT: each worker has one of its own and the kernel shares the
 * load. The caller owns the descriptor; it is made by the supervisor and outlives any worker that accepts on it.
 */
export function listenTransparent(port: number): number {
  return listener('::', port, true)
}

/** An ordinary listening socket on one address, made before privileges are dropped. */
export function listenPlain(host: string, port: number): number {
  return listener(host, port, false)
}

function listener(host: string, port: number, transparent: boolean): number {
  const family = net.isIPv4(host) ? AF_INET : AF_INET6
  const fd = libc.socket(family, SOCK_STREAM_NONBLOCK_CLOEXEC)
  if (fd < 0) throw socketError('open a socket', host, port, fd)
  const steps: [string, () => number][] = [['reuse the address', () => libc.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)]]
  if (transparent) {
    steps.push(
      ['share the port', () => libc.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)],
      ['listen for IPv4 and IPv6', () => libc.setOption(fd, SOL_IPV6, IPV6_V6ONLY, 0)],
      ['make the socket transparent', () => libc.setOption(fd, SOL_IP, IP_TRANSPARENT, 1)],
      ['make the socket transparent', () => libc.setOption(fd, SOL_IPV6, IPV6_TRANSPARENT, 1)],
    )
  }
  steps.push(['listen', () => libc.bind(fd, sockaddr(host, port))])
  steps.push(['listen', () => libc.listen(fd, BACKLOG)])
  for (const [what, step] of steps) {
    const result = step()
    if (result >= 0) continue
    libc.close(fd)
    throw socketError(what, host, port, result)
  }
  return fd
}

/**
 * A socket that will connect from the client's own address (any port): IP_TRANSPARENT lets it bind an address that is
 * not the box's, IP_BIND_ADDRESS_NO_PORT leaves the port to connect() so that the 64 k ports are per destination.
 * `onread` goes to the socket's constructor. Needs CAP_NET_RAW. Throws UserError.
 */
export function boundSocket(sourceAddr: string, onread?: net.OnReadOpts): net.Socket {
  const v4 = net.isIPv4(sourceAddr)
  const fd = libc.socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC)
  if (fd < 0) throw socketError('open a socket', sourceAddr, 0, fd)
  const level = v4 ? SOL_IP : SOL_IPV6
  for (const result of [
    libc.setOption(fd, level, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1),
    libc.setOption(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1), // the option is SOL_IP's for both families
    libc.bind(fd, sockaddr(sourceAddr, 0)),
  ]) {
    if (result >= 0) continue
    libc.close(fd)
    throw socketError("dial from the client's address", sourceAddr, 0, result)
  }
  // manualStart: the handle must not be read before connect()
  const options = { fd, allowHalfOpen: true, manualStart: true, ...(onread && { onread }) }
  return new net.Socket(options as net.SocketConstructorOpts)
}

export function closeDescriptor(fd: number): void {
  libc.close(fd)
}

function sockaddr(host: string, port: number): Buffer {
  const bytes = addrBytes(host)
  if (bytes === null) throw new UserError(`"${host}" is not an IP address.`)
  if (net.isIPv4(host)) {
    const out = Buffer.alloc(16)
    out.writeUInt16LE(AF_INET, 0)
    out.writeUInt16BE(port, 2)
    out.set(bytes.subarray(12), 4)
    return out
  }
  const out = Buffer.alloc(28)
  out.writeUInt16LE(AF_INET6, 0)
  out.writeUInt16BE(port, 2)
  out.set(bytes, 8)
  return out
}

function socketError(what: string, host: string, port: number, result: number): UserError {
  const name = getSystemErrorName(result)
  const where = port === 0 ? host : `port ${port} (${host})`
  const advice: Record<string, string> = {
    EADDRINUSE: 'Another program uses it: stop that, or choose another port under "listen".',
    EPERM: 'It needs root, or the capability CAP_NET_RAW.',
    EACCES: 'It needs root, or the capability CAP_NET_BIND_SERVICE.',
    EADDRNOTAVAIL: 'This machine does not have that address: choose one of its own under "listen".',
  }
  return new UserError(`Could not ${what} on ${where}: ${name}. ${advice[name] ?? ''}`.trim())
}
