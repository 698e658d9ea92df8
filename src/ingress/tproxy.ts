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
    server.listen({ fd }, () => resolve(server))
  })
}

export interface IngressOptions {
  onSocket(socket: net.Socket): void
  /** Beyond this the kernel's queue waits, then refuses. */
  maxConnections: number
}
