import test from 'ava'
import fc from 'fast-check'
import { constraintFault } from '../../../../src/tls/verify/constraints.ts'
import { type CertificateFacts, parseCertificate } from '../../../../src/tls/x509.ts'
import { INTER, ROOT, server } from '../../../pki/cases/index.ts'

const leaf = parseCertificate(server(INTER).der)!
const root = parseCertificate(ROOT.der)!
const NONE = { dns: [], ip: [], email: [], uri: [], directory: [], kinds: 0 }
const DNS = 1 << 2
const IP = 1 << 7

interface Limits {
  dns?: string[]
  ip?: Buffer[]
}

function isAllowed(names: Limits, permitted: Limits, excluded: Limits): boolean {
  const list = ({ dns = [], ip = [] }: Limits) => ({ ...NONE, dns, ip, kinds: (dns.length && DNS) | (ip.length && IP) })
  const own: CertificateFacts = { ...leaf, altNames: list(names) }
  const above: CertificateFacts = { ...root, nameConstraints: { permitted: list(permitted), excluded: list(excluded) } }
  return constraintFault([own, above], { comparisons: 1000 }) === null
}

/** RFC 5280 §4.2.1.10 by labels: adding labels on the left stays inside. */
function isBelow(name: string, base: string): boolean {
  const [long, short] = [name.split('.').reverse(), base.split('.').reverse()]
  return short.length <= long.length && short.every((label, i) => label === long[i])
}

const label = fc.stringMatching(/^[ab]{1,2}$/)
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))

test('DNS subtrees: by whole labels from the right, permitted and excluded', t => {
  fc.assert(
    fc.property(domain, domain, (name, base) => {
      const below = isBelow(name, base)
      const permitted = isAllowed({ dns: [name] }, { dns: [base] }, {})
      const excluded = isAllowed({ dns: [name] }, {}, { dns: [base] })
      return permitted === below && excluded === !below
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

test('a wildcard is allowed only where every name it stands for is', t => {
  fc.assert(
    fc.property(domain, domain, label, (parent, base, one) => {
      const wildcard = `*.${parent}`
      const name = `${one}.${parent}`
      const inPermitted = isAllowed({ dns: [wildcard] }, { dns: [base] }, {})
      const outOfExcluded = isAllowed({ dns: [wildcard] }, {}, { dns: [base] })
      return (!inPermitted || isBelow(name, base)) && (!outOfExcluded || !isBelow(name, base))
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

test('address ranges: by the bits of the prefix', t => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(32),
      (addr, net, bits) => {
        const mask = Buffer.alloc(4)
        mask.writeUInt32BE(bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0)
        const range = Buffer.concat([net, mask])
        const prefix = (octets: Uint8Array) =>
          Buffer.from(octets).readUInt32BE().toString(2).padStart(32, '0').slice(0, bits)
        const inside = prefix(addr) === prefix(net)
        const own = { ip: [Buffer.from(addr)] }
        return isAllowed(own, { ip: [range] }, {}) === inside && isAllowed(own, {}, { ip: [range] }) === !inside
      },
    ),
    { numRuns: 3000 },
  )
  t.pass()
})

test('the budget of comparisons is spent over calls', t => {
  const names = Array.from({ length: 30 }, (_, i) => `n${i}.a`)
  const own: CertificateFacts = { ...leaf, altNames: { ...NONE, dns: names, kinds: DNS } }
  const limits = { permitted: { ...NONE, dns: ['a'], kinds: DNS }, excluded: NONE }
  const above: CertificateFacts = { ...root, nameConstraints: limits }
  const budget = { comparisons: 70 }
  t.is(constraintFault([own, above], budget), null)
  t.is(constraintFault([own, above], budget), null)
  t.regex(constraintFault([own, above], budget)!.words, /too many/)
})
