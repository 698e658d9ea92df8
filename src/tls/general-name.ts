import net from 'node:net'
import { readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'
import { isName } from './directory-name.ts'

/** GeneralNames (RFC 5280 §4.2.1.6), sorted by kind; of a subjectAltName or, with IP ranges, of name constraints. */
export interface GeneralNames {
  /** One character per octet, as sent. */
  dns: string[]
  /** 4 or 16 octets; in constraints 8 or 32: address and mask. */
  ip: Buffer[]
  email: string[]
  uri: string[]
  /** Name elements. */
  directory: Buffer[]
  /** Bit n: a name of the kind [n] stands there. */
  kinds: number
}

export const KIND = {
  other: 0,
  email: 1,
  dns: 2,
  x400: 3,
  directory: 4,
  ediParty: 5,
  uri: 6,
  ip: 7,
  registered: 8,
} as const
/** Every kind's only possible tag octet: some are constructed, some not. */
const TAGS = [0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88]
/** Real certificates reach some hundreds (CDNs); every name costs comparisons. */
const MAX_NAMES = 4096

export function noNames(): GeneralNames {
  return { dns: [], ip: [], email: [], uri: [], directory: [], kinds: 0 }
}

/** Adds one GeneralName; false when it is malformed. `ranges`: an address comes with its mask (RFC 5280 §4.2.1.10). */
export function addName(buf: Buffer, item: Tlv, into: GeneralNames, ranges: boolean): boolean {
  const kind = TAGS.indexOf(item.tag)
  if (kind < 0) return false
  into.kinds |= 1 << kind
  switch (kind) {
    case KIND.dns:
      return into.dns.length < MAX_NAMES && addText(buf, item, into.dns)
    case KIND.email:
      return into.email.length < MAX_NAMES && addText(buf, item, into.email)
    case KIND.uri:
      return into.uri.length < MAX_NAMES && addText(buf, item, into.uri)
    case KIND.ip: {
      const octets = buf.subarray(item.start, item.end)
      if (into.ip.length >= MAX_NAMES || !(ranges ? isRange(octets) : isAddress(octets))) return false
      into.ip.push(octets)
      return true
    }
    case KIND.directory: {
      // Explicitly tagged, for Name is a CHOICE.
      const name = readTlv(buf, item.start, item.end)
      if (name === null || name.end !== item.end || into.directory.length >= MAX_NAMES || !isName(buf, name))
        return false
      into.directory.push(buf.subarray(name.from, name.end))
      return true
    }
    case KIND.other: {
      const [type, value, ...more] = readAll(buf, item) ?? []
      if (type === undefined || value?.tag !== 0xa0 || more.length > 0 || readOid(buf, type) === null) return false
      return readAll(buf, value)?.length === 1
    }
    case KIND.registered:
      return readOid(buf, { ...item, tag: TAG.oid }) !== null
    default:
      return readAll(buf, item) !== null
  }
}

/** IA5String: an octet from 0x80 on makes the certificate malformed, as it does for Chrome. */
function addText(buf: Buffer, item: Tlv, into: string[]): boolean {
  for (let i = item.start; i < item.end; i++) if (buf[i]! >= 0x80) return false
  into.push(buf.toString('latin1', item.start, item.end))
  return true
}

function isAddress(octets: Buffer): boolean {
  return octets.length === 4 || octets.length === 16
}

/** Address and mask, the mask being a CIDR prefix (RFC 4632 §3.1). */
function isRange(octets: Buffer): boolean {
  if (octets.length !== 8 && octets.length !== 32) return false
  let ended = false
  for (let i = octets.length / 2; i < octets.length; i++) {
    const byte = octets[i]!
    if (ended && byte !== 0) return false
    // Ones, then zeros: the complement plus one is a power of two.
    const holes = ~byte & 0xff
    if (holes & (holes + 1)) return false
    ended ||= byte !== 0xff
  }
  return true
}

/** An iPAddress for people. */
export function ipText(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.')
  const groups = (octets.toString('hex').match(/.{4}/g) ?? []).join(':')
  return net.isIPv6(groups) ? new URL(`http://[${groups}]`).hostname.slice(1, -1) : octets.toString('hex')
}
