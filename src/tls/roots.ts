import { constants, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import tls, { type SecureContext, type SecureContextOptions } from 'node:tls'
import type { CaPublic } from '../core/ca.ts'
import { UserError } from '../core/errors.ts'
import { GROUPS } from './contexts.ts'
import { type CertificateFacts, parseCertificate } from './x509.ts'

/** Kept current by the distribution's ca-certificates package, with what the admin added by update-ca-certificates. */
const DEBIAN_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** AEAD and forward secrecy only. */
export const ORIGIN_SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
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
 * The one client context for all origins; each item may hold several certificates. `own`, if they are among the roots
 * (people install them on the gateway too), are left out: a certificate of ours on the origin side would mean that somebody
 * has the key, or that we talk to ourselves. `more` is laid over what is said here.
 */
export function originContext(
  rootsPem: readonly string[],
  own: readonly Pick<CaPublic, 'certPem'>[] = [],
  more: SecureContextOptions = {},
): SecureContext {
  const ownKeys = own.map(({ certPem }) => new X509Certificate(certPem).publicKey)
  const trusted = rootsPem.flatMap(file => {
    const pems = split(file)
    const certs = pems.map(readCertificate)
    if (pems.length === 0 || certs.includes(null))
      throw new UserError('One of the roots trusted for origins is not a certificate in PEM form.')
    return pems.filter((pem, i) => isSafe(pem) && !ownKeys.some(key => certs[i]!.publicKey.equals(key)))
  })
  return tls.createSecureContext({
    ca: trusted,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    // Level 2: chains of 112 bits, no SHA-1, no MD5 (RFC 9325 §4)
    ciphers: `${ORIGIN_SUITES}:@SECLEVEL=2`,
    ecdhCurve: GROUPS,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sigalgs: SIGNATURE_SCHEMES,
    ...more,
  })
}

/**
 * Whenever OpenSSL calls a chain good, Node makes objects of its certificates (getPeerCertificate(true) on every handshake),
 * and 26.10 dies of a null pointer on curves without a NIST name (secp256k1, Brainpool). No such root ends a good chain.
 */
function isSafe(pem: string): boolean {
  return readFacts(pem)?.key.fault === ''
}

/** What may end a chain, found by subject; and what may never be part of one: Weir's own CA. */
export class RootStore {
  readonly #bySubject = new Map<string, CertificateFacts[]>()
  readonly #fingerprints = new Set<string>()
  readonly #own: CertificateFacts[] = []
  readonly #public: ReadonlySet<string>

  /**
   * `rootsPem`: each item may hold several certificates. `own`: every CA certificate of this gateway, the coming one too.
   * `publicRoots`: SHA-256 of the roots whose issuers obey browsers' rules; what an admin added is not among them.
   */
  constructor(
    rootsPem: readonly string[],
    own: readonly Pick<CaPublic, 'certPem'>[] = [],
    publicRoots: ReadonlySet<string> = browserRoots(),
  ) {
    this.#public = publicRoots
    for (const { certPem } of own) {
      const facts = split(certPem).map(readFacts)[0] ?? null
      if (facts === null) throw new UserError('The certificate of the gateway’s own CA cannot be read.')
      this.#own.push(facts)
    }
    for (const facts of rootsPem.flatMap(split).map(readFacts)) {
      // What cannot be read ends no chain; Debian and Mozilla ship none such.
      if (facts === null || this.#fingerprints.has(facts.fingerprint) || this.isOwnKey(facts.spkiDer)) continue
      this.#fingerprints.add(facts.fingerprint)
      const subject = facts.subjectDer.toString('latin1')
      const same = this.#bySubject.get(subject)
      if (same === undefined) this.#bySubject.set(subject, [facts])
      else same.push(facts)
    }
  }

  get size(): number {
    return this.#fingerprints.size
  }

  has(cert: CertificateFacts): boolean {
    return this.#fingerprints.has(cert.fingerprint)
  }

  bySubject(subjectDer: Buffer): readonly CertificateFacts[] {
    return this.#bySubject.get(subjectDer.toString('latin1')) ?? NONE
  }

  /** Is it one that browsers ship? */
  isPublic(root: CertificateFacts): boolean {
    return this.#public.has(root.fingerprint)
  }

  isOwnKey(spkiDer: Buffer): boolean {
    return this.#own.some(own => own.spkiDer.equals(spkiDer))
  }

  ownBySubject(subjectDer: Buffer): readonly CertificateFacts[] {
    return this.#own.length === 0 ? NONE : this.#own.filter(own => own.subjectDer.equals(subjectDer))
  }
}

const NONE: readonly CertificateFacts[] = []

let mozilla: ReadonlySet<string> | null = null

/** Mozilla's list, as Node carries it. */
function browserRoots(): ReadonlySet<string> {
  if (mozilla === null) {
    const all = tls.getCACertificates('bundled').map(readFacts)
    mozilla = new Set(all.flatMap(facts => (facts === null ? [] : [facts.fingerprint])))
  }
  return mozilla
}

function readFacts(pem: string): CertificateFacts | null {
  return parseCertificate(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))
}
