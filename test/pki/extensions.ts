import { bits, bool, explicit, ia5, implicit, int, nul, octets, oid, seq, tlv } from './der.ts'

/** Extensions for the factory: each function gives a whole Extension element. */

export const ID = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlPoints: '2.5.29.31',
  policies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyId: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfo: '1.3.6.1.5.5.7.1.1',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

/** In the order of their bits (RFC 5280 §4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsageName = (typeof KEY_USAGES)[number]

export function extension(id: string, value: Buffer, critical = false): Buffer {
  return critical ? seq(oid(id), bool(true), octets(value)) : seq(oid(id), octets(value))
}

export function basicConstraints(ca: boolean, pathLen?: number, critical = true): Buffer {
  const parts = [...(ca ? [bool(true)] : []), ...(pathLen === undefined ? [] : [int(pathLen)])]
  return extension(ID.basicConstraints, seq(...parts), critical)
}

export function keyUsage(...names: KeyUsageName[]): Buffer {
  let value = 0
  let last = 0
  for (const name of names) {
    const bit = KEY_USAGES.indexOf(name)
    value |= 0x8000 >> bit
    last = Math.max(last, bit)
  }
  const content = last > 7 ? Buffer.from([value >> 8, value & 0xff]) : Buffer.from([value >> 8])
  return extension(ID.keyUsage, bits(content, 7 - (last % 8)), true)
}

export function extKeyUsage(...purposes: string[]): Buffer {
  return extension(ID.extKeyUsage, seq(...purposes.map(oid)))
}

export function subjectAltName(names: string[], critical = false): Buffer {
  return extension(ID.subjectAltName, seq(...names.map(generalName)), critical)
}

export function authorityKeyId(id: Buffer): Buffer {
  return extension(ID.authorityKeyId, seq(implicit(0, id)))
}

/** RFC 5280 §4.2.1.10; names as in generalName(), `ip:` with address and mask. */
export function nameConstraints(lists: { permitted?: string[]; excluded?: string[]; critical?: boolean }): Buffer {
  const subtrees = (names: string[]) => names.map(name => seq(generalName(name)))
  return extension(
    ID.nameConstraints,
    seq(
      ...(lists.permitted ? [explicit(0, ...subtrees(lists.permitted))] : []),
      ...(lists.excluded ? [explicit(1, ...subtrees(lists.excluded))] : []),
    ),
    lists.critical ?? true,
  )
}

/** RFC 7633: 5 is status_request (must-staple). */
export function tlsFeature(...features: number[]): Buffer {
  return extension(ID.tlsFeature, seq(...features.map(int)))
}

export function authorityInfo(urls: { ocsp?: string[]; issuers?: string[] }): Buffer {
  const entries = (id: string, list: string[] = []) => list.map(url => seq(oid(id), implicit(6, Buffer.from(url))))
  return extension(
    ID.authorityInfo,
    seq(...entries('1.3.6.1.5.5.7.48.1', urls.ocsp), ...entries('1.3.6.1.5.5.7.48.2', urls.issuers)),
  )
}

export function crlPoints(...urls: string[]): Buffer {
  const point = (url: string) => seq(explicit(0, explicit(0, implicit(6, Buffer.from(url)))))
  return extension(ID.crlPoints, seq(...urls.map(point)))
}

export function policies(...ids: string[]): Buffer {
  return extension(ID.policies, seq(...ids.map(id => seq(oid(id)))))
}

/** RFC 5280 §4.2.1.11. */
export function policyConstraints(requireExplicit?: number, inhibitMapping?: number): Buffer {
  const count = (n: number, value?: number) => (value === undefined ? [] : [implicit(n, int(value).subarray(2))])
  return extension(ID.policyConstraints, seq(...count(0, requireExplicit), ...count(1, inhibitMapping)), true)
}

export function ocspNoCheck(): Buffer {
  return extension(ID.ocspNoCheck, nul())
}

/**
 * `dns:` and `email:` and `uri:` with the text (one character per octet), `ip:` with the octets in hex,
 * `dir:` with a Name in hex, `other:` with an OID, `registered:` with an OID.
 */
export function generalName(text: string): Buffer {
  const colon = text.indexOf(':')
  const value = text.slice(colon + 1)
  switch (text.slice(0, colon)) {
    case 'email':
      return implicit(1, Buffer.from(value, 'latin1'))
    case 'dns':
      return implicit(2, Buffer.from(value, 'latin1'))
    case 'dir':
      return explicit(4, Buffer.from(value, 'hex'))
    case 'uri':
      return implicit(6, Buffer.from(value, 'latin1'))
    case 'ip':
      return implicit(7, Buffer.from(value, 'hex'))
    case 'other':
      return explicit(0, oid(value), explicit(0, ia5('x')))
    case 'registered':
      return tlv(0x88, oid(value).subarray(2))
    default:
      throw new RangeError(`no such kind of name: ${text}`)
  }
}
