import test from 'ava'
import fc from 'fast-check'
import { UNKNOWN_LENGTH } from '../../../../src/core/exchange.ts'
import { BAD, DATA, DONE, MORE } from '../../../../src/http/h1/chunks.ts'
import { Hold } from '../../../../src/http/h1/hold.ts'
import { BodyReader } from '../../../../src/http/h1/reader.ts'
import { chunkSize, lastChunk } from '../../../../src/http/h1/serialize.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'

interface Result {
  state: 'more' | 'done' | string
  data: string
  slices: number
  trailers: string[] | null
  rest: string
}

function decode(pieces: Buffer[], limits: HttpLimits = DEFAULT_LIMITS): Result {
  const reader = new BodyReader(limits)
  reader.begin(UNKNOWN_LENGTH)
  const hold = new Hold()
  const out: Buffer[] = []
  const result = (state: string): Result => ({
    state,
    data: Buffer.concat(out).toString('latin1'),
    slices: out.length,
    trailers: reader.trailers,
    rest: hold.bytes.toString('latin1', hold.start, hold.end),
  })
  for (const piece of pieces) {
    hold.push(piece)
    for (;;) {
      const step = reader.next(hold)
      if (step === DATA) out.push(reader.chunk)
      else if (step === DONE) return result('done')
      else if (step === BAD) return result(reader.why)
      else if (step === MORE) break
    }
  }
  return result('more')
}

const whole = (text: string, limits?: HttpLimits) => decode([Buffer.from(text, 'latin1')], limits)
const bytewise = (text: string, limits?: HttpLimits) =>
  decode(
    [...Buffer.from(text, 'latin1')].map(b => Buffer.from([b])),
    limits,
  )

const good: [string, string, string[] | null][] = [
  ['0\r\n\r\n', '', null],
  ['5\r\nhello\r\n0\r\n\r\n', 'hello', null],
  ['A\r\n0123456789\r\n00a\r\n0123456789\r\n000\r\n\r\n', '01234567890123456789', null],
  ['1;a\r\nx\r\n1 ; a = b;c="d\\"e;\xe4" ;f\r\ny\r\n0;last\r\n\r\n', 'xy', null],
  ['0\r\nX-Sum: 1\r\nx-sum:2\r\n\r\n', '', ['X-Sum', '1', 'x-sum', '2']],
  ['1\r\n\n\r\n0\r\nA: b\r\n\r\n', '\n', ['A', 'b']],
  ['0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: x\r\nA: b\r\n\r\n', '', ['A', 'b']],
]
test('good bodies, whole and byte by byte', t => {
  for (const [text, data, trailers] of good) {
    for (const result of [whole(`${text}GET`), bytewise(`${text}GET`)]) {
      t.is(result.state, 'done', JSON.stringify(text))
      t.is(result.data, data)
      t.deepEqual(result.trailers, trailers)
    }
    t.is(whole(`${text}GET`).rest, 'GET')
  }
})

const bad = [
  '\r\n',
  'g\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5\r\nhello\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\r\nhello!\r\n',
  '5\r\nhello\r0\r\n\r\n',
  '+5\r\nhello\r\n',
  '-1\r\n',
  '0x5\r\nhello\r\n',
  ' 5\r\nhello\r\n',
  '5 \r\nhello\r\n',
  '5_0\r\n',
  '5,\r\nhello',
  '5;\r\nhello\r\n',
  '5;a=\r\nhello\r\n',
  '5;a\rb\r\nhello',
  '5;a\nhello\r\n',
  '5;a="\n"\r\nhello',
  '5;a="x\r\nhello',
  '5;a b\r\nhello',
  '5;a=b c\r\nhello',
  '5;\x00\r\nhello',
  '5\r\r\nhello',
  '00000000000000005\r\nhello',
  '20000000000000\r\n',
  'FFFFFFFFFFFFFFFFF\r\n',
  '0\r\n\n',
  '0\r\nX: a\n\r\n',
  '0\r\nX : a\r\n\r\n',
  '0\r\nX: a\r\n b\r\n\r\n',
  '0\r\n\rX\r\n\r\n',
  '0\r\nX: \x00\r\n\r\n',
]
test('bad bodies, whole and byte by byte', t => {
  for (const text of bad) {
    for (const { state } of [whole(text), bytewise(text)])
      t.false(state === 'done' || state === 'more', JSON.stringify(text))
  }
})

