import test from 'ava'
import fc from 'fast-check'
import { hasLooped, stripRequest, stripResponse, stripTrailers, viaLines, viaName } from '../../../src/http/hop.ts'

/** What is left of a request's fields. */
function request(list: string[], keepForwarded = false): string[] {
  stripRequest(list, keepForwarded)
  return list
}

function response(list: string[]): string[] {
  stripResponse(list)
  return list
}

test('hop-by-hop and framing fields go, the rest stays in order', t => {
  const list = [
    'Host',
    'a',
    'CONNECTION',
    'keep-alive, X-Mine , close',
    'Keep-Alive',
    '5',
    'A',
    '1',
    'x-mine',
    'z',
    'TE',
    'gzip',
    'a',
    '2',
    'Upgrade',
    'h2c',
    'HTTP2-Settings',
    'x',
    'Transfer-Encoding',
    'chunked',
    'Content-Length',
    '3',
    'Trailer',
    'T',
    'Proxy-Connection',
    'close',
    'Proxy-Authorization',
    'x',
    'Proxy',
    'http://evil',
    'Cookie',
    'c',
  ]
  request(list)
  t.deepEqual(list, ['Host', 'a', 'A', '1', 'a', '2', 'Trailer', 'T', 'Cookie', 'c'])
})

test('framing in a spelling that CGI reads as the same goes too', t => {
  for (const name of ['Content_Length', 'TRANSFER_ENCODING', 'transfer_encoding', 'Proxy_Connection', 'Keep_Alive']) {
    t.deepEqual(request([name, 'chunked', 'A', '1']), ['A', '1'], name)
    t.deepEqual(response([name, 'chunked', 'A', '1']), ['A', '1'], name)
  }
  t.deepEqual(request(['X_Custom', '1', 'Content_Type', '2']), ['X_Custom', '1', 'Content_Type', '2'])
})

test('Connection takes away what it names, but not what is meant for everybody', t => {
  const kept = [
    'Host',
    'Via',
    'Max-Forwards',
    'Cookie',
    'Authorization',
    'Origin',
    'Range',
    'Content-Type',
    'Content-Encoding',
    'Cache-Control',
    'Vary',
    'Set-Cookie',
    'Strict-Transport-Security',
  ]
  for (const name of kept) {
    t.deepEqual(request([name, '1', 'Connection', `close, ${name.toLowerCase()}`]), [name, '1'], name)
    t.deepEqual(response(['Connection', name.toUpperCase(), name, '1']), [name, '1'], name)
  }
  for (const option of ['x-a', 'X-A', ' X-a\t', 'close,x-A', ',,x-a,', 'keep-alive, y, X-A']) {
    t.deepEqual(request(['X-A', '1', 'Connection', option, 'x-a', '2', 'X-Ab', '3']), ['X-Ab', '3'], option)
  }
  t.deepEqual(request(['X-A', '1', 'X-B', '2', 'connection', 'x-a', 'Connection', 'x-b', 'C', '3']), ['C', '3'])
})

test('TE: trailers is kept in requests, bare', t => {
  for (const te of ['trailers', 'Trailers', 'gzip;q=0.5, Trailers', 'trailers , deflate']) {
    t.deepEqual(request(['TE', te, 'Connection', 'TE', 'te', te]), ['TE', 'trailers'], te)
  }
  for (const te of ['', 'gzip', 'chunked', 'trailersx', 'x-trailers']) t.deepEqual(request(['TE', te]), [], te)
  const answer = [
    'TE',
    'trailers',
    'Proxy-Authenticate',
    'x',
    'Proxy-Status',
    'y',
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
  ]
  stripResponse(answer)
  t.deepEqual(answer, ['Proxy-Status', 'y', 'Set-Cookie', 'a', 'Set-Cookie', 'b'])
})

test('nothing to take off leaves the list alone', t => {
  const list = ['Host', 'a', 'Accept', 'b']
  const before = [...list]
  request(list)
  t.deepEqual(list, before)
})

const SAYINGS = [
  'Forwarded',
  'X-Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Server',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-By-Whatever-Product',
  'X-Real-IP',
  'X-Client-IP',
  'Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'CF-Connecting-IPv6',
  'Fastly-Client-IP',
  'X-Cluster-Client-IP',
  'X-Remote-IP',
  'X-Remote-Addr',
  'X-Originating-IP',
  'X-Azure-ClientIP',
  'X-Envoy-External-Address',
  'X-Original-URL',
  'X-Original-Host',
  'X-Original-Forwarded-For',
  'X-Rewrite-URL',
  'X-Host',
  'Front-End-Https',
]
const OTHERS = [
  'X-Forward',
  'X-Forwarde',
  'X-Originals',
  'X-Origin',
  'X-Real-IPs',
  'XX-Forwarded-For',
  'Y-Forwarded-For',
  'X-Requested-With',
  'X-HTTP-Method-Override',
  'Forwarded2',
  'From',
  'CF-Ray',
  'X',
  'Proxy-Status',
]

