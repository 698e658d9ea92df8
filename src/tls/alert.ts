import type { Socket } from 'node:net'

/** The client may still be sending: what comes is thrown away for so long and so much, then the connection ends. */
const LINGER_MS = 1000
const MAX_LINGER_BYTES = 256 * 1024

/**
 * Ends a connection whose hello is refused by a fatal alert in clear text (RFC 8446 §6.2), as a server without anything to
 * say to this client does. A bare reset would make clients try again, and their users look for a fault of the network.
 * `version`: the client's highest, so that it can read the record.
 */
export function refuseHello(socket: Socket, alert: number, version: number): void {
  if (socket.destroyed) return
  const minor = Math.min(Math.max(version, 0x0300), 0x0303) & 255
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  let left = MAX_LINGER_BYTES
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  socket.on('close', () => clearTimeout(timer))
  // Closed at once, unread bytes would become a reset that can overtake the alert
  socket.end(Buffer.from([21, 3, minor, 0, 2, 2, alert]))
  socket.resume()
}
