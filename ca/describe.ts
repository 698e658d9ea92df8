import { createHash, X509Certificate } from 'node:crypto'
import net from 'node:net'
import type { CaPublic } from '../src/core/ca.ts'
import type { IpSubtree } from '../src/core/name-limits.ts'
import { keyLabel } from './kinds.ts'
import { isSelfSigned, readCaFacts, readCertificates, subjectOf } from './read.ts'

/** What people are told about a CA; every text can be somebody else's. */
export interface CaDescription {
  subject: string
  /** The common name, or the subject where there is none. */
  name: string
  issuer: string
  /** Lower-case hex. */
  serial: string
  sha256: string
  /** Some systems show no other; nothing rests on it. */
  sha1: string
  notBefore: number
  notAfter: number
  /** `ECDSA P-256`, `RSA 3072`. */
  key: string
  origin: 'made' | 'imported-root' | 'imported-intermediate'
  /** -1: not limited. */
  pathLength: number
  /** Names and networks it may certify; empty: all. */
  permitted: string[]
  excluded: string[]
  /** Common names of the certificates that leaves are sent with. */
  chain: string[]
}

export function describeCa(pub: CaPublic): CaDescription {
  const cert = new X509Certificate(pub.certDer)
  const { pathLength, limits } = readCaFacts(pub.certDer)
  return {
    subject: cert.subject.replaceAll('\n', ', '),
    name: subjectOf(cert),
    issuer: cert.issuer.replaceAll('\n', ', '),
    serial: cert.serialNumber.toLowerCase(),
    sha256: pub.sha256,
    sha1: createHash('sha1').update(pub.certDer).digest('hex'),
    notBefore: pub.notBefore,
    notAfter: pub.notAfter,
    key: keyLabel(cert.publicKey),
    origin: !pub.imported ? 'made' : isSelfSigned(cert) ? 'imported-root' : 'imported-intermediate',
    pathLength: pathLength ?? -1,
    permitted: [...(limits?.permittedDns ?? []), ...(limits?.permittedIp ?? []).map(network)],
    excluded: [
      ...(limits?.excludedDns ?? []).map(name => name || 'every host name'),
      ...(limits?.excludedIp ?? []).map(network),
    ],
    chain: readCertificates(pub.chainPem).map(each => `${subjectOf(each)}, by ${commonName(each.issuer)}`),
  }
}

function commonName(name: string): string {
  return /(?:^|\n)CN=([^\n]*)/.exec(name)?.[1] ?? name.replaceAll('\n', ', ')
}

/** `10.0.0.0/8`; a mask with holes is shown as a mask. */
function network({ address, mask }: IpSubtree): string {
  const bits = [...mask].map(octet => octet.toString(2).padStart(8, '0')).join('')
  const length = bits.indexOf('0') === -1 ? bits.length : bits.indexOf('0')
  return `${spelled(address)}/${bits.slice(length).includes('1') ? spelled(mask) : length}`
}

function spelled(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.')
  const text = octets.toString('hex').replace(/....(?=.)/g, '$&:')
  // The URL parser shortens it the way RFC 5952 wants.
  return net.isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text
}
