import { createHash } from 'node:crypto'
import { noise } from './trace.ts'
import { type Mode, WAYS, type Way } from './ways.ts'

const MESSAGES = 10_000
/** Around the sizes at which the length of a frame takes another form (RFC 6455 §5.2), and what lies between. */
const SIZES = [0, 1, 2, 125, 126, 127, 300, 1000, 1001, 4096, 700, 16384, 12, 65535, 65536]

function baseOf(mode: Mode, way: Way): string {
  return mode === 'http' ? `ws://web.test:${WAYS[way].http}` : `wss://web.test:${WAYS[way].https}`
}

/** One message is answered, and at the next the server closes the connection instead. */
export function loseServer(mode: Mode, way: Way, run: string): Promise<string[]> {
  const socket = new WebSocket(`${baseOf(mode, way)}/dropped?run=${run}`)
  const events: string[] = []
  const { promise, resolve } = Promise.withResolvers<string[]>()
  socket.onopen = () => socket.send('one')
  socket.onmessage = ({ data }) => {
    events.push(`message ${data}`)
    socket.send('two')
  }
  socket.onclose = ({ code, reason, wasClean }) => {
    events.push(`closed ${code} "${reason}"${wasClean ? '' : ' uncleanly'}`)
    resolve(events)
  }
  return promise
}

/** Sends all of them without waiting, text and binary, and hears each again in its turn. */
export function exchangeMessages(mode: Mode, way: Way, run: string): Promise<string[]> {
  const socket = new WebSocket(`${baseOf(mode, way)}/?run=${run}`)
  socket.binaryType = 'arraybuffer'
  const events: string[] = []
  const sent = createHash('sha256')
  const got = createHash('sha256')
  let count = 0
  let strange = 0
  const { promise, resolve } = Promise.withResolvers<string[]>()
  socket.onopen = () => {
    events.push(`open "${socket.protocol}" "${socket.extensions}"`)
    const block = noise('messages', 65536)
    for (let i = 0; i < MESSAGES; i++) {
      // The largest are rare: it is the number of messages that matters
      const size = SIZES[i % (i % 50 === 0 ? SIZES.length : 10)]!
      const text = i % 2 === 0
      const message = text ? `${i} ${'ü'.repeat(size >> 1)}` : block.subarray(0, size)
      sent.update(text ? 't' : 'b').update(message)
      socket.send(message)
    }
  }
  socket.onmessage = ({ data }) => {
    const text = typeof data === 'string'
    if (text !== (count % 2 === 0)) strange++
    got.update(text ? 't' : 'b').update(text ? data : Buffer.from(data as ArrayBuffer))
    if (++count === MESSAGES) socket.close(4001, 'that was all')
  }
  socket.onerror = () => events.push('error')
  socket.onclose = ({ code, reason, wasClean }) => {
    const same = sent.digest('hex') === got.digest('hex')
    events.push(`${count} messages, ${strange} out of turn, ${same ? 'as' : 'not as'} they were sent`)
    events.push(`closed ${code} "${reason}"${wasClean ? '' : ' uncleanly'}`)
    resolve(events)
  }
  return promise
}
