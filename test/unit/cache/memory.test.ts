import test from 'ava'
import { MAX_ENTRIES_PER_URI } from '../../../src/cache/entry-map.ts'
import { MemoryCache } from '../../../src/cache/memory.ts'
import { type RequestHead, UNKNOWN_LENGTH } from '../../../src/core/exchange.ts'
import { BODY, request, response, show, store, T0 } from './messages.ts'

const CC = 'Cache-Control'
const KEEP = [CC, 'max-age=1000']
const MB = 1 << 20

function make(maxBytes = MB): MemoryCache {
  return new MemoryCache({ maxBytes, cacheStatus: false, now: () => T0 })
}

/** Later than any tombstone of T0. */
const LATER = { atMs: T0 + 1 }

function stored(cache: MemoryCache, req: RequestHead = request(), scope = ''): boolean {
  return cache.lookup(req, scope, T0 + 2).kind === 'fresh'
}

test('unsafe methods (RFC 9111 §4.4)', t => {
  const at = (path: string): RequestHead => request([], { path })
  const table: [string, string, number, string[], string[]][] = [
    // method, target, status, fields, what remains of /x, /y?q, /z
    ['POST', '/x', 200, [], ['/y?q', '/z']],
    ['PUT', '/x', 302, [], ['/y?q', '/z']],
    ['DELETE', '/x', 204, [], ['/y?q', '/z']],
    ['FOO', '/x', 200, [], ['/y?q', '/z']],
    ['POST', '/x', 404, [], ['/x', '/y?q', '/z']],
    ['POST', '/x', 500, [], ['/x', '/y?q', '/z']],
    ['GET', '/x', 200, [], ['/x', '/y?q', '/z']],
    ['HEAD', '/x', 200, [], ['/x', '/y?q', '/z']],
    ['OPTIONS', '/x', 200, [], ['/x', '/y?q', '/z']],
    ['POST', '/other', 201, ['Location', '/y?q'], ['/x', '/z']],
    ['POST', '/other', 200, ['Content-Location', 'https://a.example:443/z', 'Location', 'x'], ['/y?q']],
    ['POST', '/other', 200, ['Location', 'https://b.example/x'], ['/x', '/y?q', '/z']],
    ['POST', '/other', 200, ['Location', 'http://a.example/x'], ['/x', '/y?q', '/z']],
    ['POST', '/other', 200, ['Location', 'http://['], ['/x', '/y?q', '/z']],
  ]
  for (const [method, path, status, fields, remain] of table) {
    const cache = make()
    for (const p of ['/x', '/y?q', '/z']) store(cache, at(p), response(KEEP))
    const dropped = cache.invalidate(request([], { method, path }), response(fields, { status }))
    t.deepEqual(
      ['/x', '/y?q', '/z'].filter(p => stored(cache, at(p))),
      remain,
      `${method} ${path} ${status} ${fields}`,
    )
    t.is(dropped, 3 - remain.length)
  }
})

test('invalidation reaches every scope and variant, and answers still on their way', t => {
  const cache = make()
  store(cache, request(), response(KEEP), { scope: '192.0.2.1' })
  store(cache, request(['A', '1']), response([...KEEP, 'Vary', 'A']), { scope: '192.0.2.2' })
  const slow = cache.begin(request(), response(KEEP), '', T0 - 5, T0)
  t.is(cache.invalidate(request([], { method: 'POST' }), response()), 2)
  if (typeof slow === 'string') return t.fail(slow)
  slow.write(BODY)
  slow.end(true)
  t.false(stored(cache))
  t.is(store(cache, request(), response(KEEP), { atMs: T0 - 1 }), 'invalidated')
  t.is(store(cache, request(), response(KEEP), LATER), '')
  t.true(stored(cache))
})

test('forgotten invalidations make answers suspect, not trusted', t => {
  const cache = make()
  for (let i = 0; i < 5000; i++) cache.invalidate(request([], { method: 'POST', path: `/${i}` }), response())
  t.is(store(cache, request([], { path: '/0' }), response(KEEP)), 'invalidated')
  t.is(store(cache, request([], { path: '/0' }), response(KEEP), LATER), '')
})

test('purge by host, or all', t => {
  const cache = make()
  const other = request([], { host: 'b.example' })
  store(cache, request(), response(KEEP))
  store(cache, request([], { path: '/y' }), response(KEEP))
  store(cache, other, response(KEEP))
  const late = cache.begin(request([], { path: '/late' }), response(KEEP), '', T0, T0)
  t.is(cache.purge('a.example'), 2)
  if (typeof late === 'string') return t.fail(late)
  late.write(BODY)
  late.end(true)
  t.false(stored(cache, request([], { path: '/late' })))
  t.true(stored(cache, other))
  t.is(cache.purge('example'), 0)
  t.is(cache.purge(null), 1)
  t.like(cache.counters, { entries: 0, bytes: 0 })
})

test('a HEAD that tells of another representation drops the stored one (RFC 9111 §4.3.5)', t => {
  const cache = make()
  const head = request([], { method: 'HEAD' })
  store(cache, request(), response([...KEEP, 'ETag', '"1"']))
  t.is(store(cache, head, response([...KEEP, 'ETag', '"1"'])), 'method')
  t.true(stored(cache))
  store(cache, head, response([...KEEP, 'ETag', '"2"']))
  t.false(stored(cache))
})

