import { createHash, type KeyObject, randomFillSync, sign } from 'node:crypto'
import type { CaPublic, LeafCertificate } from '../core/ca.ts'
import { WeirError } from '../core/errors.ts'
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
const ECDSA_WITH_SHA256 = hex('30 0a 06 08 2a8648ce3d040302')
const EMPTY_NAME = hex('30 00')
const UNUSED_BITS_0 = hex('00')
const CRITICAL = hex('01 01 ff')
const OID_SKI = hex('06 03 551d0e')
const OID_SAN = hex('06 03 551d11')
const OID_AKI = hex('06 03 551d23')
/** Whole extensions that never change: keyUsage digitalSignature (critical), extKeyUsage serverAuth. */
const KEY_USAGE = hex('30 0e 06 03 551d0f 01 01 ff 04 04 03 02 07 80')
const EXT_KEY_USAGE = hex('30 13 06 03 551d25 04 0c 30 0a 06 08 2b06010505070301')

/** Everything of a P-256 SubjectPublicKeyInfo before the 64 octets of the uncompressed point. */
const P256_SPKI = hex('30 59 30 13 06 07 2a8648ce3d0201 06 08 2a8648ce3d030107 03 42 00 04')

interface Issuer {
  nameDer: Buffer
  authorityKeyId: Buffer
  notBefore: number
  notAfter: number
}

const issuers = new WeakMap<CaPublic, Issuer>()

/**
 * A leaf for one DNS name or IP address: SAN only, empty subject, nothing taken from the origin's certificate.
 * `spkiDer` is the worker's public key. Throws WeirError `self-mint` for a name or key that may not be certified.
 */
export function mintLeaf(
  caKey: KeyObject,
  ca: CaPublic,
  name: string,
  spkiDer: Buffer,
  nowMs: number,
): LeafCertificate {
  if (
    spkiDer.length !== P256_SPKI.length + 64 ||
    spkiDer.compare(P256_SPKI, 0, P256_SPKI.length, 0, P256_SPKI.length) !== 0
  )
    throw new WeirError('self-mint', 'The public key is not on P-256.')
  const issuer = issuerOf(ca)
  const notBefore = Math.max(nowMs - BACKDATE_MS, issuer.notBefore)
  const notAfter = Math.min(notBefore + LIFE_MS, issuer.notAfter)
  if (notAfter <= nowMs || notBefore > nowMs) throw new WeirError('self-mint', 'The CA certificate is not valid now.')
  const tbs = der(
    TAG.sequence,
    VERSION_3,
    der(TAG.integer, serialNumber()),
    ECDSA_WITH_SHA256,
    issuer.nameDer,
    der(TAG.sequence, derTime(notBefore), derTime(notAfter)),
    EMPTY_NAME,
    spkiDer,
    extensions(issuer, generalName(name), spkiDer),
  )
  const signature = sign('sha256', tbs, { key: caKey, dsaEncoding: 'der' })
  const cert = der(TAG.sequence, tbs, ECDSA_WITH_SHA256, der(TAG.bitString, UNUSED_BITS_0, signature))
  return { name, certPem: pem(cert), notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) }
}

function extensions(issuer: Issuer, san: Buffer, spkiDer: Buffer): Buffer {
  return der(
    0xa3,
    der(
      TAG.sequence,
      // RFC 5280 §4.1.2.6: with an empty subject the SAN carries the identity and must be critical.
      der(TAG.sequence, OID_SAN, CRITICAL, der(TAG.octetString, der(TAG.sequence, san))),
      KEY_USAGE,
      EXT_KEY_USAGE,
      der(TAG.sequence, OID_SKI, der(TAG.octetString, der(TAG.octetString, keyId(spkiDer)))),
      issuer.authorityKeyId,
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
function keyId(spkiDer: Buffer): Buffer {
  return createHash('sha256')
    .update(spkiDer.subarray(P256_SPKI.length - 1))
    .digest()
    .subarray(0, 20)
}

function issuerOf(ca: CaPublic): Issuer {
  let issuer = issuers.get(ca)
  if (issuer === undefined) {
    const facts = parseCertificate(ca.certDer)
    if (facts?.subjectKeyId == null) throw new WeirError('self-mint', 'The CA certificate cannot be read.')
    issuer = {
      // Byte for byte: chains are built by comparing these names.
      nameDer: Buffer.from(facts.subjectDer),
      authorityKeyId: der(
        TAG.sequence,
        OID_AKI,
        der(TAG.octetString, der(TAG.sequence, der(0x80, facts.subjectKeyId))),
      ),
      notBefore: facts.notBefore,
      notAfter: facts.notAfter,
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
