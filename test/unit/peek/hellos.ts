import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

/** First bytes a real client sends to us; the server never answers, so a TLS client stops after its ClientHello. */
async function capture(start: (port: number) => () => void): Promise<Buffer> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = start((server.address() as net.AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  socket.on('error', () => {})
  const chunks: Buffer[] = []
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    chunks.push(chunk)
    const all = Buffer.concat(chunks)
    if (all[0] !== 0x16 || all.length >= 5 + all.readUInt16BE(3)) {
      socket.destroy()
      stop()
      server.close()
      return all
    }
  }
}

function program(command: string, args: string[]): () => void {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] })
  child.on('error', () => {})
  return () => child.kill()
}

export function nodeHello(options: tls.ConnectionOptions): Promise<Buffer> {
  return capture(port => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    socket.on('error', () => {})
    return () => socket.destroy()
  })
}

export function opensslHello(...args: string[]): Promise<Buffer> {
  return capture(port => program('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args]))
}

export function curlHello(name: string): Promise<Buffer> {
  return capture(port => program('curl', ['-sk', '--connect-to', `::127.0.0.1:${port}`, `https://${name}/`]))
}

/** Sent by Debian's chromium to https://school.example.org/ : GREASE, ML-KEM share, GREASE ECH, shuffled extensions. */
export function chromiumHello(): Buffer {
  return Buffer.from(readFileSync(new URL('fixtures/chromium.base64', import.meta.url), 'utf8'), 'base64')
}

/** Cuts the handshake message of a one-record capture into records of `size` bytes. */
export function refragment(capture: Buffer, size: number): Buffer {
  const message = capture.subarray(5, 5 + capture.readUInt16BE(3))
  const out: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    out.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(out)
}