test('a body is stored whole or not at all', t => {
  const table: [number, Buffer[], boolean, boolean][] = [
    [10, [BODY], true, true],
    [10, [BODY.subarray(0, 4), BODY.subarray(4)], true, true],
    [10, [BODY], false, false],
    [10, [BODY.subarray(1)], true, false],
    [10, [BODY, BODY], true, false],
    [0, [], true, true],
    [0, [BODY], true, false],
    [UNKNOWN_LENGTH, [BODY], true, true],
    [UNKNOWN_LENGTH, [], true, true],
    [UNKNOWN_LENGTH, [BODY], false, false],
  ]
  for (const [bodyLength, chunks, complete, kept] of table) {
    const cache = make()
    const writer = cache.begin(request(), response(KEEP, { bodyLength }), '', T0, T0)
    if (typeof writer === 'string') return t.fail(writer)
    for (const chunk of chunks) writer.write(chunk)
    writer.end(complete)
    writer.end(true) // again: must not count
    t.is(stored(cache), kept, `${bodyLength} ${chunks.length} ${complete}`)
    t.is(cache.counters.unfinishedBytes, 0)
  }
})

test('what is stored is a copy, in blocks, byte for byte', t => {
  for (const bodyLength of [200_001, UNKNOWN_LENGTH]) {
    const cache = make(4 * MB)
    const sent = Buffer.from(Array.from({ length: 200_001 }, (_, i) => (i * 31) & 255))
    const pool = Buffer.alloc(1000)
    const writer = cache.begin(request(), response(KEEP, { bodyLength }), '', T0, T0)
    if (typeof writer === 'string') return t.fail(writer)
    for (let at = 0; at < sent.length; at += pool.length) {
      const length = sent.copy(pool, 0, at, at + pool.length)
      writer.write(pool.subarray(0, length))
      pool.fill(0)
    }
    writer.end(true)
    const found = cache.lookup(request(), '', T0)
    if (found.kind !== 'fresh') return t.fail(show(found))
    const answer = cache.answer(found.entry, request(), T0)
    t.true(Buffer.concat(answer.body!).equals(sent))
    t.is(answer.bodyLength, sent.length)
    for (const block of answer.body!) t.is(block.buffer.byteLength, block.length, 'no hidden rest')
  }
})

test('cap: bytes in all; the least recently used go first', t => {
  const cache = make(100_000)
  const at = (i: number): RequestHead => request([], { path: `/${i}` })
  for (let i = 0; i < 100; i++) {
    store(cache, at(i), response(KEEP, { bodyLength: 5000 }), { body: Buffer.alloc(5000) })
    t.true(stored(cache, at(0)), 'used all the time')
    t.true(cache.counters.bytes <= 100_000)
  }
  t.true(cache.counters.entries >= 10)
  t.is(cache.counters.entries + cache.counters.evictions, 100)
  t.false(stored(cache, at(1)))
})

test('cap: one object', t => {
  const cache = make(80_000)
  t.is(store(cache, request(), response(KEEP, { bodyLength: 10_001 })), 'too-large')
  const writer = cache.begin(request(), response(KEEP, { bodyLength: UNKNOWN_LENGTH }), '', T0, T0)
  if (typeof writer === 'string') return t.fail(writer)
  for (let i = 0; i < 11; i++) writer.write(Buffer.alloc(1000))
  t.is(cache.counters.unfinishedBytes, 0, 'given up at once')
  writer.end(true)
  t.false(stored(cache))
  t.is(make(1 << 30).begin(request(), response(KEEP, { bodyLength: 8 * MB + 1 }), '', T0, T0), 'too-large')
})

test('cap: unfinished answers, in bytes and in number', t => {
  const cache = make(800_000)
  const writers = Array.from({ length: 20 }, (_, i) => {
    const writer = cache.begin(request([], { path: `/${i}` }), response(KEEP, { bodyLength: 20_000 }), '', T0, T0)
    if (typeof writer !== 'string') writer.write(Buffer.alloc(10_000))
    t.true(cache.counters.unfinishedBytes <= 100_000)
    return writer
  })
  t.true(writers.some(w => typeof w !== 'string'))
  for (const w of writers) if (typeof w !== 'string') w.end(false)
  t.is(cache.counters.unfinishedBytes, 0)
  for (let i = 0; i < 1024; i++) cache.begin(request(), response(KEEP), '', T0, T0)
  t.is(cache.begin(request(), response(KEEP), '', T0, T0), 'busy')
})

test('cap: entries of one URI, over variants and scopes', t => {
  const cache = make()
  for (let i = 0; i < 100; i++) {
    store(cache, request(['User-Agent', `${i}`]), response([...KEEP, 'Vary', 'User-Agent']), {
      scope: `192.0.2.${i % 3}`,
    })
    t.true(cache.counters.entries <= MAX_ENTRIES_PER_URI)
  }
  t.true(stored(cache, request(['User-Agent', '99']), '192.0.2.0'))
  t.false(stored(cache, request(['User-Agent', '0']), '192.0.2.0'))
})

test('no budget: nothing is cached, and nobody hears 504', t => {
  const cache = make(0)
  t.is(store(cache, request(), response(KEEP)), 'disabled')
  t.is(show(cache.lookup(request([CC, 'only-if-cached']), '', T0)), 'bypass disabled')
})

test('counters', t => {
  const cache = make()
  store(cache, request(), response(KEEP))
  cache.lookup(request(), '', T0)
  cache.lookup(request(), '', T0)
  cache.lookup(request([], { path: '/no' }), '', T0)
  t.like(cache.counters, { entries: 1, hits: 2, evictions: 0, unfinishedBytes: 0 })
  t.true(cache.counters.bytes > 10)
})
