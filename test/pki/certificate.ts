/**
 * A factory of certificates, right ones and wrong ones, for every test that needs a chain:
 *
 *   const root = authority('Root')                          // self-signed
 *   const inter = authority('Inter', root, { pathLen: 0 })
 *   const good = leaf(inter, { san: ['dns:www.a.example'] })
 *   const bad = leaf(inter, { san: ['dns:www.a.example'], keyUsage: ['keyCertSign'], notAfter: now - DAY })
 *
 * Every field may be set, every extension replaced (`extensions`) by raw DER, left out (`without`) or added (`extra`);
 * `fields` has the last word on the list of TBS fields, `signer`, `outerAlgorithm`, `signature` on how it is signed.
 * Keys come from testKey() and are shared; a leaf has testKey('p256', 1), an authority a key of its own by its name.
 * `Cert.pem`, `.keyPem` suit node:tls; `.der` suits parseCertificate().
 */
import { constants, randomBytes, sign } from 'node:crypto'
import { bits, explicit, int, nul, octets, oid, seq, set, time, utf8 } from './der.ts'
import {
  authorityKeyId,
  basicConstraints,
  extension,
  extKeyUsage,
  ID,
  type KeyUsageName,
  keyUsage,
  nameConstraints,
  subjectAltName,
} from './extensions.ts'
import { freshKey, type KeyPair, keyIdOf, spkiOf, testKey } from './keys.ts'

export const DAY = 24 * 3600_000
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
export const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
export const ANY_USAGE = '2.5.29.37.0'

export type Digest = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

export interface CertSpec {
  /** Common name, or a whole Name element; '' is the empty name. */
  subject?: string | Buffer
  /** null: self-signed. */
  issuer?: Cert | null
  /** Another issuer name than the issuer's. */
  issuerName?: Buffer
  keys?: KeyPair
  /** Another key than `keys`' in the certificate. */
  spki?: Buffer
  /** See generalName(); empty or missing: no extension. */
  san?: string[]
  sanCritical?: boolean
  /** Milliseconds, or a whole Time element. */
  notBefore?: number | Buffer
  notAfter?: number | Buffer
  ca?: boolean
  pathLen?: number
  /** null: no extension. */
  keyUsage?: KeyUsageName[] | null
  /** null: no extension. */
  extKeyUsage?: string[] | null
  nameConstraints?: { permitted?: string[]; excluded?: string[]; critical?: boolean }
  /** By OID: the whole Extension element instead of the usual one. */
  extensions?: Record<string, Buffer>
  /** OIDs of extensions to leave out. */
  without?: string[]
  /** Extension elements put at the end. */
  extra?: Buffer[]
  /** 3 for v3; null: the field is left out, and so are the extensions. */
  version?: number | null
  /** A Buffer is the INTEGER's content. */
  serial?: number | bigint | Buffer
  digest?: Digest
  pss?: boolean
  /** AlgorithmIdentifier elements. */
  algorithm?: Buffer
  outerAlgorithm?: Buffer
  /** Signs instead of the issuer. */
  signer?: KeyPair
  /** Instead of a signature. */
  signature?: Buffer
  /** The last word on the TBS fields. */
  fields?: (fields: Buffer[]) => Buffer[]
}

export interface Cert {
  der: Buffer
  pem: string
  tbs: Buffer
  keys: KeyPair
  /** PKCS#8. */
  keyPem: string
  /** The Name element. */
  name: Buffer
  spec: CertSpec
}

const SIGNATURES: Record<string, string> = {
  'rsa md5': '1.2.840.113549.1.1.4',
  'rsa sha1': '1.2.840.113549.1.1.5',
  'rsa sha224': '1.2.840.113549.1.1.14',
  'rsa sha256': '1.2.840.113549.1.1.11',
  'rsa sha384': '1.2.840.113549.1.1.12',
  'rsa sha512': '1.2.840.113549.1.1.13',
  'ec sha1': '1.2.840.10045.4.1',
  'ec sha224': '1.2.840.10045.4.3.1',
  'ec sha256': '1.2.840.10045.4.3.2',
  'ec sha384': '1.2.840.10045.4.3.3',
  'ec sha512': '1.2.840.10045.4.3.4',
  'dsa sha256': '2.16.840.1.101.3.4.3.2',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
}
const DIGEST_IDS: Record<string, string> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}
const PSS_SALT: Record<string, number> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 }

/** An authority's certificate, self-signed without `issuer`, with a key of its own. */
export function authority(subject: string, issuer: Cert | null = null, spec: CertSpec = {}): Cert {
  return makeCert({ subject, issuer, ca: true, ...spec, keys: spec.keys ?? freshKey() })
}

/** A web server's certificate. */
export function leaf(issuer: Cert | null, spec: CertSpec = {}): Cert {
  return makeCert({ subject: 'leaf', issuer, extKeyUsage: [SERVER_AUTH], keyUsage: ['digitalSignature'], ...spec })
}

