import { getPublicSuffix } from 'tldts'
import { ipOctets, isHostName } from './name.ts'
import type { CertificateFacts } from './x509.ts'

/**
 * Does the certificate speak for `name` (lower case, no final dot; or an address)? SAN only: the common name has no say
 * (RFC 9525 §6.3), an address matches an iPAddress entry octet by octet and nothing else.
 */
export function certificateCovers(facts: CertificateFacts, name: string): boolean {
  const octets = ipOctets(name)
  if (octets !== null) return facts.ipAddrs.some(addr => octets.equals(addr))
  return isHostName(name) && facts.dnsNames.some(presented => matches(presented, name))
}

function matches(presented: string, name: string): boolean {
  if (presented.length > 255) return false
  const pattern = presented.toLowerCase()
  if (pattern === name) return true
  // RFC 9525 §6.3: a wildcard is the whole left-most label and stands for exactly one label.
  if (!pattern.startsWith('*.')) return false
  const base = pattern.slice(2)
  const dot = name.indexOf('.')
  if (dot < 0 || name.slice(dot + 1) !== base || !base.includes('.')) return false
  // As browsers do: nobody holds all of *.co.uk. Private suffixes (*.github.io) do have one holder.
  return getPublicSuffix(base, { allowPrivateDomains: false, validateHostname: false }) !== base
}
