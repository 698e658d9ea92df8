import test from 'ava'
import fc from 'fast-check'
import { type ConnectionPlace, parseAuthority, resolveTarget } from '../../../src/http/target.ts'

const plain: ConnectionPlace = { scheme: 'http', sni: null, dstAddr: '192.0.2.7', dstPort: 8080 }
const tls: ConnectionPlace = { scheme: 'https', sni: 'www.example.org', dstAddr: '192.0.2.7', dstPort: 443 }

function resolve(place: ConnectionPlace, method: string, target: string, hosts: string[], version: 10 | 11 = 11) {
  const found = resolveTarget({ method, target, version, hostCount: hosts.length, host: hosts.at(-1) ?? '' }, place)
  return typeof found === 'string' ? found : `${found.host} ${found.port} ${found.path}`
}

const BAD = 'client-bad-request'
const MISDIRECTED = 'client-misdirected'
const cases: [ConnectionPlace, string, string, string[], (10 | 11) | undefined, string][] = [
  [plain, 'GET', '/a?b', ['Example.ORG'], 11, 'example.org 80 /a?b'],
  [plain, 'GET', '/', ['example.org.:81'], 11, 'example.org 81 /'],
  [plain, 'GET', '//evil/x', ['a'], 11, 'a 80 //evil/x'],
  [plain, 'GET', '/', ['a:'], 11, 'a 80 /'],
  [plain, 'GET', '/', ['[2001:DB8:0::1]:8080'], 11, '2001:db8::1 8080 /'],
  [plain, 'GET', '/', ['[::1]'], 11, '::1 80 /'],
  [plain, 'GET', '/', [], 10, '192.0.2.7 8080 /'],
  [plain, 'GET', '/', ['a'], 10, 'a 80 /'],
  [plain, 'GET', '/', [], 11, BAD],
  [plain, 'GET', '/', ['a', 'a'], 11, BAD],
  [plain, 'GET', '/', ['a', 'a'], 10, BAD],
  [plain, 'GET', '/#f', ['a'], 11, BAD],
  [plain, 'GET', '*', ['a'], 11, BAD],
  [plain, 'OPTIONS', '*', ['a'], 11, 'a 80 *'],
  [plain, 'GET', 'a/b', ['a'], 11, BAD],
  [plain, 'CONNECT', 'a:443', ['a:443'], 11, BAD],
  [plain, 'CONNECT', '/', ['a'], 11, BAD],
  [plain, 'GET', 'http://a/x', ['a'], 11, 'a 80 /x'],
  [plain, 'GET', 'HTTP://A:80/x', ['a'], 11, 'a 80 /x'],
  [plain, 'GET', 'http://a', ['a'], 11, 'a 80 /'],
  [plain, 'GET', 'http://a?q', ['a'], 11, 'a 80 /?q'],
  [plain, 'OPTIONS', 'http://a', ['a'], 11, 'a 80 *'],
  [plain, 'GET', 'http://a/', [], 10, 'a 80 /'],
  [plain, 'GET', 'http://a/', [], 11, BAD],
  [plain, 'GET', 'http://a/', ['b'], 11, BAD],
  [plain, 'GET', 'http://a:81/', ['a'], 11, BAD],
  [plain, 'GET', 'http://u@a/', ['a'], 11, BAD],
  [plain, 'GET', 'http:///x', ['a'], 11, BAD],
  [plain, 'GET', 'ftp://a/', ['a'], 11, BAD],
  [plain, 'GET', 'https://a/', ['a'], 11, MISDIRECTED],
  [tls, 'GET', '/', ['www.example.org'], 11, 'www.example.org 443 /'],
  [tls, 'GET', '/', ['WWW.example.org.:443'], 11, 'www.example.org 443 /'],
  [tls, 'GET', '/', ['example.org'], 11, 'example.org 443 /'],
  [tls, 'GET', 'https://other/', ['www.example.org'], 11, BAD],
  [tls, 'GET', 'https://other/', [], 10, 'other 443 /'],
  [tls, 'GET', '/', [], 10, 'www.example.org 443 /'],
  [{ ...tls, sni: '2001:db8:0::1' }, 'GET', '/', ['[2001:db8::1]'], 11, '2001:db8::1 443 /'],
]
test('targets', t => {
  for (const [place, method, target, hosts, version, expected] of cases) {
    t.is(resolve(place, method, target, hosts, version), expected, `${method} ${target} ${hosts}`)
  }
})

test('malformed Hosts', t => {
  for (const host of [
    '',
    ' ',
    '.',
    'a..b',
    '.a',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'u@a',
    'a%00',
    'a%41',
    'a,b',
    'a;b',
    'a:b',
    'a:0',
    'a:65536',
    'a:080000',
    'a:-1',
    'a:80:80',
    '[::1',
    '::1',
    '[::1]x',
    '[::1]:',
    '[fe80::1%25eth0]',
    '[1.2.3.4]',
    '[]',
    'b\xfccher.de',
    'a\t',
    "a'b",
    `${'a'.repeat(254)}`,
  ]) {
    if (host === '[::1]:') t.deepEqual(parseAuthority(host, 'http'), { host: '::1', port: 80 })
    else t.is(parseAuthority(host, 'http'), null, JSON.stringify(host))
  }
})

test('property: a resolved host is one plain spelling', t => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.domain(),
        fc.ipV6().map(a => `[${a}]`),
        fc.ipV4(),
      ),
      host => {
        const found = parseAuthority(host, 'https')
        if (found !== null) {
          t.regex(found.host, /^([a-z0-9_.-]+|[0-9a-f:.]+)$/)
          t.true(found.port > 0 && found.port < 65536)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
