import test from 'ava'
import fc from 'fast-check'
import type { Exchange, RequestHead, UpstreamInfo } from '../../../src/core/exchange.ts'
import { StrictHosts } from '../../../src/enrol/strict-hosts.ts'
import { exchange } from '../filters/fixture.ts'

const DAY = 86_400_000

function answered(value: string | null, request: Partial<RequestHead> = {}, exception = ''): Exchange {
  const ex = exchange({ host: 'a.example', ...request })
  const headers = value === null ? [] : ['strict-transport-security', value]
  ex.response = { status: 200, reason: '', headers, version: 11, bodyLength: 0 }
  ex.upstream = { exception } as UpstreamInfo
  return ex
}

test('a host is strict as long as it says, its subdomains if it says so', t => {
  const hosts = new StrictHosts()
  hosts.note(answered('max-age=86400'), 0)
  t.true(hosts.has('a.example', DAY - 1))
  t.false(hosts.has('a.example', DAY))
  for (const host of ['b.a.example', 'example', 'xa.example', '']) t.false(hosts.has(host, 0), host)
  hosts.note(answered('MAX-AGE = "86400" ; includeSubDomains; preload'), 0)
  for (const host of ['a.example', 'b.a.example', 'c.b.a.example']) t.true(hosts.has(host, 0), host)
  for (const host of ['xa.example', 'example']) t.false(hosts.has(host, 0), host)
  hosts.note(answered('max-age=0'), 0)
  t.false(hosts.has('b.a.example', 0))
  t.is(hosts.size, 0)
})

test('seen again it lasts from then on, and no longer than two years', t => {
  const hosts = new StrictHosts()
  for (let now = 0; now <= 300 * DAY; now += DAY) hosts.note(answered('max-age=31536000'), now)
  t.true(hosts.has('a.example', 360 * DAY))
  t.true(hosts.has('a.example', 600 * DAY))
  t.false(hosts.has('a.example', 665 * DAY))
  hosts.note(answered('max-age=9999999999'), 0)
  t.false(hosts.has('a.example', 731 * DAY))
})

test('only what was proved counts, and only for names', t => {
  const hosts = new StrictHosts()
  const wrong = [
    answered('max-age=100', { scheme: 'http' }),
    answered('max-age=100', {}, 'expired (override)'),
    answered('max-age=100', { host: '192.0.2.1' }),
    answered('max-age=100', { host: '2001:db8::1' }),
    answered(null),
    answered(''),
    answered('includeSubDomains'),
    answered('max-age=-1'),
    answered('max-age=100x'),
    answered(`max-age=100;${' '.repeat(1000)}`),
  ]
  for (const ex of wrong) hosts.note(ex, 0)
  t.is(hosts.size, 0)
})

test('any value is read or left, and the number of hosts is bounded', t => {
  const hosts = new StrictHosts(100)
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 400 }), fc.string({ maxLength: 300 }), (value, host) => {
      hosts.note(answered(value), 0)
      hosts.has(host, 0)
    }),
  )
  for (let i = 0; i < 1000; i++) hosts.note(answered('max-age=100', { host: `h${i}.example` }), 0)
  t.is(hosts.size, 100)
  t.true(hosts.has('h999.example', 0))
})
