import { algorithmOf, type Cert, type CertSpec, pemOf, pssAlgorithm } from '../certificate.ts'
import { explicit, int, nul, oid, seq } from '../der.ts'
import { freshKey, testKey } from '../keys.ts'
import { type Case, ca, INTER, ROOT, server, withInter, withLeaf } from './case.ts'

const signature = (title: string, expect: Case['expect'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  class: 'signature',
  title,
  expect,
  build,
  ...more,
})
const WRONG = 'origin-cert-signature'
const WEAK = 'origin-cert-weak'
const INVALID = 'origin-cert-invalid'
const RSA = ca('RSA Root', null, { keys: testKey('rsa:2048') })
const belowRsa = (spec: CertSpec) => () => ({ presented: [server(RSA, spec)], roots: [RSA] })
const RSA_SHA256 = '1.2.840.113549.1.1.11'

/** One bit of the signature turned. */
function turned(cert: Cert): Cert {
  const der = Buffer.from(cert.der)
  der[der.length - 3]! ^= 4
  return { ...cert, der, pem: pemOf(der) }
}

export const signatureCases: Case[] = [
  signature('one bit of the leaf’s signature (RFC 5280 §6.1.3 (a) (1))', WRONG, () => ({
    presented: [turned(server(INTER)), INTER],
  })),
  signature('one bit of an RSA signature', WRONG, () => ({ presented: [turned(server(RSA))], roots: [RSA] })),
  signature('one bit of the intermediate’s signature', WRONG, () => {
    const inter = ca('Intermediate', ROOT)
    return { presented: [server(inter), turned(inter)] }
  }),
  signature('one bit of what is signed', WRONG, () => {
    const good = server(INTER)
    const der = Buffer.from(good.der)
    der[der.indexOf('www.a.example') + 1] = 0x78
    return { presented: [{ ...good, der, pem: pemOf(der) }, INTER], name: 'wxw.a.example' }
  }),
  signature('signed by another key', WRONG, withLeaf({ signer: freshKey() })),
  signature('the intermediate signed by another key', WRONG, withInter({ signer: freshKey() })),
  signature('signed by its own key in an issuer’s name', WRONG, withLeaf({ signer: testKey('p256', 1) })),
  signature('a wrong signature is not overlooked', WRONG, () => ({
    presented: [turned(server(INTER)), INTER],
    allow: ['untrusted', 'weak', 'expired', 'name'],
  })),
  signature('an empty signature', INVALID, withLeaf({ signature: Buffer.alloc(0) })),
  signature('an ECDSA signature of zeros (CVE-2022-21449)', WRONG, withLeaf({ signature: seq(int(0), int(0)) })),
  signature('an ECDSA signature that is no DER', WRONG, withLeaf({ signature: Buffer.alloc(64, 1) })),
  signature('an RSA signature that is too short', WRONG, belowRsa({ signature: Buffer.alloc(16, 1) })),
  signature('the root’s own signature is not looked at', null, () => {
    const root = ca('Odd Root', null, { signature: Buffer.alloc(64, 1) })
    return { presented: [server(root)], roots: [root] }
  }),
  signature('SHA-1 in the leaf (CA/B §7.1.3.2)', WEAK, withLeaf({ digest: 'sha1' })),
  signature('SHA-1 with RSA', WEAK, belowRsa({ digest: 'sha1' })),
  signature('SHA-1 in the intermediate', WEAK, withInter({ digest: 'sha1' })),
  signature('SHA-1 in the root', null, () => {
    const root = ca('SHA-1 Root', null, { digest: 'sha1' })
    return { presented: [server(root)], roots: [root] }
  }),
  signature('SHA-1 by exception', null, () => ({ ...belowRsa({ digest: 'sha1' })(), allow: ['weak'] }), {
    used: ['weak'],
  }),
  signature('SHA-1 by exception, but wrongly signed', WRONG, () => ({
    presented: [server(RSA, { digest: 'sha1', signer: testKey('rsa:2048', 1) })],
    roots: [RSA],
    allow: ['weak'],
  })),
  signature('MD5 (RFC 6151)', WEAK, belowRsa({ digest: 'md5' })),
  signature('MD5 in the intermediate', WEAK, () => {
    const inter = ca('MD5', RSA, { digest: 'md5' })
    return { presented: [server(inter), inter], roots: [RSA] }
  }),
  signature('MD5 even by exception', WEAK, () => ({ ...belowRsa({ digest: 'md5' })(), allow: ['weak'] })),
  signature('SHA-224 (no browser)', INVALID, belowRsa({ digest: 'sha224' })),
  signature('SHA-384 with RSA', null, belowRsa({ digest: 'sha384' })),
  signature('SHA-512 with RSA', null, belowRsa({ digest: 'sha512' })),
  signature('SHA-384 with ECDSA on P-256', null, withLeaf({ digest: 'sha384' })),
  signature(
    'another algorithm outside than inside (RFC 5280 §4.1.1.2)',
    INVALID,
    withLeaf({ outerAlgorithm: algorithmOf(testKey('p256'), { digest: 'sha384' }) }),
    { words: /two different/ },
  ),
  signature(
    'the same algorithm, with other parameters outside',
    INVALID,
    belowRsa({ outerAlgorithm: seq(oid(RSA_SHA256)) }),
  ),
  signature('RSA with absent parameters (RFC 4055 §5: taken)', null, belowRsa({ algorithm: seq(oid(RSA_SHA256)) })),
  signature('RSA with parameters that are not NULL', INVALID, belowRsa({ algorithm: seq(oid(RSA_SHA256), int(1)) })),
  signature(
    'ECDSA with NULL parameters (RFC 5758 §3.2: absent)',
    INVALID,
    withLeaf({ algorithm: seq(oid('1.2.840.10045.4.3.2'), nul()) }),
  ),
  signature('RSA’s algorithm with an ECDSA signature', WRONG, withLeaf({ algorithm: seq(oid(RSA_SHA256), nul()) })),
  signature('an unknown algorithm', INVALID, withLeaf({ algorithm: seq(oid('1.3.6.1.4.1.99999.9')) })),
  signature('an algorithm that is no sequence', INVALID, withLeaf({ algorithm: oid(RSA_SHA256) })),
  signature('RSASSA-PSS, SHA-256 (RFC 4055 §3.1)', null, belowRsa({ pss: true })),
  signature('RSASSA-PSS, SHA-512', null, belowRsa({ pss: true, digest: 'sha512' })),
  signature('RSASSA-PSS with SHA-1', INVALID, belowRsa({ pss: true, digest: 'sha1' })),
  signature(
    'RSASSA-PSS without parameters, which means SHA-1',
    INVALID,
    belowRsa({ pss: true, algorithm: seq(oid('1.2.840.113549.1.1.10')) }),
  ),
  signature(
    'RSASSA-PSS with empty parameters, which mean SHA-1',
    INVALID,
    belowRsa({ pss: true, algorithm: seq(oid('1.2.840.113549.1.1.10'), seq()) }),
  ),
  signature(
    'RSASSA-PSS whose two digests differ',
    INVALID,
    belowRsa({ pss: true, algorithm: pssAlgorithm('sha256', 'sha384', 32) }),
  ),
  signature(
    'RSASSA-PSS with another length of salt',
    INVALID,
    belowRsa({ pss: true, algorithm: pssAlgorithm('sha256', 'sha256', 20) }),
  ),
  signature(
    'RSASSA-PSS that names a longer salt than it has',
    INVALID,
    belowRsa({ pss: true, algorithm: pssAlgorithm('sha256', 'sha256', 33) }),
  ),
  signature('RSASSA-PSS with a trailer field', INVALID, belowRsa({ pss: true, algorithm: withTrailer() })),
  signature('RSASSA-PSS, wrongly signed', WRONG, belowRsa({ pss: true, signer: testKey('rsa:2048', 1) })),
]

function withTrailer(): Buffer {
  const hash = seq(oid('2.16.840.1.101.3.4.2.1'), nul())
  const mgf = seq(oid('1.2.840.113549.1.1.8'), hash)
  return seq(
    oid('1.2.840.113549.1.1.10'),
    seq(explicit(0, hash), explicit(1, mgf), explicit(2, int(32)), explicit(3, int(1))),
  )
}
