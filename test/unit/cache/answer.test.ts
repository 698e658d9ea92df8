import test from 'ava'
import type { Answer } from '../../../src/cache/answer.ts'
import { MemoryCache, Revalidation } from '../../../src/cache/memory.ts'
import { type HeaderList, headerAll, headerGet } from '../../../src/core/headers.ts'
import { BODY, httpDate, request, response, show, store, T0 } from './messages.ts'

const make = (cacheStatus = false): MemoryCache => new MemoryCache({ maxBytes: 1 << 20, cacheStatus, now: () => T0 })
const CC = 'Cache-Control'
const LM = httpDate(T0 - 5000)

function ask(stored: HeaderList, client: HeaderList, method = 'GET', status = 200): Answer {
  const cache = make()
  const failed = store(cache, request(), response([CC, 'max-age=100', ...stored], { status }))
  const found = cache.lookup(request(client, { method }), '', T0)
  if (found.kind !== 'fresh') throw new Error(failed + show(found))
  return cache.answer(found.entry, request(client, { method }), T0)
}

test("the client's own conditions (RFC 9111 §4.3.2)", t => {
  const both: HeaderList = ['ETag', '"1"', 'Last-Modified', LM]
  const table: [string, HeaderList, HeaderList, number][] = [
    ['same tag', both, ['If-None-Match', '"1"'], 304],
    ['weakly the same', both, ['If-None-Match', 'W/"1"'], 304],
    ['one of two lines', both, ['If-None-Match', '"0"', 'If-None-Match', '"1"'], 304],
    ['any', both, ['If-None-Match', '*'], 304],
    ['other tag', both, ['If-None-Match', '"2"'], 200],
    ['other tag beats an equal date', both, ['If-None-Match', '"2"', 'If-Modified-Since', LM], 200],
    ['no tag stored', ['Last-Modified', LM], ['If-None-Match', '"1"'], 200],
    ['same date', both, ['If-Modified-Since', LM], 304],
    ['later date', both, ['If-Modified-Since', httpDate(T0)], 304],
    ['earlier date', both, ['If-Modified-Since', httpDate(T0 - 6000)], 200],
    ['invalid date', both, ['If-Modified-Since', 'yesterday'], 200],
    ['Date stands in for Last-Modified', [], ['If-Modified-Since', httpDate(T0)], 304],
    ['and is later', [], ['If-Modified-Since', LM], 200],
  ]
  for (const [what, stored, client, status] of table) t.is(ask(stored, client).status, status, what)
  t.is(ask(['ETag', '"1"'], ['If-None-Match', '"1"'], 'GET', 404).status, 404)
})

test('a 304 and a HEAD have no content, the HEAD its length', t => {
  const not = ask(['ETag', '"1"', 'Content-Type', 'a/b', 'Vary', 'X'], ['If-None-Match', '"1"'])
  t.is(not.body, null)
  t.is(not.bodyLength, 0)
  t.is(headerGet(not.headers, 'content-type'), null)
  t.is(headerGet(not.headers, 'etag'), '"1"')
  t.is(headerGet(not.headers, 'vary'), 'X')
  const head = ask([], ['Range', 'bytes=0-1'], 'HEAD')
  t.like(head, { status: 200, body: null, bodyLength: 10 })
})

