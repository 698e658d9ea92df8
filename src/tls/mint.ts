import { hash, type KeyObject, randomFillSync, sign } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { CaPublic, LeafCertificate } from '../core/ca.ts'
import { WeirError } from '../core/errors.ts'
import { mayCertify } from '../core/name-limits.ts'
import { der, derTime, TAG } from './der.ts'
import { ipOctets, isHostName } from './name.ts'
import { parseCertificate } from './x509.ts'

const HOUR = 3600_000
const DAY = 24 * HOUR
/** Clients' clocks are wrong, and some browsers call a certificate younger than their clock an attack. */
const BACKDATE_MS = 2 * DAY
/** Backdate included; both ends count, hence the second less. Public leaves may live 47 days from 2029 on; clients may come to expect that of every leaf. */
const LIFE_MS = 45 * DAY - 1000

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const VERSION_3 = hex('a0 03 02 01 02')
const EMPTY_NAME = hex('30 00')
const UNUSED_BITS_0 = hex('00')
const CRITICAL = hex('01 01 ff')
const OID_SKI = hex('06 03 551d0e')
const OID_SAN = hex('06 03 551d11')
const OID_AKI = hex('06 03 551d23')
/** Whole extensions that never change: keyUsage digitalSignature (critical), extKeyUsage serverAuth. */
const KEY_USAGE = hex('30 0e 06 03 551d0f 01 01 ff 04 04 03 02 07 80')
const EXT_KEY_USAGE = hex('30 13 06 03 551d25 04 0c 30 0a 06 08 2b06010505070301')

/**
 * The keys a worker may have certified: a SubjectPublicKeyInfo is one of these heads, so many octets, the tail. `bitString`
 * is where the content of its BIT STRING begins, without the octet that counts unused bits.
 */
const KEY_FORMS = [
  // ECDSA P-256, uncompressed point
  {
    head: hex('30 59 30 13 06 07 2a8648ce3d0201 06 08 2a8648ce3d030107 03 42 00 04'),
    octets: 64,
    tail: hex(''),
    bitString: 26,
  },
  // RSA 2048, exponent 65537
  {
    head: hex('30 820122 30 0d 06 09 2a864886f70d010101 05 00 03 82010f 00 30 82010a 02 820101 00'),
    octets: 256,
    tail: hex('02 03 010001'),
    bitString: 24,
  },
] as const

/** How the CA signs. ECDSA's AlgorithmIdentifier has no parameters (RFC 5758 §3.2), RSA's has NULL (RFC 4055 §5). */
const SIGNATURES = {
  prime256v1: { algorithm: hex('30 0a 06 08 2a8648ce3d040302'), digest: 'sha256' },
  secp384r1: { algorithm: hex('30 0a 06 08 2a8648ce3d040303'), digest: 'sha384' },
  rsa: { algorithm: hex('30 0d 06 09 2a864886f70d01010b 05 00'), digest: 'sha256' },
} as const

interface Issuer {
  nameDer: Buffer
  authorityKeyId: Buffer
  signature: (typeof SIGNATURES)[keyof typeof SIGNATURES]
  notBefore: number
  notAfter: number
}

const issuers = new WeakMap<CaPublic, Issuer>()
/** By SubjectPublicKeyInfo: the extension with its key identifier. Workers have a key or two each, until they start again. */
const subjectKeyIds = new LRUCache<string, Buffer>({ max: 256 })

/**
 * A leaf for one DNS name or IP address: SAN only, empty subject, nothing taken from the origin's certificate. Never a
 * wildcard, though one would spare mints: browsers send requests for every name of a certificate over one connection
 * (RFC 9113 §9.1.1), past the decision that the name would get, to an origin that has proved another; and the 421 that
 * answers them costs more than the mint.
 * `spkiDer` is the worker's public key. Throws WeirError `self-mint` for a name or key that may not be certified.
 */
