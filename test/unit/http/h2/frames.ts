import net from 'node:net'

/** HTTP/2 by hand, for what no decent library sends. Fields are literals without indexing or Huffman (RFC 7541 §6.2.2). */
export function frame(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const size = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) size.push((rest & 127) | 128)
  size.push(rest)
  return Buffer.concat([Buffer.from(size), bytes])
}

export type Fields = (readonly [string, string])[]

export function fieldBlock(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))
}

export const PREFACE_ONLY = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const PREFACE = Buffer.concat([PREFACE_ONLY, frame(4, 0, 0)])
export const END_STREAM = 1
export const END_HEADERS = 4

export const data = (id: number, payload: string | Buffer, flags = 0): Buffer =>
  frame(0, flags, id, Buffer.from(payload as string))

/** RST_STREAM with CANCEL. */
export const cancel = (id: number): Buffer => frame(3, 0, id, Buffer.from([0, 0, 0, 8]))

export function windowUpdate(id: number, increment: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return frame(8, 0, id, payload)
}

export function settings(...pairs: [id: number, value: number][]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return frame(4, 0, 0, payload)
}

export function headersFrame(id: number, fields: Fields, endStream: boolean): Buffer {
  return frame(1, END_HEADERS | (endStream ? END_STREAM : 0), id, fieldBlock(fields))
}

/** A field block too large for one frame: HEADERS and CONTINUATION. */
export function longHeaders(id: number, fields: Fields): Buffer {
  const block = fieldBlock(fields)
  const frames: Buffer[] = []
  for (let at = 0; at < block.length; at += 16_000) {
    const last = at + 16_000 >= block.length ? END_HEADERS : 0
    frames.push(frame(at === 0 ? 1 : 9, at === 0 ? last | END_STREAM : last, id, block.subarray(at, at + 16_000)))
  }
  return Buffer.concat(frames)
}

export function get(path = '/', authority = 'a.test', scheme = 'http'): Fields {
  return [
    [':method', 'GET'],
    [':scheme', scheme],
    [':authority', authority],
    [':path', path],
  ]
}

export interface Heard {
  /** Stream ids with a HEADERS frame. */
  headers: number[]
  resets: { id: number; code: number }[]
  goaway: number | null
  closed: boolean
  /** Stream ids ended in good order. */
  ends: number[]
}

/** A raw client: sends, and notes what comes back. */
export class RawClient {
  readonly socket: net.Socket
  readonly heard: Heard = { headers: [], resets: [], goaway: null, closed: false, ends: [] }
  #bytes = Buffer.alloc(0)

  /** On a loopback port, or on a socket that is connected. */
  constructor(to: number | net.Socket, preface: Buffer = PREFACE) {
    this.socket = typeof to === 'number' ? net.connect(to, '127.0.0.1') : to
    this.socket.on('error', () => {})
    this.socket.on('close', () => (this.heard.closed = true))
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.socket.write(preface)
  }

  /** The stream's answer is over, or the connection is. */
  async over(id: number): Promise<void> {
    await until(() => this.heard.ends.includes(id) || this.heard.closed || this.heard.goaway !== null)
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 9) {
      const size = this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < 9 + size) return
      const id = this.#bytes.readUInt32BE(5)
      if (this.#bytes[3] === 1) this.heard.headers.push(id)
      if (this.#bytes[3]! <= 1 && (this.#bytes[4]! & END_STREAM) !== 0) this.heard.ends.push(id)
      if (this.#bytes[3] === 3) this.heard.resets.push({ id, code: this.#bytes.readUInt32BE(9) })
      if (this.#bytes[3] === 7) this.heard.goaway = this.#bytes.readUInt32BE(13)
      this.#bytes = this.#bytes.subarray(9 + size)
    }
  }
}

export async function until(what: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!what()) {
    if (Date.now() > end) throw new Error('it did not happen in time')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
