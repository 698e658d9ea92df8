import { X509Certificate } from 'node:crypto'
import { keyLabel } from '../../ca/kinds.ts'
import { anchorOf, readCaFacts } from '../../ca/read.ts'
import type { CaPublic } from '../core/ca.ts'
import type { IpSubtree, NameLimits } from '../core/name-limits.ts'
import type { CaCertificate } from './api.ts'

/** What is told of one CA certificate. Everything comes from the certificate itself; the key is not in this process. */
export function factsOf(ca: CaPublic): CaCertificate {
  const anchor = anchorOf(ca)
  return {
    subject: ca.subject,
    sha256: ca.sha256,
    notBefore: ca.notBefore,
    notAfter: ca.notAfter,
    key: keyLabel(new X509Certificate(ca.certDer).publicKey),
    imported: ca.imported,
    pathLength: readCaFacts(ca.certDer).pathLength,
    permitted: permittedOf(ca.limits),
    excluded: ca.limits.flatMap(limit => [...limit.excludedDns, ...limit.excludedIp.map(network)]),
    root: anchor.sha256 === ca.sha256 ? null : { subject: anchor.subject, sha256: anchor.sha256 },
  }
}

/** A type that no certificate limits is free; what is told of limits in several certificates holds together with all. */
function permittedOf(limits: readonly NameLimits[]): string[] | null {
  const texts = limits.flatMap(({ permittedDns, permittedIp }) => [
    ...(permittedDns ?? []),
    ...(permittedIp ?? []).map(network),
  ])
  const limited = limits.some(limit => limit.permittedDns !== null || limit.permittedIp !== null)
  return limited ? [...new Set(texts)] : null
}

/** `10.0.0.0/8`. */
function network({ address, mask }: IpSubtree): string {
  let bits = 0
  for (const octet of mask) for (let bit = 7; bit >= 0; bit--) bits += (octet >> bit) & 1
  return `${addressText(address)}/${bits}`
}

function addressText(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(i * 2).toString(16))
  // The URL standard shortens as RFC 5952 does.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
