import test from 'ava'
import fc from 'fast-check'
import { MemoryCache } from '../../../src/cache/memory.ts'
import type { HeaderList } from '../../../src/core/headers.ts'
import { httpDate, request, response, store, T0 } from './messages.ts'

/** Directives as origins and clients write them: any case, quoted or not, broken or right. */
const seconds = fc.oneof(fc.nat(500).map(String), fc.constantFrom('', '-1', 'x', '"60"', '1.5', '99999999999'))
const directive = fc.oneof(
  fc.constantFrom(
    'public',
    'no-cache',
    'must-revalidate',
    'proxy-revalidate',
    'immutable',
    'ext="a, b"',
    'must-understand',
  ),
  fc.tuple(fc.constantFrom('max-age', 's-maxage', 'Max-Age', 'max-stale', 'min-fresh'), seconds).map(p => p.join('=')),
)
const control = fc.array(directive, { maxLength: 4 })
const mixed = (word: string) =>
  fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map(up => [...word].map((c, i) => (up[i] ? c.toUpperCase() : c)).join(''))

/** `word` anywhere among other directives, over one or more field lines. */
const withWord = (word: fc.Arbitrary<string>): fc.Arbitrary<HeaderList> =>
  fc
    .tuple(control, word, control, fc.boolean())
    .map(([before, w, after, split]) =>
      split
        ? ['Cache-Control', before.join(', '), 'cache-control', [w, ...after].join(' ,')]
        : ['Cache-Control', [...before, w, ...after].join(',')],
    )
const other: fc.Arbitrary<HeaderList> = fc
  .tuple(fc.boolean(), fc.boolean(), fc.integer({ min: -1000, max: 1000 }))
  .map(([etag, modified, expires]) => [
    ...(etag ? ['ETag', '"1"'] : []),
    ...(modified ? ['Last-Modified', httpDate(T0 - 100_000)] : []),
    ...(expires > -500 ? ['Expires', httpDate(T0 + expires * 1000)] : []),
  ])
const status = fc.constantFrom(200, 203, 204, 299, 301, 302, 404, 410, 500)
const later = fc.nat(400_000)

function fresh(cache: MemoryCache, client: HeaderList, atMs: number): boolean {
  return cache.lookup(request(client), '', atMs).kind === 'fresh'
}

function cacheWith(stored: HeaderList, code: number, asked: HeaderList = []): MemoryCache {
  const cache = new MemoryCache({ maxBytes: 1 << 20, cacheStatus: false, now: () => T0 })
  store(cache, request(asked), response(stored, { status: code }))
  return cache
}

const clients = fc.oneof(
  fc.constant<HeaderList>([]),
  control.map(c => ['Cache-Control', c.join(',')]),
)

test('no-store and private are never stored', t => {
  const word = fc.oneof(mixed('no-store'), mixed('private'), fc.constant('private="Set-Cookie"'))
  fc.assert(
    fc.property(
      withWord(word),
      other,
      status,
      (cc, rest, code) => cacheWith([...cc, ...rest], code).counters.entries === 0,
    ),
  )
  t.pass()
})

test('no-cache is never used without asking', t => {
  const word = fc.oneof(mixed('no-cache'), fc.constant('no-cache="X"'))
  fc.assert(
    fc.property(
      withWord(word),
      other,
      status,
      clients,
      later,
      (cc, rest, code, client, ms) => !fresh(cacheWith([...cc, ...rest], code), client, T0 + ms),
    ),
  )
  t.pass()
})

test("a client's no-cache, Pragma and max-age=0 always ask", t => {
  const insist = fc.oneof(
    withWord(mixed('no-cache')),
    withWord(mixed('max-age=0')),
    fc.constant<HeaderList>(['Pragma', 'no-cache']),
  )
  fc.assert(
    fc.property(
      control,
      other,
      insist,
      later,
      (cc, rest, client, ms) => !fresh(cacheWith(['Cache-Control', cc.join(','), ...rest], 200), client, T0 + ms),
    ),
  )
  t.pass()
})

test('beyond its lifetime nothing is used where must-revalidate, proxy-revalidate or s-maxage forbid it', t => {
  const word = fc.oneof(mixed('must-revalidate'), mixed('proxy-revalidate'), fc.constant('s-maxage=100'))
  fc.assert(
    fc.property(word, fc.nat(100), other, clients, (w, maxAge, rest, client) => {
      const cache = cacheWith(['Cache-Control', `max-age=${maxAge}, ${w}`, ...rest], 200)
      return !fresh(cache, client, T0 + 100_000)
    }),
  )
  t.pass()
})

test('an answer to an authorised request is used only where the origin allows it', t => {
  fc.assert(
    fc.property(control, other, clients, later, (cc, rest, client, ms) => {
      const allowed = cc.some(d => d === 'public' || d === 'must-revalidate' || d.startsWith('s-maxage'))
      const cache = cacheWith(['Cache-Control', cc.join(','), ...rest], 200, ['Authorization', 'secret'])
      return allowed || !fresh(cache, client, T0 + ms)
    }),
  )
  t.pass()
})

test('a cookie is given to nobody else unless public', t => {
  fc.assert(
    fc.property(control, other, status, (cc, rest, code) => {
      const cache = cacheWith(['Cache-Control', cc.join(','), 'Set-Cookie', 's=1', ...rest], code)
      return cc.includes('public') || cache.counters.entries === 0
    }),
  )
  t.pass()
})

test('without max-stale nothing is used at or beyond the shortest lifetime that was said', t => {
  const plain = control.filter(c => !c.some(d => d.startsWith('max-stale')))
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), other, plain, later, (age, maxAge, rest, client, ms) => {
      const cache = cacheWith(['Cache-Control', `max-age=${maxAge}`, 'Age', String(age), ...rest], 200)
      return !fresh(cache, ['Cache-Control', client.join(',')], T0 + ms) || age * 1000 + ms < maxAge * 1000
    }),
  )
  t.pass()
})
