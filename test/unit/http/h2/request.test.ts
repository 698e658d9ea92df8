import test from 'ava'
import fc from 'fast-check'
import { fieldObject, readResponse, requestFields, responseFields } from '../../../../src/http/h2/fields.ts'
import { readRequest, refusal } from '../../../../src/http/h2/request.ts'

const base = [':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/']

test('a name comes in its one spelling; a target over the limit is refused', t => {
  for (const authority of ['a.test', 'A.Test.', 'a.test:444']) {
    const head = readRequest([':method', 'GET', ':path', '/', ':authority', authority], true, 'https')
    t.is(typeof head === 'string' ? head : head.host, 'a.test', authority)
  }
  const head = readRequest([':method', 'GET', ':path', '/123456789', ':authority', 'a.test'], true, 'https')
  if (typeof head === 'string') t.fail(head)
  else t.deepEqual([refusal(head, 10), refusal(head, 9)], [null, 'client-target-too-long'])
})

test('Host alone, Host beside an equal :authority, and lengths', t => {
  const hostOnly = readRequest([':method', 'GET', ':path', '/', 'host', 'h.test'], true, 'https')
  t.is(typeof hostOnly === 'string' ? hostOnly : hostOnly.host, 'h.test')
  const both = readRequest([...base, 'host', 'A.TEST:443'], true, 'https')
  t.deepEqual(typeof both === 'string' ? both : both.headers, [])
  const sized = readRequest([...base, 'content-length', '12', 'expect', '100-Continue'], false, 'https')
  if (typeof sized === 'string') return t.fail(sized)
  t.deepEqual([sized.bodyLength, sized.expectContinue, sized.headers.length], [12, true, 4])
})

const name = fc.oneof(
  fc.constantFrom(...base.filter((_, i) => i % 2 === 0), 'host', 'cookie', 'content-length', 'expect'),
  fc.string(),
)
const raw = fc.array(fc.tuple(name, fc.string({ unit: 'binary' })), { maxLength: 12 }).map(list => list.flat())

test('whatever comes, a head is whole and consistent or refused', t => {
  fc.assert(
    fc.property(raw, fc.boolean(), (list, endStream) => {
      const head = readRequest([...base, ...list], endStream, 'https')
      if (typeof head === 'string') return head === 'client-bad-request'
      return (
        head.host !== '' &&
        head.port > 0 &&
        (head.path.startsWith('/') || head.path === '*') &&
        head.headers.length % 2 === 0 &&
        (endStream ? head.bodyLength === 0 : head.bodyLength >= -1)
      )
    }),
  )
  t.pass()
})

test('whatever a head holds, nothing is sent that HTTP/2 forbids', t => {
  fc.assert(
    fc.property(
      raw,
      fc.integer({ min: 0, max: 999 }),
      fc.integer({ min: -1, max: 99 }),
      (headers, status, bodyLength) => {
        const answer = responseFields({ status, reason: '', headers: headers.slice(), version: 11, bodyLength }, false)
        const place = { method: 'GET', scheme: 'https', host: 'a.test', port: 443, path: '/', version: 11 } as const
        const head = { ...place, headers: headers.slice(), bodyLength, expectContinue: false, upgrade: null }
        return [answer, requestFields(head)].every(list =>
          list.every((text, i) =>
            i % 2 === 0 ? /^:?[!-9;-@[-~]+$/.test(text) && !/[A-Z]/.test(text) : !/[\0\r\n]/.test(text),
          ),
        )
      },
    ),
  )
  t.pass()
})

test('duplicates survive as an object; an answer to HEAD keeps its length', t => {
  t.deepEqual(
    { ...fieldObject(['A', '1', 'b', '2', 'a', '3', 'a', '4', 'Connection', 'x']) },
    { a: ['1', '3', '4'], b: '2' },
  )
  t.is(readResponse([':status', '200', 'content-length', '9'], true, true).bodyLength, 9)
  t.is(readResponse([':status', '200', 'content-length', '9'], false, false).bodyLength, 9)
  t.is(readResponse([':status', '304', 'content-length', '9'], false, true).bodyLength, 0)
  t.is(readResponse([':status', '200'], false, false).bodyLength, -1)
})
