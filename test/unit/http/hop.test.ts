import test from 'ava'
import fc from 'fast-check'
import { addVia, hasLooped, stripRequest, stripResponse, stripTrailers, viaName } from '../../../src/http/hop.ts'

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
  stripRequest(list)
  t.deepEqual(list, ['Host', 'a', 'A', '1', 'a', '2', 'Trailer', 'T', 'Cookie', 'c'])
})

test('Host and Via cannot be taken away by Connection', t => {
  const list = ['Host', 'a', 'Via', '1.1 x', 'Connection', 'host, via, authorization', 'Authorization', 'b']
  stripRequest(list)
  t.deepEqual(list, ['Host', 'a', 'Via', '1.1 x'])
})

test('TE: trailers is kept in requests, bare', t => {
  const list = ['TE', 'gzip;q=0.5, Trailers', 'Connection', 'TE']
  stripRequest(list)
  t.deepEqual(list, ['TE', 'trailers'])
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
  stripRequest(list)
  t.deepEqual(list, before)
})

test('trailers lose framing and routing fields', t => {
  t.is(stripTrailers(['Content-Length', '1', 'Transfer-Encoding', 'x', 'Host', 'y', 'Connection', 'z']), null)
  t.deepEqual(stripTrailers(['A', '1', 'content-length', '1', 'B', '2']), ['A', '1', 'B', '2'])
})

test('Via names the version received and a box', t => {
  const list: string[] = []
  addVia(list, 11, viaName('ab'))
  addVia(list, 20, viaName('ab'))
  addVia(list, 10, viaName(''))
  t.deepEqual(list, ['Via', '1.1 weir-ab', 'Via', '2 weir-ab', 'Via', '1.0 weir'])
})

test("a loop is our own name in Via, nobody else's", t => {
  t.true(hasLooped(['via', '1.1 squid (x), 1.1 \t weir-ab'], 'weir-ab'))
  t.true(hasLooped(['Via', '1.0 a', 'Via', '2 weir-ab (comment)'], 'weir-ab'))
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