test('what a client says about the way its request came goes, in every spelling', t => {
  for (const name of SAYINGS) {
    const spellings = [name, name.toLowerCase(), name.toUpperCase(), name.replaceAll('-', '_')]
    for (const spelling of spellings) {
      t.deepEqual(request(['A', '1', spelling, '127.0.0.1', 'B', '2', spelling, '::1']), ['A', '1', 'B', '2'], spelling)
      t.deepEqual(request([spelling, 'x', 'C', '3'], true), [spelling, 'x', 'C', '3'], spelling)
      t.deepEqual(response([spelling, 'x']), [spelling, 'x'], spelling)
      t.is(stripTrailers([spelling, 'x']), null, spelling)
    }
  }
  for (const name of OTHERS) t.deepEqual(request([name, 'x']), [name, 'x'], name)
})

test('Connection cannot remove what another proxy of the house told us to tell', t => {
  const list = ['X-Forwarded-For', '10.0.0.1', 'X-Mine', '1', 'Connection', 'close, x-forwarded-for, x-mine']
  t.deepEqual(request([...list], true), ['X-Forwarded-For', '10.0.0.1'])
})

test('names of any length and of any characters are looked at, and none is taken for another', t => {
  const long = 'x-forwarded-'.padEnd(4000, 'y')
  t.deepEqual(request([long, '1', long.slice(2), '2', 'x'.repeat(64), '3']), [long.slice(2), '2', 'x'.repeat(64), '3'])
  const token = fc.string({ unit: fc.constantFrom(...'XxFf-_OoRrWwAaDdEe!~0'), minLength: 1, maxLength: 24 })
  fc.assert(
    fc.property(token, name => {
      const like = name.toLowerCase().replaceAll('_', '-')
      const gone = like.startsWith('x-forwarded-') || like.startsWith('x-original-') || like === 'te'
      t.is(request([name, 'v']).length, gone || like === 'x-forwarded' || like === 'forwarded' ? 0 : 2, name)
    }),
  )
})

test('trailers lose framing and routing fields', t => {
  t.is(stripTrailers(['Content-Length', '1', 'Transfer-Encoding', 'x', 'Host', 'y', 'Connection', 'z']), null)
  t.deepEqual(stripTrailers(['A', '1', 'content-length', '1', 'B', '2']), ['A', '1', 'B', '2'])
  t.deepEqual(stripTrailers(['Cookie', 'a', 'Authorization', 'b', 'grpc-status', '0']), ['grpc-status', '0'])
})

test('Via names the version received and a box', t => {
  t.deepEqual(viaLines(viaName('ab')), { 10: '1.0 weir-ab', 11: '1.1 weir-ab', 20: '2 weir-ab' })
  t.is(viaLines(viaName(''))[11], '1.1 weir')
})

test("a loop is our own name in Via, nobody else's", t => {
  t.true(hasLooped(['via', '1.1 squid (x), 1.1 \t weir-ab'], 'weir-ab'))
  t.true(hasLooped(['Via', '1.0 a', 'Via', '2 weir-ab (comment)'], 'weir-ab'))
  t.true(hasLooped(['Via', '1.1 gw.example (weir-ab), 1.1 x'], 'weir-ab'))
  t.false(hasLooped(['Via', '1.1 x (with weir-ab)'], 'weir-ab'))
  t.false(hasLooped(['Via', '1.1 weir-abc, 1.1 weir-a'], 'weir-ab'))
  t.false(hasLooped(['X', '1.1 weir-ab'], 'weir-ab'))
})

test('property: no hop-by-hop field survives, whatever Connection says', t => {
  const name = fc.constantFrom(
    'Host',
    'Connection',
    'TE',
    'Upgrade',
    'Content-Length',
    'X-A',
    'Via',
    'Keep-Alive',
    'Transfer-Encoding',
  )
  const value = fc.constantFrom('x-a', 'close', 'x-a, , host', ',', '', 'keep-alive', 'trailers', 'content-length')
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), pairs => {
      const list = pairs.flat()
      const hosts = pairs.filter(([n]) => n === 'Host').length
      stripResponse(list)
      const names = list.filter((_, i) => i % 2 === 0)
      t.false(names.some(n => /^(connection|te|upgrade|content-length|keep-alive|transfer-encoding)$/i.test(n)))
      t.is(names.filter(n => n === 'Host').length, hosts)
    }),
  )
})
