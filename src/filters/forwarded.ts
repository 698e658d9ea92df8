import { hostPort } from '../core/addr.ts'
import { WeirError } from '../core/errors.ts'
import type { Exchange, LocalReply, RequestHead } from '../core/exchange.ts'
import type { FilterFactory } from '../core/filter.ts'
import { headerAll, headerSet } from '../core/headers.ts'

/** What Weir can count to; RFC 9110 §7.6.2 lets each recipient have a maximum. */
const MAX_FORWARDS = 999_999_999

const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/**
 * What a request says about its way, by policy: where that is `set`, whom it is from, as this box saw it (what the client
 * said is gone by then). And Max-Forwards is counted down, which RFC 9110 §7.6.2 wants for OPTIONS and TRACE.
 */
export const forwarded: FilterFactory = context => ({
  name: 'forwarded',
  onRequest(ex) {
    const { request } = ex
    if (context.policy().headers.forwarded(request.host) === 'set') tellForwarded(ex)
    if (request.method === 'OPTIONS') return countDown(ex)
    if (request.method !== 'TRACE') return null
    // RFC 9110 §9.3.8: a TRACE has no content; in HTTP/2 only its head was seen until here
    return request.bodyLength === 0 ? countDown(ex) : refused(ex, 'A TRACE request has a body.')
  },
})

/** RFC 7239 §4, and the three fields that most servers know instead. */
function tellForwarded({ conn, request }: Exchange): void {
  const { clientAddr } = conn
  const { scheme, headers } = request
  const host = authorityOf(request)
  const node = clientAddr.includes(':') ? `"[${clientAddr}]"` : clientAddr
  // A colon makes it no token
  const quoted = host.includes(':') ? `"${host}"` : host
  headers.push('Forwarded', `for=${node};host=${quoted};proto=${scheme}`)
  headers.push('X-Forwarded-For', clientAddr, 'X-Forwarded-Proto', scheme, 'X-Forwarded-Host', host)
}

function authorityOf({ scheme, host, port }: RequestHead): string {
  if (port !== (scheme === 'https' ? 443 : 80)) return hostPort(host, port)
  return host.includes(':') ? `[${host}]` : host
}

/** RFC 9110 §7.6.2: at 0 the request goes no further and is answered here. */
function countDown(ex: Exchange): LocalReply | null {
  const { method, headers } = ex.request
  const values = headerAll(headers, 'max-forwards')
  if (values.length === 0) return null
  const [value = ''] = values
  if (values.length > 1 || !/^[0-9]+$/.test(value)) return refused(ex, 'Max-Forwards is not one number.')
  const left = Math.min(Number(value), MAX_FORWARDS + 1)
  if (left > 0) {
    headerSet(headers, 'Max-Forwards', String(left - 1))
    return null
  }
  if (method === 'OPTIONS') return { status: 200, headers: ['Allow', ALLOW], body: Buffer.alloc(0) }
  // §9.3.8 has it echoed; but nothing of ours puts a client's text, and what others added to it, into a site's own origin
  return plain(405, 'TRACE is not answered here.\n')
}

function refused(ex: Exchange, why: string): LocalReply {
  ex.error = new WeirError('client-bad-request', why)
  return plain(400, `${ex.error.message}\n`)
}

function plain(status: number, text: string): LocalReply {
  const type = ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store']
  return { status, headers: status === 405 ? ['Allow', ALLOW, ...type] : type, body: Buffer.from(text) }
}
