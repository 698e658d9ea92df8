import { addrBytes } from './addr.ts'

/** A network as RFC 5280 §4.2.1.10 writes it: address and mask, 4 or 16 octets each. */
export interface IpSubtree {
  address: Buffer
  mask: Buffer
}

/** The name constraints of one certificate, as far as server names are concerned. `null`: that type is not limited. */
export interface NameLimits {
  /** Lower case; `example.com` covers itself and everything below, `.example.com` only what is below, '' every name. */
  permittedDns: string[] | null
  permittedIp: IpSubtree[] | null
  excludedDns: string[]
  excludedIp: IpSubtree[]
}

/** May a certificate for this name (lower case, or `*.` before one, or an address) stand below all of these limits? */
export function mayCertify(name: string, limits: readonly NameLimits[]): boolean {
  if (limits.length === 0) return true
  const octets = ipOctets(name)
  return limits.every(limit => (octets === null ? dnsAllowed(name, limit) : ipAllowed(octets, limit)))
}

function dnsAllowed(name: string, { permittedDns, excludedDns }: NameLimits): boolean {
  if (permittedDns !== null && !permittedDns.some(base => isUnder(name, base))) return false
  if (excludedDns.some(base => isUnder(name, base))) return false
  // *.example.com stands also for the excluded secret.example.com.
  return !name.startsWith('*.') || !excludedDns.some(base => isUnder(base.replace(/^\./, ''), name.slice(2)))
}

function isUnder(name: string, base: string): boolean {
  if (base === '' || name === base) return true
  return name.endsWith(base.startsWith('.') ? base : `.${base}`)
}

function ipAllowed(octets: Uint8Array, { permittedIp, excludedIp }: NameLimits): boolean {
  if (permittedIp !== null && !permittedIp.some(subtree => isInside(octets, subtree))) return false
  return !excludedIp.some(subtree => isInside(octets, subtree))
}

function isInside(octets: Uint8Array, { address, mask }: IpSubtree): boolean {
  return octets.length === address.length && octets.every((octet, i) => ((octet ^ address[i]!) & mask[i]!) === 0)
}

/** 4 or 16 octets, or null when it is no address. */
function ipOctets(name: string): Uint8Array | null {
  const bytes = addrBytes(name)
  if (bytes === null) return null
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every(octet => octet === 0)
  return mapped ? bytes.subarray(12) : bytes
}
