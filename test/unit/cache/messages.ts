import type { Lookup, MemoryCache } from '../../../src/cache/memory.ts'
import type { RequestHead, ResponseHead } from '../../../src/core/exchange.ts'
import type { HeaderList } from '../../../src/core/headers.ts'

/** Some instant; all tests count from it. */
export const T0 = Date.UTC(2026, 0, 15, 12, 0, 0)

export function httpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

export function request(headers: HeaderList = [], over: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    scheme: 'https',
    host: 'a.example',
    port: 443,
    path: '/x',
    headers,
    version: 11,
    bodyLength: 0,
    expectContinue: false,
    upgrade: null,
    ...over,
  }
}

/** A 200 of ten bytes with a Date of T0, unless told otherwise. */
export function response(headers: HeaderList = [], over: Partial<ResponseHead> = {}): ResponseHead {
  return { status: 200, reason: '', headers: ['Date', httpDate(T0), ...headers], version: 11, bodyLength: 10, ...over }
}

export const BODY = Buffer.from('0123456789')

/** Stores an answer at T0; '' or the reason why not. */
export function store(
  cache: MemoryCache,
  req: RequestHead,
  res: ResponseHead,
  { scope = '', body = BODY, atMs = T0 } = {},
): string {
  const writer = cache.begin(req, res, scope, atMs, atMs)
  if (typeof writer === 'string') return writer
  writer.write(body)
  writer.end(true)
  return ''
}

export function show(found: Lookup): string {
  return 'reason' in found ? `${found.kind} ${found.reason}` : found.kind
}
