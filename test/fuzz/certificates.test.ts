import test from 'ava'
import fc from 'fast-check'
import { readTlv } from '../../src/tls/der.ts'
import { canonicalName } from '../../src/tls/directory-name.ts'
import { readKey } from '../../src/tls/key.ts'
import { readAlgorithm } from '../../src/tls/verify/algorithm.ts'
import { callName, chainLinks } from '../../src/tls/verify/links.ts'
import { readCertificate } from '../../src/tls/x509.ts'
import { INTER, ROOT, server } from '../pki/cases/case.ts'
import { fuzz } from './certificates.ts'

const own = server(INTER)

test('turned bits, random octets and changed trees: nothing thrown, nothing slow, nothing wrongly good', t => {
  const report = fuzz({ until: executions => executions >= 6000, seed: 20260615 })
  t.deepEqual(report.findings, [])
  // Otherwise the changes would not get past the parser.
  t.true(report.accepted > 100, String(report.accepted))
})

test('any octets are read without a throw, and what is read can be shown', t => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .tuple(fc.nat(own.der.length), fc.uint8Array({ maxLength: 8 }))
      .map(([at, insert]) => Buffer.concat([own.der.subarray(0, at), insert, own.der.subarray(at + insert.length)])),
  )
  fc.assert(
    fc.property(octets, bytes => {
      const buf = Buffer.from(bytes)
      for (const mildly of [false, true]) {
        const facts = readCertificate(buf, mildly)
        if (typeof facts === 'string') continue
        if (!facts.der.equals(buf) || callName(facts) === '') return false
        chainLinks([facts], { cert: facts, words: 'x' })
      }
      readAlgorithm(buf)
      readKey(buf)
      canonicalName(buf)
      const item = readTlv(buf, 0, buf.length)
      return item === null || item.end <= buf.length
    }),
    { numRuns: 4000 },
  )
  t.pass()
})

test('every single bit of leaf and intermediate counts', t => {
  const chain = [own.der, INTER.der, ROOT.der]
  fc.assert(
    fc.property(fc.nat(1), fc.nat(), fc.nat(7), (which, at, bit) => {
      const der = Buffer.from(chain[which]!)
      der[at % der.length]! ^= 1 << bit
      const facts = readCertificate(der)
      return (
        typeof facts === 'string' || facts.fingerprint !== (readCertificate(chain[which]!) as typeof facts).fingerprint
      )
    }),
    { numRuns: 500 },
  )
  t.pass()
})
