import test from 'ava'
import { Conn } from '../../../src/core/conn.ts'
import type { Exchange, LocalReply, RequestHead } from '../../../src/core/exchange.ts'
import { Exchange as NewExchange } from '../../../src/core/exchange.ts'
import type { ForwardedMode } from '../../../src/core/header-policy.ts'
import { headerAll, headerGet } from '../../../src/core/headers.ts'
import { forwarded } from '../../../src/filters/forwarded.ts'
import { decision, exchange, policyThat, reply } from './fixture.ts'

function run(ex: Exchange, mode: ForwardedMode = 'remove'): LocalReply | null {
  const policy = { ...policyThat(decision()), headers: { via: 'pseudonym' as const, forwarded: () => mode } }
  const filter = forwarded({
    policy: () => policy,
    blockPage: () => reply(403),
    reserved: () => null,
    noteStrict: () => {},
  })
  return filter.onRequest!(ex) as LocalReply | null
}

/** From that client address. */
function from(clientAddr: string, request: Partial<RequestHead>): Exchange {
  const { request: head } = exchange(request)
  const conn = new Conn({ ...CONN, clientAddr })
  return new NewExchange(conn, head, 2000, 2)
}

const CONN = {
  id: 'w1-7',
  clientAddr: '',
  clientPort: 50_000,
  dstAddr: '192.0.2.1',
  dstPort: 443,
  ingress: 'tproxy',
  startedAt: 1000,
  startedMono: 1,
} as const

test('nothing is told unless policy says so', t => {
  for (const mode of ['remove', 'keep'] as const) {
    const ex = exchange({ headers: ['Host', 'www.example'] })
    t.is(run(ex, mode), null)
    t.deepEqual(ex.request.headers, ['Host', 'www.example'])
  }
})

test('what is told is what this box saw', t => {
  const table: [Exchange, string, string, string, string][] = [
    [from('10.77.1.9', {}), 'for=10.77.1.9;host=www.example;proto=https', '10.77.1.9', 'https', 'www.example'],
    [
      from('10.77.1.9', { port: 8443 }),
      'for=10.77.1.9;host="www.example:8443";proto=https',
      '10.77.1.9',
      'https',
      'www.example:8443',
    ],
    [
      from('fd77::9', { scheme: 'http', port: 80 }),
      'for="[fd77::9]";host=www.example;proto=http',
      'fd77::9',
      'http',
      'www.example',
    ],
    [
      from('fd77::9', { host: '2001:db8::1' }),
      'for="[fd77::9]";host="[2001:db8::1]";proto=https',
      'fd77::9',
      'https',
      '[2001:db8::1]',
    ],
    [
      from('fd77::9', { host: '2001:db8::1', port: 80 }),
      'for="[fd77::9]";host="[2001:db8::1]:80";proto=https',
      'fd77::9',
      'https',
      '[2001:db8::1]:80',
    ],
  ]
  for (const [ex, line, client, proto, host] of table) {
    t.is(run(ex, 'set'), null)
    t.deepEqual(ex.request.headers, [
      'Forwarded',
      line,
      'X-Forwarded-For',
      client,
      'X-Forwarded-Proto',
      proto,
      'X-Forwarded-Host',
      host,
    ])
  }
})

test('Max-Forwards is counted down for OPTIONS and TRACE, and for nothing else', t => {
  const counted: [string, string][] = [
    ['1', '0'],
    ['10', '9'],
    ['007', '6'],
    ['1000000000', '999999999'],
    ['9'.repeat(400), '999999999'],
  ]
  for (const [before, after] of counted) {
    for (const method of ['OPTIONS', 'TRACE']) {
      const ex = exchange({ method, headers: ['A', '1', 'max-forwards', before, 'B', '2'] })
      t.is(run(ex), null)
      t.is(headerGet(ex.request.headers, 'max-forwards'), after, before)
      t.is(ex.request.headers.length, 6)
    }
  }
  for (const method of ['GET', 'POST', 'options', 'trace', 'OPTIONSX', 'BREW']) {
    const ex = exchange({ method, headers: ['Max-Forwards', '0'] })
    t.is(run(ex), null, method)
    t.deepEqual(headerAll(ex.request.headers, 'max-forwards'), ['0'], method)
  }
  for (const method of ['OPTIONS', 'TRACE']) t.is(run(exchange({ method })), null)
})

test('at 0 the request goes no further', t => {
  for (const zero of ['0', '000']) {
    const options = run(exchange({ method: 'OPTIONS', path: '*', headers: ['Max-Forwards', zero] }))
    t.is(options?.status, 200)
    t.is(options?.body.length, 0)
    t.regex(headerGet(options!.headers, 'allow')!, /GET, HEAD/)
    const trace = run(exchange({ method: 'TRACE', headers: ['Cookie', 'secret', 'Max-Forwards', zero] }))
    t.is(trace?.status, 405)
    t.notRegex(headerGet(trace!.headers, 'allow')!, /TRACE/)
    t.notRegex(trace!.body.toString(), /secret/)
  }
})

test('a Max-Forwards that is not one number is refused', t => {
  for (const value of ['', '-1', '+1', '1.0', '0x1', '1, 0', 'many', '１']) {
    const ex = exchange({ method: 'OPTIONS', headers: ['Max-Forwards', value] })
    t.is(run(ex)?.status, 400, value)
    t.is(ex.error?.code, 'client-bad-request')
  }
  const twice = exchange({ method: 'TRACE', headers: ['Max-Forwards', '5', 'MAX-FORWARDS', '5'] })
  t.is(run(twice)?.status, 400)
})

test('a TRACE with a body is refused, however its length is told', t => {
  for (const bodyLength of [1, -1]) t.is(run(exchange({ method: 'TRACE', bodyLength }))?.status, 400)
  t.is(run(exchange({ method: 'OPTIONS', bodyLength: 1 })), null)
})
