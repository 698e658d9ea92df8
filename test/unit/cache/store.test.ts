import test from 'ava'
import { MemoryCache } from '../../../src/cache/memory.ts'
import type { RequestHead, ResponseHead } from '../../../src/core/exchange.ts'
import type { HeaderList } from '../../../src/core/headers.ts'
import { BODY, httpDate, request, response, show, store, T0 } from './messages.ts'

const make = (): MemoryCache => new MemoryCache({ maxBytes: 1 << 20, cacheStatus: false, now: () => T0 })
const CC = 'Cache-Control'

test('may it be stored (RFC 9111 §3)', t => {
  const lm = httpDate(T0 - 100_000)
  const table: [string, RequestHead, ResponseHead, string][] = [
    ['max-age', request(), response([CC, 'max-age=1']), ''],
    ['nothing at all', request(), response(), 'no-freshness'],
    ['heuristics: 200 with Last-Modified', request(), response(['Last-Modified', lm]), ''],
    ['only an ETag: kept to be validated', request(), response(['ETag', '"1"']), ''],
    ['heuristics: 404', request(), response(['Last-Modified', lm], { status: 404 }), ''],
    ['no heuristics: 302', request(), response(['Last-Modified', lm], { status: 302 }), 'no-freshness'],
    ['302 with max-age', request(), response([CC, 'max-age=1'], { status: 302 }), ''],
    ['302 public', request(), response(['Last-Modified', lm, CC, 'public'], { status: 302 }), ''],
    ['500 with Expires', request(), response(['Expires', httpDate(T0 + 1000)], { status: 500 }), ''],
    ['unknown status', request(), response([CC, 'max-age=1'], { status: 299 }), ''],
    [
      'unknown status, must-understand',
      request(),
      response([CC, 'max-age=1, must-understand'], { status: 299 }),
      'status',
    ],
    ['POST', request([], { method: 'POST' }), response([CC, 'max-age=1']), 'method'],
    ['get is not GET', request([], { method: 'get' }), response([CC, 'max-age=1']), 'method'],
    ['HEAD', request([], { method: 'HEAD' }), response([CC, 'max-age=1']), 'method'],
    ['GET with content', request([], { bodyLength: 3 }), response([CC, 'max-age=1']), 'body'],
    ['206', request(), response([CC, 'max-age=1'], { status: 206 }), 'partial'],
    ['304', request(), response([CC, 'max-age=1'], { status: 304 }), 'status'],
    ['416', request(), response([CC, 'max-age=1'], { status: 416 }), 'status'],
    ['429', request(), response([CC, 'max-age=1'], { status: 429 }), 'status'],
    ['401', request(), response([CC, 'public, max-age=1'], { status: 401 }), 'status'],
    ['103', request(), response([CC, 'max-age=1'], { status: 103 }), 'status'],
    ['no-store', request(), response([CC, 'max-age=1, No-Store']), 'no-store'],
    ['request no-store', request([CC, 'no-store']), response([CC, 'max-age=1']), 'no-store'],
    ['private', request(), response([CC, 'max-age=1, private']), 'private'],
    ['private and public', request(), response([CC, 'public, private="x", max-age=1']), 'private'],
    ['no-cache with validator', request(), response([CC, 'no-cache', 'ETag', '"1"']), ''],
    ['no-cache without', request(), response([CC, 'no-cache, max-age=9']), 'no-freshness'],
    ['max-age=0 without validator', request(), response([CC, 'max-age=0']), 'no-freshness'],
    ['old on arrival', request(), response([CC, 'max-age=9', 'Age', '9']), 'expired'],
    ['Authorization', request(['Authorization', 'x']), response([CC, 'max-age=1']), 'authorization'],
    ['Authorization, public', request(['Authorization', 'x']), response([CC, 'max-age=1, public']), ''],
    ['Authorization, s-maxage', request(['Authorization', 'x']), response([CC, 's-maxage=1']), ''],
    [
      'Authorization, must-revalidate',
      request(['Authorization', 'x']),
      response([CC, 'max-age=1, must-revalidate']),
      '',
    ],
    ['Set-Cookie', request(), response([CC, 's-maxage=1', 'Set-Cookie', 'a=b']), 'set-cookie'],
    ['Set-Cookie, public', request(), response([CC, 'public, max-age=1', 'Set-Cookie', 'a=b']), ''],
    ['Vary *', request(), response([CC, 'max-age=1', 'Vary', 'a, *']), 'vary'],
    ['huge head', request(), response([CC, 'max-age=1', 'X', 'x'.repeat(70_000)]), 'too-large'],
  ]
  for (const [what, req, res, expected] of table) {
    const cache = make()
    t.is(store(cache, req, res), expected, what)
    t.is(cache.counters.entries, expected === '' ? 1 : 0, what)
  }
})