export function makeCert(spec: CertSpec): Cert {
  const keys = spec.keys ?? testKey('p256', 1)
  const spki = spec.spki ?? spkiOf(keys)
  const name = nameOf(spec.subject ?? 'test')
  const signer = spec.signer ?? spec.issuer?.keys ?? keys
  const algorithm = spec.algorithm ?? algorithmOf(signer, spec)
  const now = Date.now()
  const tbs = seq(
    ...(spec.fields ?? (fields => fields))([
      ...(spec.version === null ? [] : [explicit(0, int((spec.version ?? 3) - 1))]),
      int(spec.serial ?? randomSerial()),
      algorithm,
      spec.issuerName ?? spec.issuer?.name ?? name,
      seq(timeOf(spec.notBefore ?? now - DAY), timeOf(spec.notAfter ?? now + 30 * DAY)),
      name,
      spki,
      ...(spec.version === null ? [] : [explicit(3, seq(...extensionsOf(spec, spki)))]),
    ]),
  )
  const signature = spec.signature ?? signed(tbs, signer, spec)
  const der = seq(tbs, spec.outerAlgorithm ?? algorithm, bits(signature))
  const keyPem = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { der, pem: pemOf(der), tbs, keys, keyPem, name, spec }
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

/** A Name of one common name. */
export function nameOf(subject: string | Buffer): Buffer {
  if (typeof subject !== 'string') return subject
  return subject === '' ? seq() : seq(set(seq(oid('2.5.4.3'), utf8(subject))))
}

/** AlgorithmIdentifier of a signature by that key. */
export function algorithmOf(
  signer: KeyPair,
  { digest = 'sha256', pss = false }: Pick<CertSpec, 'digest' | 'pss'>,
): Buffer {
  if (pss) return pssAlgorithm(digest, digest, PSS_SALT[digest]!)
  const type = signer.privateKey.asymmetricKeyType!
  const id = SIGNATURES[`${type} ${digest}`] ?? SIGNATURES[type]
  if (id === undefined) return pssAlgorithm(digest, digest, PSS_SALT[digest]!)
  return seq(oid(id), ...(type === 'rsa' ? [nul()] : []))
}

export function pssAlgorithm(digest: string, mgfDigest: string, salt: number): Buffer {
  const hash = (name: string) => seq(oid(DIGEST_IDS[name]!), nul())
  return seq(
    oid('1.2.840.113549.1.1.10'),
    seq(
      explicit(0, hash(digest)),
      explicit(1, seq(oid('1.2.840.113549.1.1.8'), hash(mgfDigest))),
      explicit(2, int(salt)),
    ),
  )
}

/** The signature's octets over any piece: for OCSP answers and CRLs too. */
export function signed(
  tbs: Buffer,
  { privateKey }: KeyPair,
  { digest = 'sha256', pss = false }: Pick<CertSpec, 'digest' | 'pss'> = {},
): Buffer {
  if (privateKey.asymmetricKeyType?.startsWith('ed')) return sign(null, tbs, privateKey)
  if (!pss) return sign(digest, tbs, privateKey)
  const key = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: PSS_SALT[digest]! }
  return sign(digest, tbs, key)
}

function extensionsOf(spec: CertSpec, spki: Buffer): Buffer[] {
  const issuerSpki = spec.issuer ? (spec.issuer.spec.spki ?? spkiOf(spec.issuer.keys)) : spki
  const usage = spec.keyUsage === undefined ? (spec.ca ? (['keyCertSign', 'crlSign'] as const) : null) : spec.keyUsage
  const usual: Record<string, Buffer | null> = {
    [ID.subjectKeyId]: extension(ID.subjectKeyId, octets(keyIdOf(spki))),
    [ID.authorityKeyId]: authorityKeyId(keyIdOf(issuerSpki)),
    [ID.basicConstraints]: spec.ca ? basicConstraints(true, spec.pathLen) : null,
    [ID.keyUsage]: usage ? keyUsage(...usage) : null,
    [ID.extKeyUsage]: spec.extKeyUsage ? extKeyUsage(...spec.extKeyUsage) : null,
    [ID.subjectAltName]: spec.san?.length ? subjectAltName(spec.san, spec.sanCritical) : null,
    [ID.nameConstraints]: spec.nameConstraints ? nameConstraints(spec.nameConstraints) : null,
    ...spec.extensions,
  }
  const without = new Set(spec.without)
  const kept = Object.entries(usual).filter(([id, der]) => der !== null && !without.has(id))
  return [...kept.map(([, der]) => der!), ...(spec.extra ?? [])]
}

function timeOf(value: number | Buffer): Buffer {
  return typeof value === 'number' ? time(value) : value
}

function randomSerial(): Buffer {
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}
