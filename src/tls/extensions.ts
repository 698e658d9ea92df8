import { readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'
import {
  type ReadValue,
  readAltNames,
  readAuthorityInfo,
  readAuthorityKeyId,
  readBasicConstraints,
  readBoolean,
  readCrlUrls,
  readExtKeyUsage,
  readInhibitAnyPolicy,
  readKeyUsage,
  readMappings,
  readNameConstraints,
  readNoCheck,
  readPolicies,
  readPolicyConstraints,
  readSubjectKeyId,
  readTlsFeature,
} from './extension-values.ts'
import type { GeneralNames } from './general-name.ts'

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

/** Everything understood, by OID: what people call it and how it is read. */
const KNOWN: Record<string, [string, ReadValue]> = {
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

/** Fills `facts`; in plain words what is malformed, or ''. */
export function readExtensions(buf: Buffer, wrapper: Tlv, facts: ExtensionFacts): string {
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
  return ''
}
