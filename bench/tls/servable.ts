import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'

/** The origin's own OpenSSL is told not to care: what is wrong with a certificate is for others to find. */
export const LEGACY_SITE = { ciphers: 'DEFAULT@SECLEVEL=0' } as const

/** Octets that OpenSSL cannot read as a certificate cannot be served by it, nor those that it would send in a better form. */
export function canServe(leaf: Buffer, certPem: string, keyPem: string): boolean {
  try {
    tls.createSecureContext({ cert: certPem, key: keyPem, ...LEGACY_SITE })
    return new X509Certificate(leaf).raw.equals(leaf)
  } catch {
    return false
  }
}
