import { readAll, readOid, readTlv, TAG, type Tlv } from '../der.ts'

/** A signature algorithm as named by an AlgorithmIdentifier. */
export interface Algorithm {
  /** The kind of key it takes. */
  key: 'rsa' | 'ec' | 'ed25519' | 'dsa'
  /** OpenSSL's name; null where the algorithm has its own (EdDSA). */
  digest: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null
  pss: boolean
  /** `legacy`: only by exception; `broken`: never (collisions are made on a laptop). */
  strength: 'modern' | 'legacy' | 'broken'
  /** For people: `SHA-256 with RSA`. */
  label: string
}

type Entry = Pick<Algorithm, 'key' | 'digest' | 'label'> & { strength?: Algorithm['strength'] }

/** SHA-224 is missing on purpose: Chrome and Firefox do not take it either. */
const BY_OID: Record<string, Entry> = {
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256', label: 'SHA-256 with RSA' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384', label: 'SHA-384 with RSA' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512', label: 'SHA-512 with RSA' },
  '1.2.840.10045.4.3.2': { key: 'ec', digest: 'sha256', label: 'SHA-256 with ECDSA' },
  '1.2.840.10045.4.3.3': { key: 'ec', digest: 'sha384', label: 'SHA-384 with ECDSA' },
  '1.2.840.10045.4.3.4': { key: 'ec', digest: 'sha512', label: 'SHA-512 with ECDSA' },
  '1.3.101.112': { key: 'ed25519', digest: null, label: 'Ed25519' },
  '1.2.840.113549.1.1.5': { key: 'rsa', digest: 'sha1', label: 'SHA-1 with RSA', strength: 'legacy' },
  '1.3.14.3.2.29': { key: 'rsa', digest: 'sha1', label: 'SHA-1 with RSA', strength: 'legacy' },
  '1.2.840.10045.4.1': { key: 'ec', digest: 'sha1', label: 'SHA-1 with ECDSA', strength: 'legacy' },
  '1.2.840.113549.1.1.2': { key: 'rsa', digest: null, label: 'MD2 with RSA', strength: 'broken' },
  '1.2.840.113549.1.1.3': { key: 'rsa', digest: null, label: 'MD4 with RSA', strength: 'broken' },
  '1.2.840.113549.1.1.4': { key: 'rsa', digest: null, label: 'MD5 with RSA', strength: 'broken' },
  '1.2.840.10040.4.3': { key: 'dsa', digest: null, label: 'SHA-1 with DSA', strength: 'broken' },
  '2.16.840.1.101.3.4.3.1': { key: 'dsa', digest: null, label: 'SHA-224 with DSA', strength: 'broken' },
  '2.16.840.1.101.3.4.3.2': { key: 'dsa', digest: null, label: 'SHA-256 with DSA', strength: 'broken' },
}

const OID_PSS = '1.2.840.113549.1.1.10'
const OID_MGF1 = '1.2.840.113549.1.1.8'
const PSS_DIGESTS: Record<string, { digest: Algorithm['digest']; octets: number; label: string }> = {
  '2.16.840.1.101.3.4.2.1': { digest: 'sha256', octets: 32, label: 'SHA-256' },
  '2.16.840.1.101.3.4.2.2': { digest: 'sha384', octets: 48, label: 'SHA-384' },
  '2.16.840.1.101.3.4.2.3': { digest: 'sha512', octets: 64, label: 'SHA-512' },
}

/** null: unknown, malformed, or with parameters that do not belong there. */
export function readAlgorithm(der: Buffer): Algorithm | null {
  const whole = readTlv(der, 0, der.length)
  const parts = whole?.tag === TAG.sequence && whole.end === der.length ? readAll(der, whole) : null
  if (parts === null || parts.length === 0 || parts.length > 2) return null
  const oid = readOid(der, parts[0]!)
  const parameters = parts[1] ?? null
  if (oid === OID_PSS) return parameters === null ? null : readPss(der, parameters)
  const entry = oid === null ? undefined : BY_OID[oid]
  if (entry === undefined) return null
  // RFC 4055 §5: NULL, but absent must be taken too. RFC 5758 §3.2 and RFC 8410 §3: absent for ECDSA and EdDSA.
  if (parameters !== null && (entry.key !== 'rsa' || !isNull(parameters))) return null
  return { strength: 'modern', ...entry, pss: false }
}

/** How the algorithm is called on pages, also when it is none that is taken. */
export function algorithmLabel(der: Buffer): string {
  const known = readAlgorithm(der)
  if (known !== null) return known.label
  const whole = readTlv(der, 0, der.length)
  const first = whole === null ? null : readTlv(der, whole.start, whole.end)
  const oid = first === null ? null : readOid(der, first)
  return oid === null ? 'unreadable' : (BY_OID[oid]?.label ?? oid.slice(0, 40))
}

function isNull(item: Tlv): boolean {
  return item.tag === TAG.null && item.start === item.end
}

/** RSASSA-PSS-params (RFC 4055 §3.1), narrowed as browsers do: one digest of SHA-2 for both uses, a salt of its length. */
function readPss(der: Buffer, parameters: Tlv): Algorithm | null {
  const fields = parameters.tag === TAG.sequence ? readAll(der, parameters) : null
  // trailerField [3] has one legal value, the default, which DER leaves out. The other defaults mean SHA-1.
  if (fields?.length !== 3 || fields.some((field, i) => field.tag !== 0xa0 + i)) return null
  const digest = digestOf(der, inner(der, fields[0]!))
  const mgf = inner(der, fields[1]!)
  const mgfParts = mgf?.tag === TAG.sequence ? readAll(der, mgf) : null
  if (digest === null || mgfParts?.length !== 2 || readOid(der, mgfParts[0]!) !== OID_MGF1) return null
  if (digestOf(der, mgfParts[1]!) !== digest) return null
  const salt = inner(der, fields[2]!)
  if (salt?.tag !== TAG.integer || salt.end !== salt.start + 1 || der[salt.start] !== digest.octets) return null
  return { key: 'rsa', digest: digest.digest, pss: true, strength: 'modern', label: `${digest.label} with RSASSA-PSS` }
}

function inner(der: Buffer, wrapper: Tlv): Tlv | null {
  const item = readTlv(der, wrapper.start, wrapper.end)
  return item?.end === wrapper.end ? item : null
}

function digestOf(der: Buffer, item: Tlv | null): (typeof PSS_DIGESTS)[string] | null {
  const parts = item?.tag === TAG.sequence ? readAll(der, item) : null
  if (parts === null || parts.length === 0 || parts.length > 2) return null
  if (parts[1] !== undefined && !isNull(parts[1])) return null
  const oid = readOid(der, parts[0]!)
  return (oid === null ? undefined : PSS_DIGESTS[oid]) ?? null
}