export function mintLeaf(
  caKey: KeyObject,
  ca: CaPublic,
  name: string,
  spkiDer: Buffer,
  nowMs: number,
): LeafCertificate {
  const issuer = issuerOf(ca, caKey)
  const { algorithm, digest } = issuer.signature
  const subjectKeyId = subjectKeyIdOf(spkiDer)
  const san = generalName(name)
  if (!mayCertify(name, ca.limits))
    throw new WeirError('self-mint', `The CA's name constraints do not allow a certificate for ${name}.`)
  const notBefore = Math.max(nowMs - BACKDATE_MS, issuer.notBefore)
  const notAfter = Math.min(notBefore + LIFE_MS, issuer.notAfter)
  if (notAfter <= nowMs || notBefore > nowMs) throw new WeirError('self-mint', 'The CA certificate is not valid now.')
  const tbs = der(
    TAG.sequence,
    VERSION_3,
    der(TAG.integer, serialNumber()),
    algorithm,
    issuer.nameDer,
    der(TAG.sequence, derTime(notBefore), derTime(notAfter)),
    EMPTY_NAME,
    spkiDer,
    extensions(san, subjectKeyId, issuer.authorityKeyId),
  )
  const signature = sign(digest, tbs, { key: caKey, dsaEncoding: 'der' })
  const cert = der(TAG.sequence, tbs, algorithm, der(TAG.bitString, UNUSED_BITS_0, signature))
  return { name, certPem: pem(cert), notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) }
}

function extensions(san: Buffer, subjectKeyId: Buffer, authorityKeyId: Buffer): Buffer {
  return der(
    0xa3,
    der(
      TAG.sequence,
      // RFC 5280 §4.1.2.6: with an empty subject the SAN carries the identity and must be critical.
      der(TAG.sequence, OID_SAN, CRITICAL, der(TAG.octetString, der(TAG.sequence, san))),
      KEY_USAGE,
      EXT_KEY_USAGE,
      subjectKeyId,
      authorityKeyId,
    ),
  )
}

function generalName(name: string): Buffer {
  const octets = ipOctets(name)
  if (octets !== null) return der(0x87, octets)
  if (!isHostName(name)) throw new WeirError('self-mint', 'The name cannot stand in a certificate.')
  return der(0x82, Buffer.from(name, 'latin1'))
}

/** 16 random octets that read as a positive integer without a leading zero octet: 126 random bits. */
function serialNumber(): Buffer {
  const serial = randomFillSync(Buffer.allocUnsafe(16))
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}

/** RFC 7093 §2 method 1: the first 160 bits of SHA-256 over the key. */
function subjectKeyIdOf(spkiDer: Buffer): Buffer {
  const key = spkiDer.toString('latin1')
  let extension = subjectKeyIds.get(key)
  if (extension === undefined) {
    const form = KEY_FORMS.find(
      ({ head, octets, tail }) =>
        spkiDer.length === head.length + octets + tail.length &&
        head.equals(spkiDer.subarray(0, head.length)) &&
        tail.equals(spkiDer.subarray(head.length + octets)),
    )
    if (form === undefined) throw new WeirError('self-mint', 'The public key is neither on P-256 nor RSA of 2048 bits.')
    const id = hash('sha256', spkiDer.subarray(form.bitString), 'buffer').subarray(0, 20)
    extension = der(TAG.sequence, OID_SKI, der(TAG.octetString, der(TAG.octetString, id)))
    subjectKeyIds.set(key, extension)
  }
  return extension
}

function issuerOf(ca: CaPublic, caKey: KeyObject): Issuer {
  let issuer = issuers.get(ca)
  if (issuer === undefined) {
    const facts = parseCertificate(ca.certDer)
    if (facts?.subjectKeyId == null) throw new WeirError('self-mint', 'The CA certificate cannot be read.')
    const kind = caKey.asymmetricKeyType === 'rsa' ? 'rsa' : caKey.asymmetricKeyDetails?.namedCurve
    if (kind !== 'rsa' && kind !== 'prime256v1' && kind !== 'secp384r1')
      throw new WeirError('self-mint', 'The CA key is none of ECDSA P-256, ECDSA P-384 and RSA.')
    issuer = {
      // Byte for byte: chains are built by comparing these names.
      nameDer: Buffer.from(facts.subjectDer),
      authorityKeyId: der(
        TAG.sequence,
        OID_AKI,
        der(TAG.octetString, der(TAG.sequence, der(0x80, facts.subjectKeyId))),
      ),
      signature: SIGNATURES[kind],
      // The CA's own end, and that of everything above it.
      notBefore: Math.max(facts.notBefore, ca.notBefore),
      notAfter: Math.min(facts.notAfter, ca.notAfter),
    }
    issuers.set(ca, issuer)
  }
  return issuer
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function pem(cert: Buffer): string {
  const body = cert.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`
}
