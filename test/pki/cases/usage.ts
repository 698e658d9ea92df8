import { ANY_USAGE, CLIENT_AUTH, CODE_SIGNING, OCSP_SIGNING, SERVER_AUTH } from '../certificate.ts'
import { bits, octets, oid, seq } from '../der.ts'
import { basicConstraints, extension, ID } from '../extensions.ts'
import { type Case, withInter, withLeaf, withRoot } from './case.ts'

const usage = (title: string, expect: Case['expect'], build: Case['build'], words?: RegExp): Case => ({
  class: 'usage',
  title,
  expect,
  build,
  ...(words && { words }),
})
const INVALID = 'origin-cert-invalid'
const rawKeyUsage = (value: Buffer) => ({ extensions: { [ID.keyUsage]: extension(ID.keyUsage, value, true) } })
const rawPurposes = (value: Buffer) => ({ extensions: { [ID.extKeyUsage]: extension(ID.extKeyUsage, value) } })

export const usageCases: Case[] = [
  usage('no key usage in the leaf', null, withLeaf({ keyUsage: null })),
  usage('a leaf that may encipher and sign', null, withLeaf({ keyUsage: ['digitalSignature', 'keyEncipherment'] })),
  usage('a leaf that may only encipher keys (RFC 8446 §4.4.2.2)', INVALID, withLeaf({ keyUsage: ['keyEncipherment'] })),
  usage('a leaf that may only encipher keys, with old TLS allowed', null, () => ({
    ...withLeaf({ keyUsage: ['keyEncipherment'] })(),
    allow: ['old-tls'],
  })),
  usage('a leaf that may only agree keys', INVALID, withLeaf({ keyUsage: ['keyAgreement'] })),
  usage('a leaf that may only sign CRLs', INVALID, withLeaf({ keyUsage: ['crlSign'] })),
  usage(
    'a leaf that may sign certificates without being an authority (RFC 5280 §4.2.1.3)',
    INVALID,
    withLeaf({ keyUsage: ['digitalSignature', 'keyCertSign'] }),
  ),
  usage(
    'an authority’s certificate as a server’s (Firefox)',
    INVALID,
    withLeaf({ ca: true, keyUsage: ['digitalSignature', 'keyCertSign'] }),
  ),
  usage(
    'an intermediate that may not sign certificates (RFC 5280 §6.1.4 (n))',
    INVALID,
    withInter({ keyUsage: ['crlSign'] }),
  ),
  usage('an intermediate without key usage', null, withInter({ keyUsage: null })),
  usage('a root that may not sign certificates', INVALID, withRoot({ keyUsage: ['digitalSignature'] })),
  usage('key usage without a bit (RFC 5280 §4.2.1.3)', INVALID, withLeaf(rawKeyUsage(bits(Buffer.from([0]), 7)))),
  usage(
    'key usage with set padding bits (X.690 §11.2.1)',
    INVALID,
    withLeaf(rawKeyUsage(bits(Buffer.from([0x81]), 7))),
  ),
  usage('key usage that is no BIT STRING', INVALID, withLeaf(rawKeyUsage(octets(Buffer.from([0x80]))))),
  usage('key usage of two octets', null, withLeaf({ keyUsage: ['digitalSignature', 'decipherOnly'] })),
  usage('no purposes in the leaf', null, withLeaf({ extKeyUsage: null })),
  usage('server and client', null, withLeaf({ extKeyUsage: [CLIENT_AUTH, SERVER_AUTH] })),
  usage('a client’s certificate (RFC 5280 §4.2.1.12)', INVALID, withLeaf({ extKeyUsage: [CLIENT_AUTH] })),
  usage('a code signer’s certificate', INVALID, withLeaf({ extKeyUsage: [CODE_SIGNING] })),
  usage(
    'only anyExtendedKeyUsage in the leaf (Firefox, CA/B §7.1.2.7.10)',
    INVALID,
    withLeaf({ extKeyUsage: [ANY_USAGE] }),
  ),
  usage(
    'an OCSP responder’s that is a server’s too (Firefox)',
    INVALID,
    withLeaf({ extKeyUsage: [SERVER_AUTH, OCSP_SIGNING] }),
  ),
  usage('an empty list of purposes', INVALID, withLeaf(rawPurposes(seq()))),
  usage('a purpose that is no OID', INVALID, withLeaf(rawPurposes(seq(octets(Buffer.from([1])))))),
  usage('an intermediate for servers', null, withInter({ extKeyUsage: [SERVER_AUTH, CLIENT_AUTH] })),
  usage(
    'an intermediate for any purpose, servers not named (Firefox, OpenSSL)',
    INVALID,
    withInter({ extKeyUsage: [ANY_USAGE] }),
  ),
  usage('an intermediate for clients only (CA/B §7.1.2.10.6)', INVALID, withInter({ extKeyUsage: [CLIENT_AUTH] })),
  usage('an intermediate for mail only', INVALID, withInter({ extKeyUsage: ['1.3.6.1.5.5.7.3.4'] })),
  usage('a root for mail only (RFC 5937 §3)', INVALID, withRoot({ extKeyUsage: ['1.3.6.1.5.5.7.3.4'] })),
  usage(
    'an intermediate without basic constraints (RFC 5280 §6.1.4 (k))',
    INVALID,
    withInter({ without: [ID.basicConstraints] }),
  ),
  usage(
    'an intermediate with cA false',
    INVALID,
    withInter({ extensions: { [ID.basicConstraints]: basicConstraints(false) } }),
  ),
  usage('a root with cA false', INVALID, withRoot({ extensions: { [ID.basicConstraints]: basicConstraints(false) } })),
  usage(
    'basic constraints that are not critical',
    null,
    withInter({ extensions: { [ID.basicConstraints]: basicConstraints(true, undefined, false) } }),
  ),
  usage(
    'a leaf with empty basic constraints',
    null,
    withLeaf({ extensions: { [ID.basicConstraints]: basicConstraints(false) } }),
  ),
  usage('a leaf with purposes twice the same', null, withLeaf(rawPurposes(seq(oid(SERVER_AUTH), oid(SERVER_AUTH))))),
]
