import { readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'
import { addName, type GeneralNames, noNames } from './general-name.ts'

/** The part of a certificate that stands in its extensions (RFC 5280 §4.2). */
export interface ExtensionFacts {
  /** dNSName entries as sent, one character per octet. */
  dnsNames: string[]
  /** iPAddress entries: 4 or 16 octets. */
  ipAddrs: Buffer[]
  /** All of subjectAltName; null when the extension is absent. */
  altNames: GeneralNames | null
  subjectKeyId: Buffer | null
  authorityKeyId: Buffer | null
  isCa: boolean
  /** How many certificates of authorities may stand between this one and the leaf; -1: any number. */
  pathLen: number
  hasBasicConstraints: boolean
  /** Bits of KEY_USAGE; -1 when the extension is absent. */
  keyUsage: number
  /** Purposes (OIDs), or null when the extension is absent. */
  extKeyUsage: string[] | null
  nameConstraints: { permitted: GeneralNames; excluded: GeneralNames } | null
  /** Policies (OIDs) claimed, or null when the extension is absent. */
  policies: string[] | null
  /** Issuer's and subject's domain policy. */
  policyMappings: [string, string][]
  /** SkipCerts of requireExplicitPolicy, inhibitPolicyMapping, inhibitAnyPolicy; -1: absent. */
  requirePolicy: number
  inhibitMapping: number
  inhibitAnyPolicy: number
  /** The server promises a stapled OCSP answer (status_request in RFC 7633's TLS feature). */
  mustStaple: boolean
  /** An OCSP responder's own certificate that is not itself checked (RFC 6960 §4.2.2.2.1). */
  ocspNoCheck: boolean
  /** Bounded: at most 8 of each, at most 2048 characters, http only. */
  ocspUrls: string[]
  caIssuerUrls: string[]
  crlUrls: string[]
  /** OIDs of critical extensions whose meaning is not known here. */
  unknownCritical: string[]
}

/** Bits of `keyUsage`: the first octet of the BIT STRING is the low one. */
export const KEY_USAGE = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  keyAgreement: 0x08,
  keyCertSign: 0x04,
  crlSign: 0x02,
} as const

const MAX_EXTENSIONS = 64
const MAX_URLS = 8
const MAX_URL = 2048
const MAX_ITEMS = 256

export function noExtensions(): ExtensionFacts {
  return {
    dnsNames: [],
    ipAddrs: [],
    altNames: null,
    subjectKeyId: null,
    authorityKeyId: null,
    isCa: false,
    pathLen: -1,
    hasBasicConstraints: false,
    keyUsage: -1,
    extKeyUsage: null,
    nameConstraints: null,
    policies: null,
    policyMappings: [],
    requirePolicy: -1,
    inhibitMapping: -1,
    inhibitAnyPolicy: -1,
    mustStaple: false,
    ocspNoCheck: false,
    ocspUrls: [],
    caIssuerUrls: [],
    crlUrls: [],
    unknownCritical: [],
  }
}

type Reading = (buf: Buffer, value: Tlv, facts: ExtensionFacts, critical: boolean) => boolean

/** Everything understood, by OID: what people call it and how it is read. */
const KNOWN: Record<string, [string, Reading]> = {
  '2.5.29.14': ['subject key identifier', readSubjectKeyId],
  '2.5.29.15': ['key usage', readKeyUsage],
  '2.5.29.17': ['list of names', readAltNames],
  '2.5.29.19': ['basic constraints', readBasicConstraints],
  '2.5.29.30': ['name constraints', readNameConstraints],
  '2.5.29.31': ['list of CRL addresses', readCrlUrls],
  '2.5.29.32': ['list of policies', readPolicies],
  '2.5.29.33': ['policy mappings', readMappings],
  '2.5.29.35': ['authority key identifier', readAuthorityKeyId],
  '2.5.29.36': ['policy constraints', readPolicyConstraints],
  '2.5.29.37': ['extended key usage', readExtKeyUsage],
  '2.5.29.54': ['inhibitAnyPolicy', readInhibitAnyPolicy],
  '1.3.6.1.5.5.7.1.1': ['authority information', readAuthorityInfo],
  '1.3.6.1.5.5.7.1.24': ['TLS feature', readTlsFeature],
  '1.3.6.1.5.5.7.48.1.5': ['OCSP no check', readNoCheck],
}
/** Must never be critical (RFC 5280 §§4.2.1.1, 4.2.1.2, 4.2.2.1) or, being critical, ask for what is not done here. */
const NOT_CRITICAL = new Set(['2.5.29.14', '2.5.29.31', '2.5.29.35', '1.3.6.1.5.5.7.1.1', '1.3.6.1.5.5.7.48.1.5'])
/** CPS and user notice. */
const QUALIFIERS = new Set(['1.3.6.1.5.5.7.2.1', '1.3.6.1.5.5.7.2.2'])

