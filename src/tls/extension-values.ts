import { readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'
import type { ExtensionFacts } from './extensions.ts'
import { addName, type GeneralNames, noNames } from './general-name.ts'

/** Reads one extension's value into the facts; false: it is malformed. */
export type ReadValue = (buf: Buffer, value: Tlv, facts: ExtensionFacts, critical: boolean) => boolean

const MAX_URLS = 8
const MAX_URL = 2048
const MAX_ITEMS = 256
const AUTHORITY_KEY_FIELDS = [0x80, 0xa1, 0x82]
/** CPS and user notice. */
const QUALIFIERS = new Set(['1.3.6.1.5.5.7.2.1', '1.3.6.1.5.5.7.2.2'])

/** X.690 §11.1: all ones or all zeros. A FALSE that DER would leave out is met in the field and taken, as browsers do. */
export function readBoolean(buf: Buffer, item: Tlv): boolean | null {
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

export function readSubjectKeyId(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.subjectKeyId = buf.subarray(value.start, value.end)
  return value.tag === TAG.octetString
}

/** Key identifier [0]; issuer [1] and serial number [2] hint at one certificate of several and are not used, as browsers do. */
export function readAuthorityKeyId(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const parts = value.tag === TAG.sequence ? readAll(buf, value) : null
  if (parts === null) return false
  let last = -1
  for (const part of parts) {
    const field = AUTHORITY_KEY_FIELDS.indexOf(part.tag)
    if (field <= last) return false
    last = field
    if (field === 0) facts.authorityKeyId = buf.subarray(part.start, part.end)
    else if (field === 1 && !areNames(buf, part)) return false
  }
  return true
}

function areNames(buf: Buffer, list: Tlv): boolean {
  const into = noNames()
  return readAll(buf, list)?.every(name => addName(buf, name, into, false)) ?? false
}

export function readKeyUsage(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const length = value.end - value.start
  const unused = buf[value.start]!
  if (value.tag !== TAG.bitString || length < 2 || length > 3 || unused > 7) return false
  // X.690 §11.2.1: unused bits are zero.
  if (buf[value.end - 1]! & ((1 << unused) - 1)) return false
  facts.keyUsage = buf[value.start + 1]! | (length === 3 ? buf[value.start + 2]! << 8 : 0)
  // RFC 5280 §4.2.1.3: at least one bit is set.
  return facts.keyUsage !== 0
}

export function readAltNames(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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

export function readBasicConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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

export function readExtKeyUsage(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.extKeyUsage = readOids(buf, value)
  return facts.extKeyUsage !== null
}

function readOids(buf: Buffer, value: Tlv): string[] | null {
  const oids = elements(buf, value)?.map(item => readOid(buf, item))
  return oids === undefined || oids.includes(null) ? null : (oids as string[])
}

export function readNameConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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

export function readPolicies(buf: Buffer, value: Tlv, facts: ExtensionFacts, critical: boolean): boolean {
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

export function readMappings(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  for (const item of elements(buf, value) ?? [value]) {
    const pair = readOids(buf, item)
    if (pair?.length !== 2) return false
    facts.policyMappings.push(pair as [string, string])
  }
  return true
}

export function readPolicyConstraints(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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

export function readInhibitAnyPolicy(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const count = value.tag === TAG.integer ? readCount(buf, value) : null
  facts.inhibitAnyPolicy = count ?? -1
  return count !== null
}

export function readTlsFeature(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  const features = elements(buf, value)?.map(item => (item.tag === TAG.integer ? readCount(buf, item) : null))
  if (features === undefined || features.includes(null)) return false
  // 5 is status_request, 17 status_request_v2 (never offered, so never answered).
  facts.mustStaple = features.includes(5)
  return true
}

export function readNoCheck(_buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
  facts.ocspNoCheck = true
  return value.tag === TAG.null && value.start === value.end
}

export function readAuthorityInfo(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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
export function readCrlUrls(buf: Buffer, value: Tlv, facts: ExtensionFacts): boolean {
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
