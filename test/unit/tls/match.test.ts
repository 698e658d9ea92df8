import test from 'ava'
import fc from 'fast-check'
import { certificateCovers } from '../../../src/tls/match.ts'
import { type CertificateFacts, parseCertificate } from '../../../src/tls/x509.ts'
import { leaf } from '../../pki/certificate.ts'

test('wildcards: one whole left-most label, nothing wider', t => {
  const covers = (san: string[], name: string) =>
    certificateCovers(parseCertificate(leaf(null, { san: san.map(s => `dns:${s}`) }).der)!, name)
  t.true(covers(['*.a.example'], 'www.a.example'))
  t.true(covers(['*.A.Example'], 'www.a.example'))
  t.true(covers(['*.github.io'], 'me.github.io'))
  t.true(covers(['x.example', 'www.a.example'], 'www.a.example'))
  t.false(covers(['*.a.example'], '.a.example'))
  t.false(covers(['*.com'], 'a.com'))
  t.false(covers(['*'], 'localhost'))
  t.false(covers(['*.a.example'], '*.a.example'))
})

test('no presented name but an equal one or a wildcard over its parent covers a name', t => {
  const label = fc.stringMatching(/^[a-z0-9*]{1,3}$/)
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
  fc.assert(
    fc.property(domain, domain, (presented, name) => {
      const covered = certificateCovers({ dnsNames: [presented], ipAddrs: [] } as unknown as CertificateFacts, name)
      const parent = name.slice(name.indexOf('.') + 1)
      return (
        !covered || presented === name || (presented === `*.${parent}` && !name.includes('*') && parent.includes('.'))
      )
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
