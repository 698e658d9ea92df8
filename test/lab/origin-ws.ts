import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const MAX_FRAME_BYTES = 16 << 20

/** Answers an upgrade and echoes every frame, RFC 6455: text and binary as they are, ping with pong, close with close. */
export function echoWebSocket(req: IncomingMessage, socket: Duplex, head: Buffer): void {
  const key = req.headers['sec-websocket-key']
  if (req.headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return
  }
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let pending = head
  const read = () => {
    for (let frame = takeFrame(pending); frame !== null; frame = takeFrame(pending)) {
      pending = pending.subarray(frame.size)
      answer(socket, frame)
    }
    if (pending.length > MAX_FRAME_BYTES) socket.destroy()
  }
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    read()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => socket.destroy())
  read()
}

interface Frame {
  /** First byte as sent: FIN, RSV and opcode. */
  readonly first: number
  readonly payload: Buffer
  /** Bytes the frame took, head included. */
  readonly size: number
}

/** The first whole frame of `buf` with its mask removed (RFC 6455 §5.2), or null when more bytes are needed. */
function takeFrame(buf: Buffer): Frame | null {
  if (buf.length < 2) return null
  let length = buf[1]! & 0x7f
  let at = 2
  if (length === 126) {
    if (buf.length < 4) return null
    length = buf.readUInt16BE(2)
    at = 4
  } else if (length === 127) {
    if (buf.length < 10) return null
    length = Number(buf.readBigUInt64BE(2))
    at = 10
  }
  const masked = (buf[1]! & 0x80) !== 0
  const size = at + (masked ? 4 : 0) + length
  if (buf.length < size) return null
  const payload = Buffer.from(buf.subarray(size - length, size))
  if (masked) for (let i = 0; i < length; i++) payload[i]! ^= buf[at + (i & 3)]!
  return { first: buf[0]!, payload, size }
}

function answer(socket: Duplex, { first, payload }: Frame): void {
  const opcode = first & 0x0f
  const reply = opcode === 9 ? (first & 0xf0) | 10 : first
  if (opcode !== 10) socket.write(Buffer.concat([frameHead(reply, payload.length), payload]))
  if (opcode === 8) socket.end()
}

function frameHead(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, length])
  if (length < 65536) return Buffer.from([first, 126, length >> 8, length & 255])
  const head = Buffer.alloc(10)
  head[0] = first
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}