test('unfinished bodies ask for more', t => {
  const text = '5;a="b"\r\nhello\r\n0\r\nA: b\r\n\r\n'
  for (let i = 0; i < text.length; i++) t.is(whole(text.slice(0, i)).state, 'more', String(i))
})

test('a thousand tiny chunks in one read are one slice; large ones are not copied', t => {
  const tiny = whole('1\r\nx\r\n'.repeat(1000))
  t.is(tiny.slices, 1)
  t.is(tiny.data, 'x'.repeat(1000))
  const large = Buffer.from(`2000\r\n${'a'.repeat(8192)}\r\n2000\r\n${'b'.repeat(8192)}\r\n0\r\n\r\n`)
  const reader = new BodyReader(DEFAULT_LIMITS)
  reader.begin(UNKNOWN_LENGTH)
  const hold = new Hold()
  hold.push(large)
  t.is(reader.next(hold), DATA)
  t.is(reader.chunk.buffer, large.buffer)
  t.is(reader.chunk.length, 8192)
})

test('extensions and leading zeros add up over the body', t => {
  const limits = { ...DEFAULT_LIMITS, maxChunkOverhead: 1000 }
  t.is(whole(`1;${'a'.repeat(500)}\r\nx\r\n0\r\n\r\n`, limits).state, 'done')
  t.regex(whole(`1;${'a'.repeat(2000)}\r\n`, limits).state, /extensions are too long/)
  t.regex(whole(`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(50), limits).state, /outweigh/)
  t.regex(whole(`${'0'.repeat(15)}1\r\nx\r\n`.repeat(200), limits).state, /outweigh/)
  t.is(whole(`${'00000001\r\nx\r\n'.repeat(5000)}0\r\n\r\n`, limits).state, 'done')
  // Honest small chunks, however many, are no overhead
  t.is(whole(`${'1\r\nx\r\n'.repeat(5000)}0\r\n\r\n`, limits).state, 'done')
})

test('trailers are bounded', t => {
  const limits = { ...DEFAULT_LIMITS, maxTrailerBytes: 100, maxHeaders: 3 }
  t.is(whole('0\r\nA: b\r\n\r\n', limits).state, 'done')
  t.regex(bytewise(`0\r\nA: ${'b'.repeat(200)}`, limits).state, /too long/)
  t.regex(whole(`0\r\nA: ${'b'.repeat(200)}\r\n\r\n`, limits).state, /too long/)
  t.regex(whole('0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n', limits).state, /In the trailers/)
})

test('property: any body in any chunks, split anywhere, comes out the same, slices staying intact', t => {
  const chunk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
    fc.uint8Array({ minLength: 4000, maxLength: 5000 }),
  )
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), fc.array(fc.nat(30000), { maxLength: 8 }), (chunks, cuts) => {
      const encoded = Buffer.concat([
        ...chunks.flatMap(c => [Buffer.from(chunkSize(c.length)), Buffer.from(c), Buffer.from('\r\n')]),
        Buffer.from(lastChunk(['T', 'v'])),
      ])
      const at = [0, ...cuts.map(c => c % (encoded.length + 1)).sort((a, b) => a - b), encoded.length]
      const pieces = at.slice(1).map((end, i) => Buffer.from(encoded.subarray(at[i], end)))
      const result = decode(pieces)
      t.is(result.state, 'done')
      t.is(result.data, Buffer.concat(chunks).toString('latin1'))
      t.deepEqual(result.trailers, ['T', 'v'])
    }),
    { numRuns: 300 },
  )
})

test('property: garbage never throws, and whole or byte by byte it ends the same', t => {
  const parts = fc.constantFrom(
    '0',
    '1',
    'a',
    'F',
    '\r\n',
    '\r',
    '\n',
    ';',
    '=',
    '"',
    '\\',
    ' ',
    '\t',
    'x',
    ':',
    '\x00',
    '\xff',
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), list => {
      const text = list.join('')
      const a = whole(text)
      const b = bytewise(text)
      t.is(a.state, b.state, JSON.stringify(text))
      if (a.state === 'done' || a.state === 'more') t.is(a.data, b.data)
    }),
    { numRuns: 2000 },
  )
})
