import { createHash, createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import net from 'node:net'
import forge from 'node-forge'
import { addrBytes } from '../src/core/addr.ts'
import {
  children,
  content,
  explicit,
  fromDer,
  implicit,
  integer,
  leaf,
  type Node,
  octets,
  oid,
  pem,
  seq,
  set,
  TRUE,
  toDer,
} from './asn1.ts'
import { algorithmIdentifier, signatureAlgorithmOf, signWith } from './kinds.ts'

const { asn1 } = forge
const { Class, Type } = asn1

const DAY = 24 * 3600_000
/** Clocks of clients go wrong by hours, of freshly installed ones by a day. */
const BACKDATE_MS = 2 * DAY

const OID = {
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
} as const

/** What an admin may choose for a new CA. */
export interface CaShape {
  commonName: string
  years: number
  /** How many CAs may stand below: 0 is leaves only; null: any number. */
  pathLength: number | null
  /** Host names and networks (CIDR). Nothing permitted means everything is. */
  permitted: readonly string[]
  excluded: readonly string[]
}

/** The self-signed certificate of an interception CA, as PEM. */
export function selfSigned(key: KeyObject, shape: CaShape, nowMs: number): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const notAfter = new Date(nowMs)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + shape.years)
  const name = seq(set(seq(oid(OID.commonName), leaf(Type.UTF8, Buffer.from(shape.commonName, 'utf8')))))
  const constraints = nameConstraints(shape.permitted, shape.excluded)
  return signed(key, {
    issuer: name,
    subject: name,
    notBefore: nowMs - BACKDATE_MS,
    notAfter: notAfter.getTime(),
    spki: fromDer(spki),
    extensions: [
      extension(
        OID.basicConstraints,
        true,
        shape.pathLength === null ? seq(TRUE) : seq(TRUE, integer(shape.pathLength)),
      ),
      // keyCertSign and cRLSign: bits 5 and 6, so one unused bit.
      extension(OID.keyUsage, true, leaf(Type.BITSTRING, Buffer.from([1, 0x06]))),
      extension(OID.subjectKeyId, false, octets(keyId(spki))),
      ...(constraints === null ? [] : [extension(OID.nameConstraints, true, constraints)]),
    ],
  })
}

/**
 * The same CA, certified by another one: same name, key and extensions, so that whatever was signed by the CA leads to the
 * other's root as well. Valid while both are.
 */
export function crossSigned(
  subjectDer: Buffer,
  issuerDer: Buffer,
  issuerKey: KeyObject,
  validity: { notBefore: number; notAfter: number },
): string {
  const subject = tbsParts(subjectDer)
  const issuer = tbsParts(issuerDer)
  const issuerKeyId = extensionsOf(issuer.extensions).find(({ id }) => id === OID.subjectKeyId)
  if (issuerKeyId === undefined) throw new Error('the issuer has no subject key identifier')
  const authorityKeyId = seq(implicit(0, content(fromDer(issuerKeyId.value))))
  const ids = extensionsOf(subject.extensions).map(({ id }) => id)
  return signed(issuerKey, {
    issuer: issuer.subject,
    subject: subject.subject,
    ...validity,
    spki: subject.spki,
    extensions: [
      ...children(children(subject.extensions)[0]).filter((_, i) => ids[i] !== OID.authorityKeyId),
      extension(OID.authorityKeyId, false, authorityKeyId),
    ],
  })
}

interface Contents {
  issuer: Node
  subject: Node
  notBefore: number
  notAfter: number
  spki: Node
  extensions: Node[]
}

