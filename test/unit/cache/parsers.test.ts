import test from 'ava'
import fc from 'fast-check'
import { parseHttpDate } from '../../../src/cache/date.ts'
import { type Directives, parseCacheControl } from '../../../src/cache/directives.ts'
import { noneMatchNames, stronglyEqual, weaklyEqual } from '../../../src/cache/etag.ts'
import { varyKey, varyMatches } from '../../../src/cache/key.ts'
import { selectRange, sliceBody } from '../../../src/cache/range.ts'

const NOW = Date.UTC(2026, 0, 1)

test('dates (RFC 9110 §5.6.7): three forms, exactly', t => {
  const example = Date.UTC(1994, 10, 6, 8, 49, 37)
  const table: [string, number | null][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', example],
    ['Sunday, 06-Nov-94 08:49:37 GMT', example],
    ['Sun Nov  6 08:49:37 1994', example],
    ['Friday, 01-Jan-75 00:00:00 GMT', Date.UTC(2075, 0, 1)], // less than 50 years ahead
    ['Friday, 02-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 2)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Wed, 29 Feb 2023 00:00:00 GMT', null],
    ['Sun, 31 Apr 2023 00:00:00 GMT', null],
    ['Sun, 00 Nov 1994 08:49:37 GMT', null],
    ['Sun, 06 Nov 1994 24:00:00 GMT', null],
    ['Sun, 06 Nov 1994 08:60:00 GMT', null],
    ['Sun, 06 Nov 1994 08:49:37 UTC', null],
    ['Sun, 06 Nov 1994 08:49:37 +0000', null],
    ['Sun, 06 Nov 1994 08:49:37', null],
    ['Sun, 6 Nov 1994 08:49:37 GMT', null],
    ['sun, 06 nov 1994 08:49:37 gmt', null],
    ['Sun,06 Nov 1994 08:49:37 GMT', null],
    ['06 Nov 1994 08:49:37 GMT', null],
    ['1994-11-06T08:49:37Z', null],
    ['0', null],
    ['-1', null],
    ['', null],
  ]
  for (const [text, expected] of table) t.is(parseHttpDate(text, NOW), expected, text)
})

test('Cache-Control (RFC 9111 §5.2)', t => {
  const table: [string[], Partial<Directives>][] = [
    [[], { present: false, maxAge: -1, sMaxage: -1, minFresh: -1, maxStale: -1 }],
    [[''], { present: true, maxAge: -1 }],
    [['MAX-AGE=10, Public'], { maxAge: 10, isPublic: true }],
    [['max-age="10"'], { maxAge: 10 }],
    [['max-age=010'], { maxAge: 10 }],
    [['max-age=99999999999999999999'], { maxAge: 2 ** 31 }],
    [['max-age=10, max-age=20', 'max-age=5'], { maxAge: 5 }],
    [['max-age=10, max-age=x'], { maxAge: 0 }],
    [['max-age'], { maxAge: 0 }],
    [['max-age='], { maxAge: 0 }],
    [['max-age=-1'], { maxAge: 0 }],
    [['max-age=+1'], { maxAge: 0 }],
    [['max-age=1.5'], { maxAge: 0 }],
    [['max-age= 10'], { maxAge: 0 }],
    [['max-age =10'], { maxAge: 10 }],
    [['s-maxage=7;'], { sMaxage: 0 }],
    [["max-age='10'"], { maxAge: 0 }],
    [['x-max-age=10'], { maxAge: -1 }],
    [[' , ,no-store , '], { noStore: true }],
    [['No-Store'], { noStore: true }],
    [['no-store=foo'], { noStore: true }],
    [['no-cache="a, b"'], { noCache: true }],
    [['private="a, no-store", max-age=1'], { isPrivate: true, noStore: false, maxAge: 1 }],
    [['ext="max-age=1\\", no-store", max-age=2'], { maxAge: 2, noStore: false }],
    [['ext="open, no-store'], { noStore: true }], // a quote that never closes hides nothing
    [['a="b', 'no-store, c="d'], { noStore: true }],
    [['public=1'], { isPublic: false }],
    [['must-revalidate,proxy-revalidate'], { mustRevalidate: true, proxyRevalidate: true }],
    [['must-understand'], { mustUnderstand: true }],
    [['only-if-cached'], { onlyIfCached: true }],
    [['max-stale'], { maxStale: Number.POSITIVE_INFINITY }],
    [['max-stale=5, max-stale'], { maxStale: 5 }],
    [['max-stale=x'], { maxStale: 0 }],
    [['min-fresh=5, min-fresh=7'], { minFresh: 7 }],
    [['min-fresh'], { minFresh: Number.POSITIVE_INFINITY }],
  ]
  for (const [lines, expected] of table) {
    const got = parseCacheControl(lines.flatMap(line => ['cache-CONTROL', line]))
    t.like(got, expected, lines.join(' | '))
  }
})

test('Cache-Control: no input hides a no-store that stands alone', t => {
  const noise = fc.string({ unit: fc.constantFrom(...'ab="\\ ;'), maxLength: 12 })
  fc.assert(
    fc.property(noise, noise, (before, after) => {
      const lines = ['Cache-Control', before, 'Cache-Control', `no-store,${after}`]
      return parseCacheControl(lines).noStore
    }),
  )
  t.pass()
})

