import { constants, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import tls, { type SecureContext, type SecureContextOptions } from 'node:tls'
import type { CaPublic } from '../core/ca.ts'
import { UserError } from '../core/errors.ts'
import { GROUPS } from './contexts.ts'

/** Kept current by the distribution's ca-certificates package, with what the admin added by update-ca-certificates. */
const DEBIAN_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** AEAD and forward secrecy only, and chains that OpenSSL's level 2 accepts: 112 bits, no SHA-1, no MD5 (RFC 9325 §4). */
const ORIGIN_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  '@SECLEVEL=2',
].join(':')

const SIGNATURE_SCHEMES = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
].join(':')

/** The roots this machine trusts, each once, as PEM. Node's own list only when the system has none. */
export function systemRoots(bundle = DEBIAN_BUNDLE): string[] {
  const found = readBundle(bundle)
  if (found.length > 0) return found
  const system = unique(tls.getCACertificates('system'))
  return system.length > 0 ? system : tls.getCACertificates('bundled')
}

function readBundle(file: string): string[] {
  try {
    return unique(split(fs.readFileSync(file, 'latin1')))
  } catch {
    return []
  }
}

/** The certificates of one PEM file. */
function split(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

/** Readable certificates, each once: the system's folder holds every one under several names. */
function unique(pems: readonly string[]): string[] {
  const byFingerprint = new Map<string, string>()
  for (const pem of pems) {
    const cert = readCertificate(pem)
    if (cert !== null) byFingerprint.set(cert.fingerprint256, pem)
  }
  return [...byFingerprint.values()]
}

function readCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}

/**
 * The one client context for all origins; each item may hold several certificates. `ownCa`, if it is among the roots (people install it on the gateway too), is
 * left out: a certificate of ours on the origin side would mean that somebody has the key, or that we talk to ourselves.
 * `more` is laid over what is said here.
 */
export function originContext(
  rootsPem: readonly string[],
  ownCa: CaPublic | null = null,
  more: SecureContextOptions = {},
): SecureContext {
  const ownKey = ownCa === null ? null : new X509Certificate(ownCa.certPem).publicKey
  const trusted = rootsPem.flatMap(file => {
    const pems = split(file)
    const certs = pems.map(readCertificate)
    if (pems.length === 0 || certs.includes(null))
      throw new UserError('One of the roots trusted for origins is not a certificate in PEM form.')
    return pems.filter((_pem, i) => ownKey === null || !certs[i]!.publicKey.equals(ownKey))
  })
  return tls.createSecureContext({
    ca: trusted,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: ORIGIN_CIPHERS,
    ecdhCurve: GROUPS,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sigalgs: SIGNATURE_SCHEMES,
    ...more,
  })
}
