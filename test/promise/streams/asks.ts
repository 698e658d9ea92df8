import { setTimeout as sleep } from 'node:timers/promises'
import type { Asked, Asker, Fields } from './asking.ts'
import { EVENTS } from './pages.ts'
import { noise } from './trace.ts'

/** Settable, because a gigabyte is for a patient person. */
const LARGE_BYTES = Number(process.env.LARGE_BYTES)
const STREAMS = 500
const STALLED = 20
const STALLED_BYTES = 1_000_000

const form = { 'content-type': 'application/octet-stream' }

async function get(asker: Asker, target: string, fields: Fields = {}, method = 'GET'): Promise<void> {
  const asked = asker.ask(method, target, fields)
  asked.end()
  await asked.over
}

export const EARLY = 'a whole answer before the end of the request, which goes on'
export const MANY = `${STREAMS} streams beside ${STALLED} that nobody reads`

/** What a client does on one connection; its trace is what is compared. */
export const ASKS: Record<string, (asker: Asker, free: (event: number) => Promise<void>) => Promise<void>> = {
  async 'server-sent events, each at once'(asker, free) {
    const asked = asker.ask('GET', '/events', { accept: 'text/event-stream' })
    asked.timed = true
    let text = ''
    let worst = 0
    let seen = 0
    asked.onData = chunk => {
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, id, at] = /^id: (\d+)\ndata: (\d+)$/.exec(text.slice(0, end)) ?? []
        text = text.slice(end + 2)
        worst = Math.max(worst, Date.now() - Number(at))
        asker.trace.note(`event ${id}`)
        seen++
        void free(Number(id))
      }
    }
    asked.end()
    await asked.over
    asker.remark = `${seen} of ${EVENTS} events, the slowest after ${worst} ms`
  },

  async 'a body only after 100 (Continue)'(asker) {
    const asked = asker.ask('POST', '/upload', { ...form, 'content-length': '5', expect: '100-continue' })
    asked.onInformational = () => asked.out.end('hello')
    await asked.over
    await get(asker, '/length', {}, 'HEAD')
  },

  async 'a final answer instead of 100 (Continue)'(asker) {
    const asked = asker.ask('POST', '/unexpected', { ...form, 'content-length': '5', expect: '100-continue' })
    asked.onInformational = () => asked.out.end('hello')
    asked.onEnd = () => asked.out.destroy()
    await asked.over
  },

  async 'early hints, twice'(asker) {
    await get(asker, '/hints')
    await get(asker, '/no-content')
  },

  async 'trailers both ways'(asker) {
    const asked = asker.ask('POST', '/trailers', { ...form, te: 'trailers', trailer: 'x-digest' })
    asked.out.write('some ')
    await sleep(10)
    asked.out.write('words')
    asked.end({ 'x-digest': 'sum' })
    await asked.over
    await get(asker, '/length')
  },

  async 'question and answer in turn within one exchange'(asker) {
    const asked = asker.ask('POST', '/duplex', { ...form })
    let turn = 0
    let left = 0
    const next = () => {
      if (turn === 20) return asked.end()
      left = 1 + turn * 777
      asked.out.write(noise(`${turn++}`, left))
    }
    asked.onData = chunk => {
      left -= chunk.length
      if (left !== 0) return
      asker.trace.note(`turn ${turn} ${asked.body}`)
      next()
    }
    next()
    await asked.over
  },

  async 'HEAD, 204 and 304 on one connection'(asker) {
    await get(asker, '/length', {}, 'HEAD')
    await get(asker, '/no-content')
    await get(asker, '/not-modified', { 'if-none-match': '"v1"' })
    await get(asker, '/not-modified', { 'if-none-match': '"v1"' }, 'HEAD')
    await get(asker, '/no-content', {}, 'DELETE')
    await get(asker, '/length')
  },

  async 'an answer before the end of the request, which is not wanted'(asker) {
    const asked = asker.ask('POST', '/enough', { ...form, 'content-length': '1000000' })
    asked.onEnd = () => asked.out.destroy()
    asked.out.write(noise('enough', 65536))
    await asked.over
  },

  async [EARLY](asker) {
    const asked = asker.ask('POST', '/early', { ...form, 'content-length': '327680' })
    asked.onEnd = () => asked.out.end(noise('later', 4 * 65536))
    asked.out.write(noise('early', 65536))
    await asked.over
  },

  async 'a client that leaves'(asker) {
    const asked = asker.ask('GET', '/download?bytes=100000000', {}, true)
    asked.onData = () => asked.out.destroy()
    asked.end()
    await asked.over
  },

  async 'an answer that is cut off'(asker) {
    await get(asker, '/cut')
  },

  async 'a large answer'(asker) {
    await get(asker, `/download?bytes=${LARGE_BYTES}`)
  },

  async 'a large request'(asker) {
    const asked = asker.ask('POST', '/upload', { ...form, 'content-length': String(LARGE_BYTES) })
    await asked.send(noise('upload', 65536), LARGE_BYTES)
    await asked.over
  },

  async [MANY](asker) {
    const stalled: Asked[] = []
    for (let i = 0; i < STALLED; i++) {
      const asked = asker.ask('GET', `/download?bytes=${STALLED_BYTES}`, {}, true)
      asked.pause()
      asked.end()
      stalled.push(asked)
    }
    const all = Array.from({ length: STREAMS }, (_, i) => asker.ask('GET', `/object?${i}`, {}, true))
    for (const asked of all) asked.end()
    await Promise.all(all.map(asked => asked.over))
    for (const asked of all) asker.trace.note(asked.trace.events.join(' '))
    for (const asked of stalled) asked.resume()
    await Promise.all(stalled.map(asked => asked.over))
    for (const asked of stalled) asker.trace.note(asked.trace.events.join(' '))
  },
}