test('ranges and If-Range (RFC 9110 §14, §13.1.5)', t => {
  const both: HeaderList = ['ETag', '"1"', 'Last-Modified', LM]
  const table: [string, HeaderList, HeaderList, number, string | null][] = [
    ['range', both, ['Range', 'bytes=2-4'], 206, 'bytes 2-4/10'],
    ['unsatisfiable', both, ['Range', 'bytes=10-'], 416, 'bytes */10'],
    ['several', both, ['Range', 'bytes=0-1,3-4'], 200, null],
    ['two lines', both, ['Range', 'bytes=0-1', 'Range', 'bytes=3-4'], 200, null],
    ['If-Range holds', both, ['Range', 'bytes=2-4', 'If-Range', '"1"'], 206, 'bytes 2-4/10'],
    ['If-Range of another', both, ['Range', 'bytes=2-4', 'If-Range', '"2"'], 200, null],
    ['If-Range of another, unsatisfiable', both, ['Range', 'bytes=10-', 'If-Range', '"2"'], 200, null],
    ['If-Range weak', ['ETag', 'W/"1"'], ['Range', 'bytes=2-4', 'If-Range', 'W/"1"'], 200, null],
    ['If-Range date', both, ['Range', 'bytes=2-4', 'If-Range', LM], 206, 'bytes 2-4/10'],
    ['If-Range later date', both, ['Range', 'bytes=2-4', 'If-Range', httpDate(T0)], 200, null],
    [
      'If-Range date too close to Date',
      ['Last-Modified', httpDate(T0)],
      ['Range', 'bytes=2-4', 'If-Range', httpDate(T0)],
      200,
      null,
    ],
    ['If-None-Match first', both, ['Range', 'bytes=2-4', 'If-None-Match', '"1"'], 304, null],
  ]
  for (const [what, stored, client, status, contentRange] of table) {
    const answer = ask(stored, client)
    t.is(answer.status, status, what)
    t.is(headerGet(answer.headers, 'content-range'), contentRange, what)
    if (status === 206) t.is(String(answer.body![0]), '234', what)
    if (status === 206) t.is(answer.bodyLength, 3)
    if (status === 200) t.is(answer.bodyLength, 10)
  }
  t.is(ask(both, ['Range', 'bytes=2-4'], 'GET', 404).status, 404)
})

function revalidate(stored: HeaderList, client: HeaderList, notModified: HeaderList, cache = make()) {
  store(cache, request(), response([CC, 'max-age=1', ...stored]))
  const later = T0 + 50_000
  const req = request(client.slice())
  const found = cache.lookup(req, '', later)
  if (found.kind !== 'stale') throw new Error(show(found))
  req.headers.push(...cache.conditional(found.entry, req))
  const sent = req.headers.slice()
  const head = response(['Date', httpDate(later), ...notModified], {
    status: 304,
    headers: ['Date', httpDate(later), ...notModified],
    bodyLength: 0,
  })
  return { cache, req, sent, later, stale: found.entry, freshened: cache.freshen(found.entry, req, head, later, later) }
}

test("validation (RFC 9111 §4.3): our validators go out, the client's conditions are met here", t => {
  const client: HeaderList = [
    'Accept',
    'a',
    'If-None-Match',
    '"old"',
    'Range',
    'bytes=1-2',
    'If-Range',
    '"1"',
    'Host',
    'h',
  ]
  const r = revalidate(['ETag', '"1"', 'Last-Modified', LM, 'X-A', 'old', 'x-a', 'older'], client, [
    CC,
    'max-age=60',
    'X-A',
    'new',
  ])
  t.deepEqual(r.sent, ['Accept', 'a', 'Host', 'h', 'If-None-Match', '"1"', 'If-Modified-Since', LM])
  if (r.freshened === null) return t.fail()
  const answer = r.cache.answer(r.freshened, r.req, r.later)
  t.is(answer.status, 206)
  t.is(String(answer.body![0]), '12')
  t.deepEqual(headerAll(answer.headers, 'x-a'), ['new'])
  t.is(headerGet(answer.headers, 'etag'), '"1"')
  t.is(headerGet(answer.headers, 'age'), '0')
  t.is(show(r.cache.lookup(request(), '', r.later + 59_000)), 'fresh')
  t.is(r.cache.counters.entries, 1)
})

test('a client without conditions gets the whole after our 304', t => {
  const r = revalidate(['ETag', '"1"'], [], [CC, 'max-age=60'])
  t.like(r.cache.answer(r.freshened!, r.req, r.later), { status: 200, body: [BODY], bodyLength: 10 })
  r.cache.unconditional(r.stale, r.req)
  t.deepEqual(r.req.headers, [])
})

test('a HEAD validates the stored GET', t => {
  const cache = make()
  store(cache, request(), response([CC, 'max-age=1', 'ETag', '"1"']))
  const head = request([], { method: 'HEAD' })
  const found = cache.lookup(head, '', T0 + 5000)
  if (found.kind !== 'stale') return t.fail(show(found))
  head.headers.push(...cache.conditional(found.entry, head))
  const fresh = cache.freshen(found.entry, head, response([CC, 'max-age=100'], { status: 304 }), T0 + 5000, T0 + 5000)
  t.like(cache.answer(fresh!, head, T0 + 5000), { status: 200, body: null, bodyLength: 10 })
  t.is(show(cache.lookup(request(), '', T0 + 6000)), 'fresh')
})