test('how long it is fresh (RFC 9111 §4.2)', t => {
  const at = (s: number): string => httpDate(T0 + s * 1000)
  // [what, response fields, last second at which it is fresh; -1: never]
  const table: [string, HeaderList, number][] = [
    ['max-age', [CC, 'max-age=100'], 99],
    ['s-maxage over max-age and Expires', [CC, 'max-age=1000, s-maxage=100', 'Expires', at(5000)], 99],
    ['max-age over Expires', [CC, 'max-age=100', 'Expires', at(5000)], 99],
    ['broken s-maxage', [CC, 'max-age=1000, s-maxage=x'], -1],
    ['Expires', ['Expires', at(100)], 99],
    ['Expires, asctime', ['Expires', 'Thu Jan 15 12:01:40 2026'], 99],
    ['Expires 0', ['Expires', '0'], -1],
    ['Expires with a zone', ['Expires', at(100).replace('GMT', 'UTC')], -1],
    ['two Expires', ['Expires', at(100), 'Expires', at(200)], -1],
    ['Expires invalid although modified long ago', ['Expires', 'never', 'Last-Modified', at(-100_000)], -1],
    ['a tenth', ['Last-Modified', at(-1000)], 99],
    ['a day at most', ['Last-Modified', at(-100_000_000)], 86_399],
    ['modified later than Date', ['Last-Modified', at(10)], -1],
    ['Age', [CC, 'max-age=100', 'Age', '40'], 59],
    ['Age, a list', [CC, 'max-age=100', 'Age', '40, 0'], 59],
    ['Age, two lines', [CC, 'max-age=100', 'Age', '40', 'Age', '1'], 59],
    ['Age, no number', [CC, 'max-age=100', 'Age', '40s'], 99],
    ['Age, negative', [CC, 'max-age=100', 'Age', '-40'], 99],
    ['Age beyond all', [CC, 'max-age=100', 'Age', '9'.repeat(30)], -1],
    ['no-cache', [CC, 'max-age=100, no-cache'], -1],
    ['no-cache for a field', [CC, 'max-age=100, no-cache="Set-Cookie"'], -1],
  ]
  for (const [what, headers, last] of table) {
    const cache = make()
    t.is(store(cache, request(), response([...headers, 'ETag', '"1"'])), '', what)
    if (last >= 0) t.is(show(cache.lookup(request(), '', T0 + last * 1000)), 'fresh', what)
    t.true(show(cache.lookup(request(), '', T0 + (last + 1) * 1000)).startsWith('stale'), what)
  }
})

test('age (RFC 9111 §4.2.3): old Date, slow answer, no Date, clock set back', t => {
  const late = make()
  store(late, request(), response([CC, 'max-age=100'], {}), { atMs: T0 + 30_000 })
  t.like(late.lookup(request(), '', T0 + 31_000), { kind: 'fresh', ageSeconds: 31 })
  const slow = make()
  const writer = slow.begin(request(), response([CC, 'max-age=100', 'Age', '10']), '', T0 - 20_000, T0)
  if (typeof writer === 'string') return t.fail(writer)
  writer.write(BODY)
  writer.end(true)
  t.like(slow.lookup(request(), '', T0), { kind: 'fresh', ageSeconds: 30 })
  const dateless = make()
  store(dateless, request(), response([], { headers: [CC, 'max-age=100'] }))
  t.like(dateless.lookup(request(), '', T0 + 5000), { kind: 'fresh', ageSeconds: 5 })
  t.like(dateless.lookup(request(), '', T0 - 5000), { kind: 'fresh', ageSeconds: 0 })
})

test('what the request wants (RFC 9111 §5.2.1, §5.4)', t => {
  const fresh: HeaderList = [CC, 'max-age=100', 'ETag', '"1"']
  const table: [string, HeaderList, HeaderList, number, string][] = [
    ['no-cache', [CC, 'no-cache'], fresh, 10, 'stale request-no-cache'],
    ['Pragma', ['Pragma', 'No-Cache'], fresh, 10, 'stale request-no-cache'],
    ['Pragma beside Cache-Control', ['Pragma', 'no-cache', CC, 'max-age=50'], fresh, 10, 'fresh'],
    ['no-store', [CC, 'no-store'], fresh, 10, 'bypass no-store'],
    ['max-age=0', [CC, 'max-age=0'], fresh, 0, 'stale request-max-age'],
    ['max-age too young', [CC, 'max-age=5'], fresh, 10, 'stale request-max-age'],
    ['max-age broken', [CC, 'max-age=x'], fresh, 10, 'stale request-max-age'],
    ['min-fresh kept', [CC, 'min-fresh=90'], fresh, 10, 'fresh'],
    ['min-fresh missed', [CC, 'min-fresh=91'], fresh, 10, 'stale request-min-fresh'],
    ['max-stale within', [CC, 'max-stale=20'], fresh, 110, 'fresh'],
    ['max-stale beyond', [CC, 'max-stale=5'], fresh, 110, 'stale expired'],
    ['max-stale without limit', [CC, 'max-stale'], fresh, 100_000, 'fresh'],
    [
      'max-stale, must-revalidate',
      [CC, 'max-stale'],
      [CC, 'max-age=100, must-revalidate', 'ETag', '"1"'],
      110,
      'stale expired',
    ],
    [
      'max-stale, proxy-revalidate',
      [CC, 'max-stale'],
      [CC, 'max-age=100, proxy-revalidate', 'ETag', '"1"'],
      110,
      'stale expired',
    ],
    ['max-stale, s-maxage', [CC, 'max-stale'], [CC, 's-maxage=100', 'ETag', '"1"'], 110, 'stale expired'],
    ['max-stale, no-cache', [CC, 'max-stale'], [CC, 'max-age=100, no-cache', 'ETag', '"1"'], 10, 'stale no-cache'],
    ['only-if-cached, fresh', [CC, 'only-if-cached'], fresh, 10, 'fresh'],
    ['only-if-cached, stale', [CC, 'only-if-cached'], fresh, 110, 'unsatisfiable expired'],
    ['only-if-cached, no-store', [CC, 'only-if-cached, no-store'], fresh, 10, 'unsatisfiable no-store'],
    ['stale without validator', [], [CC, 'max-age=100'], 110, 'miss expired'],
    ['If-Match', ['If-Match', '"1"'], fresh, 10, 'bypass precondition'],
    ['Authorization', ['Authorization', 'x'], fresh, 10, 'miss authorization'],
    ['Authorization, public', ['Authorization', 'x'], [CC, 'max-age=100, public'], 10, 'fresh'],
  ]
  for (const [what, req, res, seconds, expected] of table) {
    const cache = make()
    store(cache, request(), response(res))
    t.is(show(cache.lookup(request(req), '', T0 + seconds * 1000)), expected, what)
  }
})