test('entity tags (RFC 9110 §8.8.3.2, §13.1.2)', t => {
  t.true(weaklyEqual('W/"1"', '"1"'))
  t.false(weaklyEqual('W/"1"', 'W/"2"'))
  t.true(stronglyEqual('"1"', '"1"'))
  t.false(stronglyEqual('W/"1"', 'W/"1"'))
  t.false(stronglyEqual('W/"1"', '"1"'))
  const table: [string, string | null, boolean][] = [
    ['*', '"a"', true],
    ['*', null, true],
    ['"a"', null, false],
    ['"a"', '"a"', true],
    ['W/"a"', '"a"', true],
    ['"b" , W/"a","c"', '"a"', true],
    ['"b,a"', '"a"', false],
    ['"x,y", "z"', '"x,y"', true],
    ['a', '"a"', false],
    ['"a"', 'a', false],
    ['b, a', 'a', true],
    ['', '"a"', false],
    [',,,"a"', '"a"', true],
    ['"a', '"a"', false],
  ]
  for (const [list, etag, expected] of table) t.is(noneMatchNames(list, etag), expected, list)
})

test('If-None-Match of any shape ends', t => {
  const text = fc.string({ unit: fc.constantFrom(...'W/"a,* \t'), maxLength: 40 })
  fc.assert(
    fc.property(text, list => typeof noneMatchNames(list, '"a"') === 'boolean'),
    { numRuns: 2000 },
  )
  t.pass()
})

test('Vary (RFC 9111 §4.1)', t => {
  t.deepEqual(varyKey([], []), [])
  t.deepEqual(varyKey(['B', '1', 'b', '2'], ['Vary', 'B, a', 'vary', 'A']), ['a', null, 'b', '1, 2'])
  for (const star of ['*', 'a, *', '*,a', ' * ', 'a;b', '"*"']) t.is(varyKey([], ['Vary', star]), null, star)
  t.is(varyKey([], ['Vary', 'a', 'Vary', '*']), null)
  t.is(varyKey([], ['Vary', Array.from({ length: 17 }, (_, i) => `h${i}`).join()]), null)
  const key = varyKey(
    ['Accept-Encoding', 'gzip,  br;q=1', 'Accept-Language', 'de'],
    ['Vary', 'Accept-Encoding, Accept-Language'],
  )!
  t.true(varyMatches(key, ['accept-encoding', 'gzip, br ; q=1', 'accept-language', 'de']))
  t.false(varyMatches(key, ['accept-encoding', 'br;q=1, gzip', 'accept-language', 'de']))
  t.false(varyMatches(key, ['accept-encoding', 'gzip, br;q=1']))
  t.false(varyMatches(varyKey([], ['Vary', 'a'])!, ['a', '']))
})

test('ranges (RFC 9110 §14)', t => {
  const table: [string, ReturnType<typeof selectRange>][] = [
    ['bytes=0-0', { first: 0, last: 0 }],
    ['bytes=0-', { first: 0, last: 9 }],
    ['BYTES=2-3', { first: 2, last: 3 }],
    ['bytes=9-100', { first: 9, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-30', { first: 0, last: 9 }],
    ['bytes=0-99999999999999999999999999', { first: 0, last: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=3-2', null],
    ['bytes=0-1,3-4', null],
    ['bytes=-', null],
    ['bytes=a-b', null],
    ['bytes 0-1', null],
    ['lines=0-1', null],
    ['', null],
  ]
  for (const [value, expected] of table) t.deepEqual(selectRange(value, 10), expected, value)
  t.is(selectRange('bytes=0-', 0), null)
})

test('a slice of blocks is the slice of their bytes', t => {
  const blocks = fc.array(
    fc.uint8Array({ minLength: 1, maxLength: 9 }).map(a => Buffer.from(a)),
    { minLength: 1, maxLength: 6 },
  )
  fc.assert(
    fc.property(blocks, fc.nat(), fc.nat(), (body, a, b) => {
      const whole = Buffer.concat(body)
      const first = a % whole.length
      const last = first + (b % (whole.length - first))
      return Buffer.concat(sliceBody(body, { first, last })).equals(whole.subarray(first, last + 1))
    }),
  )
  t.pass()
})

test('hostile values of 64 KiB cost no more than their length', t => {
  const started = performance.now()
  for (const piece of [' ', '\t,', ',', '"', '\\"', 'W/"', '"a" ', 'a=', ';', '-']) {
    const value = piece.repeat(65_536 / piece.length)
    for (const text of [value, `"${value}`, `a${value}x`]) {
      parseCacheControl(['Cache-Control', text])
      noneMatchNames(text, '"z"')
      varyKey(['Accept-Encoding', text], ['Vary', 'Accept-Encoding'])
      varyKey([], ['Vary', text])
      selectRange(`bytes=${text}`, 10)
      parseHttpDate(text, NOW)
    }
  }
  t.true(performance.now() - started < 2000)
})