test('a 304 that does not fit', t => {
  const table: [HeaderList, HeaderList, boolean][] = [
    [['ETag', '"1"'], ['ETag', '"1"'], true],
    [['ETag', '"1"'], ['ETag', 'W/"1"'], true],
    [['ETag', 'W/"1"'], ['ETag', 'W/"1"'], true],
    [['ETag', '"1"'], ['ETag', '"2"'], false],
    [['ETag', 'W/"1"'], ['ETag', '"1"'], false],
    [['Last-Modified', LM], ['ETag', '"2"'], false],
    [['Last-Modified', LM], ['Last-Modified', LM], true],
    [['Last-Modified', LM], ['Last-Modified', httpDate(T0)], false],
    [['ETag', '"1"', 'Last-Modified', LM], ['ETag', '"1"', 'Last-Modified', httpDate(T0)], true],
    [['ETag', '"1"'], [], true],
  ]
  for (const [stored, notModified, fits] of table) {
    const r = revalidate(stored, [], notModified)
    t.is(r.freshened !== null, fits, `${stored} ${notModified}`)
    if (!fits) t.is(r.cache.counters.entries, 0)
  }
})

test("a 304 may take the permission to store back, and its cookies are one client's", t => {
  for (const forbidden of ['no-store', 'private']) {
    const r = revalidate(['ETag', '"1"'], [], [CC, forbidden])
    t.is(r.cache.answer(r.freshened!, r.req, r.later).status, 200)
    t.is(r.cache.counters.entries, 0, forbidden)
  }
  const r = revalidate(
    ['ETag', '"1"'],
    [],
    [CC, 'max-age=60', 'Set-Cookie', 's=1', 'Content-Length', '0', 'Content-Encoding', 'x'],
  )
  t.is(headerGet(r.cache.answer(r.freshened!, r.req, r.later).headers, 'set-cookie'), 's=1')
  const next = r.cache.lookup(request(), '', r.later)
  if (next.kind !== 'fresh') return t.fail(show(next))
  t.deepEqual(
    ['set-cookie', 'content-length', 'content-encoding'].map(n =>
      headerGet(r.cache.answer(next.entry, request(), r.later).headers, n),
    ),
    [null, null, null],
  )
})

test('a head cannot grow without end by 304s', t => {
  const cache = make()
  store(cache, request(), response([CC, 'max-age=1', 'ETag', '"1"']))
  for (let i = 1; i <= 40; i++) {
    const req = request()
    const found = cache.lookup(req, '', T0 + i * 10_000)
    if (found.kind !== 'stale') break
    const more = response([`X-${i}`, 'x'.repeat(4000)], { status: 304 })
    cache.freshen(found.entry, req, more, T0 + i * 10_000, T0 + i * 10_000)
    t.true(cache.counters.bytes < 70_000)
  }
  t.is(cache.counters.entries, 0)
})

test('Cache-Status (RFC 9211) only when wanted', t => {
  const cache = make(true)
  store(cache, request(), response([CC, 'max-age=100', 'ETag', '"1"', 'Cache-Status', 'cdn; hit']))
  const found = cache.lookup(request(), '', T0 + 10_000)
  if (found.kind !== 'fresh') return t.fail()
  t.deepEqual(headerAll(cache.answer(found.entry, request(), T0 + 10_500).headers, 'cache-status'), [
    'cdn; hit',
    'weir; hit; ttl=89',
  ])
  const r = revalidate(['ETag', '"1"'], [], [CC, 'max-age=60'], make(true))
  t.true(r.freshened instanceof Revalidation)
  t.is(
    headerGet(r.cache.answer(r.freshened!, r.req, r.later).headers, 'cache-status'),
    'weir; fwd=stale; fwd-status=304; ttl=60',
  )
  t.is(headerGet(ask([], []).headers, 'cache-status'), null)
})
