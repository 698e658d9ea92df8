import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import forge from 'node-forge'

const { asn1 } = forge
const { Class, Type } = asn1

const DAY = 24 * 3600_000
/** Clocks of clients go wrong by hours, of freshly installed ones by a day. */
const BACKDATE_MS = 2 * DAY
const YEARS = 10

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
} as const

export type Node = forge.asn1.Asn1

/** The self-signed certificate of an interception CA, as PEM. The key pair is ECDSA P-256. */
export function buildCaCertificate(
  pair: { publicKey: KeyObject; privateKey: KeyObject },
  commonName: string,
  nowMs: number,
): string {
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' })
  const name = seq(set(seq(oid(OID.commonName), leaf(Type.UTF8, Buffer.from(commonName, 'utf8')))))
  const notAfter = new Date(nowMs)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS)
  const algorithm = seq(oid(OID.ecdsaWithSha256))
  const serial = randomBytes(16)
  // The top bit clear makes it positive, the next one set makes it free of leading zeros (RFC 5280 §4.1.2.2).
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const tbs = seq(
    asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [leaf(Type.INTEGER, Buffer.from([2]))]),
    leaf(Type.INTEGER, serial),
    algorithm,
    name,
    seq(time(nowMs - BACKDATE_MS), time(notAfter.getTime())),
    name,
    asn1.fromDer(spki.toString('latin1')),
    asn1.create(Class.CONTEXT_SPECIFIC, 3, true, [
      seq(
        // A path length of 0: leaves only, no further authority below (RFC 5280 §4.2.1.9).
        extension(
          OID.basicConstraints,
          true,
          seq(leaf(Type.BOOLEAN, Buffer.from([0xff])), leaf(Type.INTEGER, Buffer.from([0]))),
        ),
        // keyCertSign and cRLSign: bits 5 and 6, so one unused bit.
        extension(OID.keyUsage, true, leaf(Type.BITSTRING, Buffer.from([1, 0x06]))),
        extension(OID.subjectKeyId, false, leaf(Type.OCTETSTRING, keyId(spki))),
      ),
    ]),
  )
  const signature = sign('sha256', toDer(tbs), { key: pair.privateKey, dsaEncoding: 'der' })
  const cert = toDer(seq(tbs, algorithm, leaf(Type.BITSTRING, Buffer.concat([Buffer.from([0]), signature]))))
  return `-----BEGIN CERTIFICATE-----\n${cert.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END CERTIFICATE-----\n`
}

export function seq(...items: Node[]): Node {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items)
}

export function set(...items: Node[]): Node {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, items)
}

export function oid(dotted: string): Node {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes())
}

export function leaf(type: forge.asn1.Type, content: Buffer): Node {
  return asn1.create(Class.UNIVERSAL, type, false, content.toString('latin1'))
}

export function toDer(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
}

function extension(id: string, critical: boolean, value: Node): Node {
  const wrapped = leaf(Type.OCTETSTRING, toDer(value))
  return critical ? seq(oid(id), leaf(Type.BOOLEAN, Buffer.from([0xff])), wrapped) : seq(oid(id), wrapped)
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
function time(ms: number): Node {
  const date = new Date(ms)
  return date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date))
}

/** RFC 7093 §2 method 1: the first 160 bits of SHA-256 over the public point, which ends every P-256 SPKI. */
function keyId(spki: Buffer): Buffer {
  return createHash('sha256').update(spki.subarray(-65)).digest().subarray(0, 20)
}