/** Fills `facts`; in plain words what is malformed, or null. */
export function readExtensions(buf: Buffer, wrapper: Tlv, facts: ExtensionFacts): string | null {
  const list = readTlv(buf, wrapper.start, wrapper.end)
  const items = list?.tag === TAG.sequence && list.end === wrapper.end ? readAll(buf, list) : null
  if (items === null || items.length === 0 || items.length > MAX_EXTENSIONS) return 'its extensions are malformed'
  const seen = new Set<string>()
  for (const item of items) {
    const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
    if (parts === null || parts.length < 2 || parts.length > 3) return 'its extensions are malformed'
    const oid = readOid(buf, parts[0]!)
    const critical = parts.length === 3 ? readBoolean(buf, parts[1]!) : false
    const wrapped = parts[parts.length - 1]!
    if (oid === null || critical === null || wrapped.tag !== TAG.octetString) return 'its extensions are malformed'
    // RFC 5280 §4.2: not more than one instance of an extension; two SAN lists are read differently by different parsers.
    if (seen.has(oid)) return `an extension (${KNOWN[oid]?.[0] ?? oid}) stands in it twice`
    seen.add(oid)
    const known = KNOWN[oid]
    if (critical && (known === undefined || NOT_CRITICAL.has(oid))) facts.unknownCritical.push(oid)
    if (known === undefined) continue
    const value = readTlv(buf, wrapped.start, wrapped.end)
    if (value === null || value.end !== wrapped.end || !known[1](buf, value, facts, critical))
      return `its ${known[0]} is malformed`
  }
  return null
}

/** X.690 §11.1: all ones or all zeros. A FALSE that DER would leave out is met in the field and taken, as browsers do. */
function readBoolean(buf: Buffer, item: Tlv): boolean | null {
  const byte = buf[item.start]
  if (item.tag !== TAG.boolean || item.end !== item.start + 1 || (byte !== 0 && byte !== 0xff)) return null
  return byte === 0xff
}

/** A small count: INTEGER or, implicitly tagged, its content. */
function readCount(buf: Buffer, item: Tlv): number | null {
  const length = item.end - item.start
  if (length < 1 || length > 3 || buf[item.start]! >= 0x80) return null
  if (length > 1 && buf[item.start] === 0 && buf[item.start + 1]! < 0x80) return null
  return buf.readUIntBE(item.start, length)
}

function elements(buf: Buffer, value: Tlv): Tlv[] | null {
  const items = value.tag === TAG.sequence ? readAll(buf, value) : null
  return items !== null && items.length > 0 && items.length <= MAX_ITEMS ? items : null
}

function readSubjectKeyId(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.subjectKeyId = buf.subarray(value.start, value.end)
  return value.tag === TAG.octetString
}

function readAuthorityKeyId(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const parts = value.tag === TAG.sequence ? readAll(buf, value) : null
  if (parts?.[0]?.tag === 0x80) facts.authorityKeyId = buf.subarray(parts[0].start, parts[0].end)
  return parts !== null
}

function readKeyUsage(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const length = value.end - value.start
  const unused = buf[value.start]!
  if (value.tag !== TAG.bitString || length < 2 || length > 3 || unused > 7) return false
  // X.690 §11.2.1: unused bits are zero.
  if (buf[value.end - 1]! & ((1 << unused) - 1)) return false
  facts.keyUsage = buf[value.start + 1]! | (length === 3 ? buf[value.start + 2]! << 8 : 0)
  // RFC 5280 §4.2.1.3: at least one bit is set.
  return facts.keyUsage !== 0
}

function readAltNames(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const items = value.tag === TAG.sequence ? readAll(buf, value) : null
  // RFC 5280 §4.2.1.6: at least one entry.
  if (items === null || items.length === 0) return false
  const names = noNames()
  for (const item of items) if (!addName(buf, item, names, false)) return false
  facts.altNames = names
  facts.dnsNames = names.dns
  facts.ipAddrs = names.ip
  return true
}

function readBasicConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const parts = value.tag === TAG.sequence ? readAll(buf, value) : null
  if (parts === null || parts.length > 2) return false
  let at = 0
  const ca = parts[0]?.tag === TAG.boolean ? readBoolean(buf, parts[at++]!) : false
  if (ca === null) return false
  const limit = parts[at]?.tag === TAG.integer ? readCount(buf, parts[at++]!) : -1
  if (limit === null || at !== parts.length) return false
  // RFC 5280 §4.2.1.9: a path length only where cA is set.
  if (limit >= 0 && !ca) return false
  facts.hasBasicConstraints = true
  facts.isCa = ca
  facts.pathLen = limit
  return true
}

function readExtKeyUsage(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.extKeyUsage = readOids(buf, value)
  return facts.extKeyUsage !== null
}

function readOids(buf: Buffer, value: Tlv): string[] | null {
  const oids = elements(buf, value)?.map(item => readOid(buf, item))
  return oids === undefined || oids.includes(null) ? null : (oids as string[])
}

function readNameConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const parts = value.tag === TAG.sequence ? readAll(buf, value) : null
  // RFC 5280 §4.2.1.10: never an empty sequence.
  if (parts === null || parts.length === 0 || parts.length > 2) return false
  const constraints = { permitted: noNames(), excluded: noNames() }
  let last = 0
  for (const part of parts) {
    if ((part.tag !== 0xa0 && part.tag !== 0xa1) || part.tag <= last) return false
    last = part.tag
    if (!readSubtrees(buf, part, part.tag === 0xa0 ? constraints.permitted : constraints.excluded)) return false
  }
  facts.nameConstraints = constraints
  return true
}

function readSubtrees(buf: Buffer, list: Tlv, into: GeneralNames): boolean {
  const subtrees = readAll(buf, list)
  if (subtrees === null || subtrees.length === 0) return false
  return subtrees.every(subtree => {
    const parts = subtree.tag === TAG.sequence ? readAll(buf, subtree) : null
    // RFC 5280 §4.2.1.10: minimum is zero, so left out in DER; maximum is absent.
    return parts?.length === 1 && addName(buf, parts[0]!, into, true)
  })
}

function readPolicies(buf: Buffer, value: Tlv, facts: ExtensionFacts, critical: boolean): boolean {
  const found: string[] = []
  for (const item of elements(buf, value) ?? [value]) {
    const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
    const oid = parts?.length === 1 || parts?.length === 2 ? readOid(buf, parts[0]!) : null
    // RFC 5280 §4.2.1.4: a policy stands there once.
    if (oid === null || found.includes(oid)) return false
    found.push(oid)
    const qualifiers = parts![1] === undefined ? [] : elements(buf, parts![1])?.map(each => firstOid(buf, each))
    if (qualifiers === undefined || qualifiers.includes(null)) return false
    // RFC 5280 §4.2.1.4: when it is critical, every qualifier must be understood.
    if (critical && !qualifiers.every(each => QUALIFIERS.has(each!))) facts.unknownCritical.push('2.5.29.32')
  }
  facts.policies = found
  return true
}

function firstOid(buf: Buffer, item: Tlv): string | null {
  const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
  return parts?.[0] === undefined ? null : readOid(buf, parts[0])
}

function readMappings(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  for (const item of elements(buf, value) ?? [value]) {
    const pair = readOids(buf, item)
    if (pair?.length !== 2) return false
    facts.policyMappings.push(pair as [string, string])
  }
  return true
}

function readPolicyConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const parts = elements(buf, value)
  if (parts === null || parts.length > 2) return false
  let last = 0
  for (const part of parts) {
    const count = readCount(buf, part)
    if ((part.tag !== 0x80 && part.tag !== 0x81) || part.tag <= last || count === null) return false
    last = part.tag
    if (part.tag === 0x80) facts.requirePolicy = count
    else facts.inhibitMapping = count
  }
  return true
}

function readInhibitAnyPolicy(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const count = value.tag === TAG.integer ? readCount(buf, value) : null
  facts.inhibitAnyPolicy = count ?? -1
  return count !== null
}

function readTlsFeature(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const features = elements(buf, value)?.map(item => (item.tag === TAG.integer ? readCount(buf, item) : null))
  if (features === undefined || features.includes(null)) return false
  // 5 is status_request, 17 status_request_v2 (never offered, so never answered).
  facts.mustStaple = features.includes(5)
  return true
}

function readNoCheck(_buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.ocspNoCheck = true
  return value.tag === TAG.null && value.start === value.end
}

function readAuthorityInfo(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const items = elements(buf, value)
  if (items === null) return false
  for (const item of items) {
    const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
    const method = parts?.length === 2 ? readOid(buf, parts[0]!) : null
    if (method === null) return false
    if (method === '1.3.6.1.5.5.7.48.1') addUrl(buf, parts![1]!, facts.ocspUrls)
    else if (method === '1.3.6.1.5.5.7.48.2') addUrl(buf, parts![1]!, facts.caIssuerUrls)
  }
  return true
}

/** Of distribution points that cover all reasons and are signed by the issuer itself; others prove nothing on their own. */
function readCrlUrls(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const points = elements(buf, value)
  if (points === null) return false
  for (const point of points) {
    const parts = point.tag === TAG.sequence ? readAll(buf, point) : null
    if (parts === null) return false
    if (parts.length !== 1 || parts[0]!.tag !== 0xa0) continue
    const full = readTlv(buf, parts[0]!.start, parts[0]!.end)
    const names = full?.tag === 0xa0 ? readAll(buf, full) : null
    for (const name of names ?? []) addUrl(buf, name, facts.crlUrls)
  }
  return true
}

function addUrl(buf: Buffer, name: Tlv, into: string[]): void {
  if (name.tag !== 0x86 || into.length >= MAX_URLS || name.end - name.start > MAX_URL) return
  const url = buf.toString('latin1', name.start, name.end)
  if (/^http:\/\/[!-~]+$/i.test(url)) into.push(url)
}
