import test from 'ava'
import fc from 'fast-check'
import { MAX_HELLO_BYTES, parseClientHello } from '../../src/peek/clienthello.ts'
import { sniff, sniffHost } from '../../src/peek/sniff.ts'
import { chromiumHello, refragment } from '../unit/peek/hellos.ts'

const HELLO = chromiumHello()
const LDH = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/

const edit = fc.record({ at: fc.nat(), drop: fc.nat(6), insert: fc.uint8Array({ maxLength: 6 }) })

function mutate(bytes: Buffer, edits: { at: number; drop: number; insert: Uint8Array }[]): Buffer {
  let out = bytes
  for (const { at, drop, insert } of edits) {
    const from = at % (out.length + 1)
    out = Buffer.concat([out.subarray(0, from), insert, out.subarray(from + drop)])
  }
  return out
}

function holds(bytes: Buffer): boolean {
  const result = parseClientHello(bytes)
  if (result.state === 'malformed') return result.why.length > 0
  if (result.state === 'more') return result.need > bytes.length && result.need <= MAX_HELLO_BYTES
  return result.hello.sni === null || (result.hello.sni.length <= 253 && LDH.test(result.hello.sni))
}

test('a mutated ClientHello never throws, is never read past, never yields an odd name', t => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 4 }), fc.integer({ min: 1, max: 3000 }), (edits, size) =>
      holds(mutate(refragment(HELLO, size), edits)),
    ),
    { numRuns: 3000 },
  )
  t.pass()
})

test('the mutated message in right records: the parser behind the record layer is reached', t => {
  let reached = 0
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), edits => {
      const message = mutate(HELLO.subarray(9), edits)
      const head = Buffer.from([22, 3, 1, 0, 0, 1, 0, 0, 0])
      head.writeUInt16BE(message.length + 4, 3)
      head.writeUIntBE(message.length, 6, 3)
      const bytes = Buffer.concat([head, message])
      if (parseClientHello(bytes).state !== 'more') reached++
      return holds(bytes)
    }),
    { numRuns: 3000 },
  )
  t.is(reached, 3000)
})

test('any prefix decides the same as the whole, or asks for more', t => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 2 }), fc.nat(), (edits, cut) => {
      const whole = mutate(refragment(HELLO, 500), edits)
      const part = parseClientHello(whole.subarray(0, cut % (whole.length + 1)))
      return part.state === 'more' || JSON.stringify(part) === JSON.stringify(parseClientHello(whole))
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('sniffing random bytes: never throws; a decision does not change with more bytes', t => {
  const text = fc.string({ unit: fc.constantFrom(...'GETPRI */: \r\nHOST.htp1\x16\x03\x80'), maxLength: 80 })
  fc.assert(
    fc.property(text, fc.nat(), (string, cut) => {
      const whole = Buffer.from(string, 'latin1')
      const part = whole.subarray(0, cut % (whole.length + 1))
      sniffHost(whole)
      const early = sniff(part)
      return early === 'more' || early === sniff(whole)
    }),
    { numRuns: 20_000 },
  )
  t.pass()
})
