import net from 'node:net'

/**
 * Connections that the kernel's TPROXY redirects: nothing is rewritten, so an accepted socket's local address and port
 * are the original destination. The descriptor is inherited from the supervisor, which made it transparent.
 */
export function listenTproxy(fd: number, options: IngressOptions): Promise<net.Server> {
  const server = net.createServer(
    {
      // A client that has sent all it had may still wait for its answer
      allowHalfOpen: true,
      // Nothing is read before the peek asks for it, so nothing can be lost
      pauseOnConnect: true,
      noDelay: true,
    },
    options.onSocket,
  )
  server.maxConnections = options.maxConnections
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ fd }, () => {
      // An accept that fails (no memory, no descriptors) concerns that one client; unheard it would end the process
      server.on('error', options.onError)
      server.removeListener('error', reject)
      resolve(server)
    })
  })
}

export interface IngressOptions {
  onSocket(socket: net.Socket): void
  /** Beyond this a connection is closed as soon as it is accepted. */
  maxConnections: number
  /** A connection could not be accepted. */
  onError(error: Error): void
}
