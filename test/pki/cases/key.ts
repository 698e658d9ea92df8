import { bits, hex, int, nul, oid, seq } from '../der.ts'
import { type KeyKind, spkiOf, testKey } from '../keys.ts'
import { type Case, ca, INTER, ROOT, server, withInter, withLeaf } from './case.ts'

const key = (title: string, expect: Case['expect'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  class: 'key',
  title,
  expect,
  build,
  ...more,
})
const WEAK = 'origin-cert-weak'
const INVALID = 'origin-cert-invalid'
const leafKey = (kind: KeyKind) => () => withLeaf({ keys: testKey(kind) })()
const interKey = (kind: KeyKind) => () => withInter({ keys: testKey(kind) })()
const rootKey = (kind: KeyKind) => () => {
  const root = ca('Weak Root', null, { keys: testKey(kind) })
  return { presented: [server(root)], roots: [root] }
}
/** An RSA key of any numbers; nobody has its private half. */
const rsaKey = (modulus: Buffer, exponent: Buffer) => () =>
  withLeaf({ spki: seq(seq(oid('1.2.840.113549.1.1.1'), nul()), bits(seq(int(modulus), int(exponent)))) })()
const MODULUS = Buffer.concat([hex('00'), Buffer.alloc(256, 0xc5)])
const E = hex('010001')
const EC = '1.2.840.10045.2.1'
const P256 = '1.2.840.10045.3.1.7'
const point = () => spkiOf(testKey('p256', 1)).subarray(-65)
const ecKey = (parameters: Buffer, content: Buffer) => () =>
  withLeaf({ spki: seq(seq(oid(EC), parameters), bits(content)) })()

export const keyCases: Case[] = [
  key('ECDSA P-384', null, leafKey('p384')),
  key('ECDSA P-521', null, leafKey('p521')),
  key('Ed25519 (RFC 8410)', null, leafKey('ed25519')),
  key('RSA 2048', null, leafKey('rsa:2048')),
  key('RSA 2048 with exponent 3', null, leafKey('rsa:2048:3')),
  key('RSA 1024 (CA/B §6.1.5, NIST SP 800-131A)', WEAK, leafKey('rsa:1024')),
  key('RSA 2040', WEAK, leafKey('rsa:2040')),
  key('RSA 1024 in the intermediate', WEAK, interKey('rsa:1024')),
  key('RSA 1024 in the root', WEAK, rootKey('rsa:1024')),
  key('RSA 1024 by exception', null, () => ({ ...leafKey('rsa:1024')(), allow: ['weak'] }), { used: ['weak'] }),
  key('RSA 1024 in the intermediate by exception', null, () => ({ ...interKey('rsa:1024')(), allow: ['weak'] }), {
    used: ['weak'],
  }),
  key('RSA 768 even by exception', WEAK, () => ({ ...leafKey('rsa:768')(), allow: ['weak'] })),
  key('RSA 512 in the intermediate even by exception', WEAK, () => ({ ...interKey('rsa:512')(), allow: ['weak'] })),
  key('RSA over 8192 bits (BoringSSL)', INVALID, rsaKey(Buffer.concat([hex('00'), Buffer.alloc(1025, 0xc5)]), E)),
  key('RSA with exponent 1', WEAK, rsaKey(MODULUS, hex('01'))),
  key('RSA with an even exponent', WEAK, rsaKey(MODULUS, hex('010000'))),
  key('RSA with an exponent of 34 bits (BoringSSL)', WEAK, rsaKey(MODULUS, hex('0200000001'))),
  key('RSA with an exponent as long as its modulus', WEAK, rsaKey(MODULUS, MODULUS)),
  key('RSA with exponent 0', INVALID, rsaKey(MODULUS, hex('00'))),
  key('RSA with a negative exponent', INVALID, rsaKey(MODULUS, hex('ff'))),
  key('RSA with an even modulus', WEAK, rsaKey(Buffer.concat([MODULUS.subarray(0, 256), hex('c4')]), E)),
  key('RSA with a negative modulus', INVALID, rsaKey(MODULUS.subarray(1), E)),
  key('RSA with a needless zero', INVALID, rsaKey(Buffer.concat([hex('00'), MODULUS]), E)),
  key('RSA without NULL (RFC 3279 §2.3.1)', INVALID, () =>
    withLeaf({ spki: seq(seq(oid('1.2.840.113549.1.1.1')), bits(seq(int(MODULUS), int(E)))) })(),
  ),
  key('P-224 (no browser)', WEAK, leafKey('ec:secp224r1')),
  key('P-192', WEAK, leafKey('ec:prime192v1')),
  key('secp256k1', WEAK, leafKey('ec:secp256k1')),
  key('brainpoolP256r1', WEAK, leafKey('ec:brainpoolP256r1')),
  key('P-192 in the intermediate', WEAK, interKey('ec:prime192v1')),
  key('secp256k1 in the intermediate (Node’s getPeerCertificate() dies of it)', WEAK, interKey('ec:secp256k1')),
  key('secp256k1 in the root', WEAK, rootKey('ec:secp256k1')),
  key('P-192 even by exception', WEAK, () => ({ ...leafKey('ec:prime192v1')(), allow: ['weak'] })),
  key('a curve written out (CVE-2020-0601)', WEAK, ecKey(seq(int(1), seq(oid('1.2.840.10045.1.1'), int(7))), point())),
  key('a curve left out', WEAK, () => withLeaf({ spki: seq(seq(oid(EC)), bits(point())) })()),
  key('a compressed point (Firefox)', INVALID, ecKey(oid(P256), Buffer.concat([hex('02'), point().subarray(1, 33)]))),
  key('a point of the wrong size', INVALID, ecKey(oid(P256), point().subarray(0, 60))),
  key('an intermediate’s point that is not on its curve', 'origin-cert-signature', () => {
    const off = Buffer.from(spkiOf(testKey('p256', 3)))
    off[off.length - 1]! ^= 1
    const inter = ca('Off the curve', ROOT, { spki: off })
    return { presented: [server(inter), inter] }
  }),
  key('DSA', WEAK, leafKey('dsa')),
  key('DSA in the intermediate', WEAK, interKey('dsa')),
  key('Ed448 (no browser, not offered)', INVALID, leafKey('ed448')),
  key('a key for RSASSA-PSS only (no browser)', INVALID, leafKey('rsa-pss')),
  key('Diffie-Hellman', WEAK, () =>
    withLeaf({ spki: seq(seq(oid('1.2.840.10046.2.1'), seq(int(23), int(5))), bits(int(8))) })(),
  ),
  key('X25519', INVALID, () => withLeaf({ spki: seq(seq(oid('1.3.101.110')), bits(Buffer.alloc(32, 9))) })()),
  key('Ed25519 with parameters (RFC 8410 §3)', INVALID, () =>
    withLeaf({ spki: seq(seq(oid('1.3.101.112'), nul()), bits(Buffer.alloc(32, 9))) })(),
  ),
  key('an intermediate with Ed25519', null, interKey('ed25519')),
  key('a P-521 root', null, rootKey('p521')),
  key('two intermediates of one name, one with a weak key', null, () => {
    const weak = ca('Twin', ROOT, { keys: testKey('rsa:1024') })
    const strong = ca('Twin', ROOT)
    return { presented: [server(strong), weak, strong, INTER] }
  }),
]