test('other requests', t => {
  const cache = make()
  store(cache, request(), response([CC, 'max-age=100']))
  const table: [Partial<RequestHead>, string][] = [
    [{ method: 'HEAD' }, 'fresh'],
    [{ method: 'POST' }, 'bypass method'],
    [{ bodyLength: -1 }, 'bypass body'],
    [{ upgrade: 'websocket' }, 'bypass upgrade'],
    [{ path: '/X' }, 'miss absent'],
    [{ path: '/x?' }, 'miss absent'],
    [{ host: 'b.example' }, 'miss absent'],
    [{ port: 444 }, 'miss absent'],
    [{ scheme: 'http' }, 'miss absent'],
  ]
  for (const [over, expected] of table)
    t.is(show(cache.lookup(request([], over), '', T0)), expected, JSON.stringify(over))
  t.is(show(cache.lookup(request([CC, 'only-if-cached'], { path: '/y' }), '', T0)), 'unsatisfiable absent')
  t.is(show(cache.lookup(request(), '10.0.0.1', T0)), 'miss absent')
})

test('a forged Host reaches only what came from the same address', t => {
  const cache = make()
  store(cache, request(), response([CC, 'max-age=100']), { scope: '198.51.100.66' })
  t.is(show(cache.lookup(request(), '192.0.2.1', T0)), 'miss absent')
  t.is(show(cache.lookup(request(), '', T0)), 'miss absent')
  t.is(show(cache.lookup(request(), '198.51.100.66', T0)), 'fresh')
})

test('variants (RFC 9111 §4.1): each for its own requests, the newest first, replaced by their like', t => {
  const cache = make()
  const lang = (l: string): RequestHead => request(['Accept-Language', l])
  const put = (l: string, text: string): string =>
    store(cache, lang(l), response([CC, 'max-age=100', 'Vary', 'Accept-Language']), {
      body: Buffer.from(text.padEnd(10)),
    })
  const got = (req: RequestHead): string => {
    const found = cache.lookup(req, '', T0)
    return found.kind === 'fresh' ? String(cache.answer(found.entry, req, T0).body![0]).trim() : show(found)
  }
  put('de', 'hallo')
  put('fr', 'salut')
  t.is(got(lang('de')), 'hallo')
  t.is(got(lang('fr')), 'salut')
  t.is(got(lang('en')), 'miss vary')
  t.is(got(request()), 'miss vary')
  put('de', 'moin')
  t.is(cache.counters.entries, 2)
  t.is(got(lang('de')), 'moin')
})

test('only what the store needs of a head is kept (RFC 9111 §3.1)', t => {
  const cache = make()
  const drop: HeaderList = [
    'Connection',
    'X-Hop, close',
    'X-Hop',
    '1',
    'Transfer-Encoding',
    'chunked',
    'Content-Length',
    '10',
  ]
  const keep: HeaderList = ['X-A', '1', 'x-a', '2', CC, 'max-age=100', 'Via', '1.1 weir']
  store(cache, request(), response([...drop, 'Proxy-Authenticate', 'x', 'Age', '3', ...keep]))
  const found = cache.lookup(request(), '', T0 + 4000)
  if (found.kind !== 'fresh') return t.fail(show(found))
  t.deepEqual(cache.answer(found.entry, request(), T0 + 4000), {
    status: 200,
    headers: ['Date', httpDate(T0), ...keep, 'Age', '7'],
    body: [BODY],
    bodyLength: 10,
  })
})
