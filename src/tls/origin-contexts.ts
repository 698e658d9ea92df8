import { constants } from 'node:crypto'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import type { CaPublic } from '../core/ca.ts'
import type { TlsException } from '../core/tls-policy.ts'
import { ORIGIN_SUITES, originContext } from './roots.ts'

/** What to show an origin that asks for a certificate. */
export interface ClientCertificate {
  /** The host and everything below it, lower case. */
  host: string
  certPem: string
  keyPem: string
}

/** For an exception of the policy alone: what servers of the years before 2015 speak. Still no RC4, DES, export or anonymous suite. */
const LEGACY_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
  'DHE+AESGCM',
  'ECDHE+AES',
  'DHE+AES',
  'RSA+AES',
  '!aNULL',
  '!eNULL',
  '@SECLEVEL=0',
].join(':')

/** A weak key signs nothing else than a strong one does; level 0 is what lets OpenSSL load it. */
const WEAK: SecureContextOptions = { ciphers: `${ORIGIN_SUITES}:@SECLEVEL=0`, sigalgs: undefined }
const OLD: SecureContextOptions = {
  ...WEAK,
  ciphers: LEGACY_CIPHERS,
  minVersion: 'TLSv1',
  // RFC 5746 is from 2010: what is older cannot renegotiate safely, and we never renegotiate
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_LEGACY_SERVER_CONNECT,
}

/** The settings of our side towards origins: one for all but those with an exception or a certificate to show. */
export class OriginContexts {
  readonly #make: (more: SecureContextOptions) => SecureContext
  readonly #usual: SecureContext
  readonly #clientCertificates: readonly ClientCertificate[]
  /** By kind and place in `clientCertificates`: bounded by the configuration. */
  readonly #others = new Map<string, SecureContext>()

  constructor(rootsPem: readonly string[], own: readonly CaPublic[], clientCertificates: readonly ClientCertificate[]) {
    this.#make = more => originContext(rootsPem, own, more)
    this.#usual = this.#make({})
    // The most specific host first
    this.#clientCertificates = [...clientCertificates].sort((a, b) => b.host.length - a.host.length)
  }

  /** Nothing is shown to whoever asks for a certificate. */
  for(exception: TlsException | null): SecureContext {
    return this.#get(-1, exception)
  }

  /** The same with the certificate configured for that host; null: there is none. Only for who is known to be that host. */
  showing(name: string, exception: TlsException | null): SecureContext | null {
    const at = this.#clientCertificates.findIndex(({ host }) => name === host || name.endsWith(`.${host}`))
    return at < 0 ? null : this.#get(at, exception)
  }

  /** `at`: place of the certificate to show; -1: none. */
  #get(at: number, exception: TlsException | null): SecureContext {
    const kind = exception?.allow.has('old-tls') ? 'old' : exception?.allow.has('weak') ? 'weak' : 'usual'
    if (at < 0 && kind === 'usual') return this.#usual
    const key = `${kind} ${at}`
    let context = this.#others.get(key)
    if (context === undefined) {
      const settings = kind === 'old' ? OLD : kind === 'weak' ? WEAK : {}
      const shown = this.#clientCertificates[at]
      context = this.#make({ ...settings, ...(shown && { cert: shown.certPem, key: shown.keyPem }) })
      this.#others.set(key, context)
    }
    return context
  }
}
