import type { LocalReply } from '../core/exchange.ts'
import type { HeaderList } from '../core/headers.ts'

/** Everything under the reserved path is made for one device at one moment. */
const ALWAYS = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']

export function answer(status: number, contentType: string, body: string | Buffer, more: HeaderList = []): LocalReply {
  return { status, headers: ['Content-Type', contentType, ...ALWAYS, ...more], body: Buffer.from(body) }
}

export function textReply(status: number, text: string, more: HeaderList = []): LocalReply {
  return answer(status, 'text/plain; charset=utf-8', `${text}\n`, more)
}

/** See Other: the browser gets the place with GET (RFC 9110 §15.4.4). */
export function redirect(location: string): LocalReply {
  return { status: 303, headers: ['Location', location, ...ALWAYS], body: Buffer.alloc(0) }
}
