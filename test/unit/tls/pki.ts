import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import forge from 'node-forge'

/** Certificates good and bad for tests; written with forge alone, so that nothing under test vouches for itself. */
const { asn1 } = forge
const { Class, Type } = asn1
type Node = forge.asn1.Asn1

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export interface Cert {
  pem: string
  der: Buffer
  keys: KeyPair
  keyPem: string
  commonName: string
}

export interface CertSpec {
  commonName?: string
  /** null: self-signed. */
  issuer?: Cert | null
  keys?: KeyPair
  /** `dns:a.example`, `ip:7f000001` (hex), in order; empty: no SAN extension. */
  san?: string[]
  notBefore?: number
  notAfter?: number
  ca?: boolean
  extKeyUsage?: string[]
  digest?: 'sha1' | 'sha256' | 'md5'
}

export const DAY = 24 * 3600_000
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

export function ecKeys(curve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: curve })
}

export function rsaKeys(bits: number): KeyPair {
  return generateKeyPairSync('rsa', { modulusLength: bits })
}

const SIGNATURES: Record<string, string> = {
  'ec sha256': '1.2.840.10045.4.3.2',
  'ec sha1': '1.2.840.10045.4.1',
  'rsa sha256': '1.2.840.113549.1.1.11',
  'rsa sha1': '1.2.840.113549.1.1.5',
  'rsa md5': '1.2.840.113549.1.1.4',
}

export function makeCert(spec: CertSpec): Cert {
  const keys = spec.keys ?? ecKeys()
  const commonName = spec.commonName ?? 'test'
  const signer = spec.issuer?.keys ?? keys
  const digest = spec.digest ?? 'sha256'
  const algorithmOid = SIGNATURES[`${signer.privateKey.asymmetricKeyType} ${digest}`]!
  const algorithm = seq(oid(algorithmOid), ...(algorithmOid.startsWith('1.2.840.113549') ? [leaf(Type.NULL, '')] : []))
  const now = Date.now()
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  const tbs = seq(
    context(0, leaf(Type.INTEGER, '\x02')),
    leaf(Type.INTEGER, serial.toString('latin1')),
    algorithm,
    name(spec.issuer?.commonName ?? commonName),
    seq(time(spec.notBefore ?? now - DAY), time(spec.notAfter ?? now + 30 * DAY)),
    name(commonName),
    asn1.fromDer(spki(keys).toString('latin1')),
    context(3, seq(...extensions(spec, keys, spec.issuer?.keys ?? keys))),
  )
  const signature = sign(digest, bytes(tbs), signer.privateKey)
  const der = bytes(seq(tbs, algorithm, leaf(Type.BITSTRING, `\0${signature.toString('latin1')}`)))
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
    der,
    keys,
    keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    commonName,
  }
}

function extensions(spec: CertSpec, keys: KeyPair, issuerKeys: KeyPair): Node[] {
  const out = [
    extension('2.5.29.14', false, leaf(Type.OCTETSTRING, keyId(keys))),
    extension('2.5.29.35', false, seq(asn1.create(Class.CONTEXT_SPECIFIC, 0, false, keyId(issuerKeys)))),
  ]
  if (spec.ca) {
    out.push(extension('2.5.29.19', true, seq(leaf(Type.BOOLEAN, '\xff'))))
    out.push(extension('2.5.29.15', true, leaf(Type.BITSTRING, '\x01\x06')))
  }
  const purposes = spec.extKeyUsage ?? (spec.ca ? [] : [SERVER_AUTH])
  if (purposes.length > 0) out.push(extension('2.5.29.37', false, seq(...purposes.map(oid))))
  if (spec.san?.length) out.push(extension('2.5.29.17', false, seq(...spec.san.map(generalName))))
  return out
}

function generalName(text: string): Node {
  const value = text.slice(text.indexOf(':') + 1)
  if (text.startsWith('ip:'))
    return asn1.create(Class.CONTEXT_SPECIFIC, 7, false, Buffer.from(value, 'hex').toString('latin1'))
  return asn1.create(Class.CONTEXT_SPECIFIC, 2, false, value)
}

function extension(id: string, critical: boolean, value: Node): Node {
  const wrapped = leaf(Type.OCTETSTRING, bytes(value).toString('latin1'))
  return critical ? seq(oid(id), leaf(Type.BOOLEAN, '\xff'), wrapped) : seq(oid(id), wrapped)
}

function keyId(keys: KeyPair): string {
  return createHash('sha1').update(spki(keys)).digest().toString('latin1')
}

function spki(keys: KeyPair): Buffer {
  return keys.publicKey.export({ type: 'spki', format: 'der' })
}

function name(commonName: string): Node {
  return seq(
    asn1.create(Class.UNIVERSAL, Type.SET, true, [
      seq(oid('2.5.4.3'), leaf(Type.UTF8, forge.util.encodeUtf8(commonName))),
    ]),
  )
}

function time(ms: number): Node {
  return leaf(Type.UTCTIME, asn1.dateToUtcTime(new Date(ms)))
}

function context(tag: number, inner: Node): Node {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [inner])
}

function seq(...items: Node[]): Node {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items)
}

function oid(dotted: string): Node {
  return leaf(Type.OID, asn1.oidToDer(dotted).getBytes())
}

function leaf(type: forge.asn1.Type, content: string): Node {
  return asn1.create(Class.UNIVERSAL, type, false, content)
}

function bytes(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
}