function signed(key: KeyObject, contents: Contents): string {
  const kind = signatureAlgorithmOf(key)
  if (kind === null) throw new Error('no key for a CA')
  const algorithm = algorithmIdentifier(kind)
  const serial = randomBytes(16)
  // The top bit clear makes it positive, the next one set makes it free of leading zeros (RFC 5280 §4.1.2.2).
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const tbs = seq(
    explicit(0, integer(2)),
    leaf(Type.INTEGER, serial),
    algorithm,
    contents.issuer,
    seq(time(contents.notBefore), time(contents.notAfter)),
    contents.subject,
    contents.spki,
    explicit(3, seq(...contents.extensions)),
  )
  const signature = signWith(key, kind, toDer(tbs))
  return pem(
    'CERTIFICATE',
    toDer(seq(tbs, algorithm, leaf(Type.BITSTRING, Buffer.concat([Buffer.from([0]), signature])))),
  )
}

/** The parts of a v3 certificate that crossSigned() and read.ts need. Throws on anything else. */
export function tbsParts(der: Buffer): { subject: Node; spki: Node; extensions: Node } {
  const [version, , , , , subject, spki, ...rest] = children(children(fromDer(der))[0])
  const extensions = rest.find(node => node.tagClass === Class.CONTEXT_SPECIFIC && (node.type as number) === 3)
  if (version?.tagClass !== Class.CONTEXT_SPECIFIC || !subject || !spki || !extensions) throw new Error('not X.509 v3')
  return { subject, spki, extensions }
}

/** Every extension in its order; `value` is the DER inside the octet string. */
export function extensionsOf(wrapper: Node): { id: string; critical: boolean; value: Buffer }[] {
  return children(children(wrapper)[0]).map(node => {
    const parts = children(node)
    return {
      id: asn1.derToOid(content(parts[0]).toString('latin1')),
      critical: parts.length === 3 && content(parts[1])[0] !== 0,
      value: content(parts[parts.length - 1]),
    }
  })
}

function extension(id: string, critical: boolean, value: Node): Node {
  return critical ? seq(oid(id), TRUE, octets(toDer(value))) : seq(oid(id), octets(toDer(value)))
}

/**
 * RFC 5280 §4.2.1.10. A permitted name alone would leave every address open, because each type is limited only by entries
 * of its own: the type that is not mentioned is excluded as a whole.
 */
function nameConstraints(permitted: readonly string[], excluded: readonly string[]): Node | null {
  if (permitted.length + excluded.length === 0) return null
  const isAddress = (entry: string) => net.isIP(entry.split('/', 1)[0]!) !== 0
  const closed: Node[] = []
  if (permitted.length > 0 && !permitted.some(isAddress))
    closed.push(implicit(7, Buffer.alloc(8)), implicit(7, Buffer.alloc(32)))
  if (permitted.length > 0 && permitted.every(isAddress)) closed.push(implicit(2, Buffer.alloc(0)))
  const inside = permitted.map(generalSubtree)
  const outside = [...excluded.map(generalSubtree), ...closed.map(base => seq(base))]
  return seq(
    ...(inside.length > 0 ? [explicit(0, ...inside)] : []),
    ...(outside.length > 0 ? [explicit(1, ...outside)] : []),
  )
}

function generalSubtree(entry: string): Node {
  const [addr = '', bits] = entry.split('/')
  const family = net.isIP(addr)
  if (family === 0) return seq(implicit(2, Buffer.from(entry, 'latin1')))
  const size = family === 4 ? 4 : 16
  const address = Buffer.from(addrBytes(addr)!.slice(-size))
  const mask = Buffer.alloc(size)
  for (let bit = 0; bit < Number(bits ?? size * 8); bit++) mask[bit >> 3]! |= 0x80 >> (bit & 7)
  // Bits beyond the mask must be zero for a verifier that compares without masking the base.
  return seq(implicit(7, Buffer.concat([address.map((octet, i) => octet & mask[i]!), mask])))
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
function time(ms: number): Node {
  const date = new Date(ms)
  return date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date))
}

/** RFC 7093 §2 method 1: the first 160 bits of SHA-256 over the public key's bits, without the count of unused ones. */
function keyId(spki: Buffer): Buffer {
  const bits = content(children(fromDer(spki))[1])
  return createHash('sha256').update(bits.subarray(1)).digest().subarray(0, 20)
}
