import { WeirError } from '../core/errors.ts'
import type { OriginHandshake, OriginVerdict } from '../core/origin.ts'
import type { Allowance, TlsException } from '../core/tls-policy.ts'
import { certificateCovers } from './match.ts'
import type { IssuerFetch } from './revocation/issuers.ts'
import type { Revocation } from './revocation/revocation.ts'
import type { RootStore } from './roots.ts'
import { type ChainVerdict, chainLinks, verifyChain } from './verify/chain.ts'
import { readPresented } from './verify/presented.ts'
import type { CertificateFacts } from './x509.ts'

export interface OriginVerifierOptions {
  roots: RootStore
  issuers: IssuerFetch
  revocation: Revocation
  /** When no answer about revocation can be had: go on or refuse. */
  revocationMode(): 'soft' | 'hard'
  now(): number
}

/** A chain with so many intermediates left out is not mended. */
const MAX_FETCH_ROUNDS = 3

/**
 * OpenSSL is asked too, and a chain that only one of us accepts is refused; but it never fetches what the server left out,
 * tries one path where several lead to a root, and knows no exceptions: in these our own verdict is the better one.
 */
const OPENSSL_MAY_ERR = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
])

const NOTHING: ReadonlySet<Allowance> = new Set()

/**
 * The verdict on an origin's certificate: the chain (fetching what is missing), OpenSSL's opinion, revocation. Always about
 * the certificates seen on this connection, never about a name: the next connection may be an impostor's.
 */
export class OriginVerifier {
  #options: OriginVerifierOptions

  constructor(options: OriginVerifierOptions) {
    this.#options = options
  }

  /** The system's store has changed. */
  replaceRoots(roots: RootStore): void {
    this.#options = { ...this.#options, roots }
  }

  /** `done` is called once (unless it is abandoned), and before this returns when nothing had to be fetched. */
  verify(handshake: OriginHandshake, done: (verdict: OriginVerdict) => void): void {
    let read: ReturnType<typeof readPresented>
    try {
      read = readPresented(handshake.chain)
    } catch (cause) {
      done(refusal(ownMistake(cause)))
      return
    }
    if (read.error === null) new Judgement(this.#options, handshake, read.presented, done).start()
    else done(refusal(read.error))
  }
}

class Judgement {
  readonly #options: OriginVerifierOptions
  readonly #handshake: OriginHandshake
  readonly #presented: CertificateFacts[]
  readonly #done: (verdict: OriginVerdict) => void
  readonly #allow: ReadonlySet<Allowance>
  #extra: CertificateFacts[] = []
  #rounds = 0

  constructor(
    options: OriginVerifierOptions,
    handshake: OriginHandshake,
    presented: CertificateFacts[],
    done: (verdict: OriginVerdict) => void,
  ) {
    this.#options = options
    this.#handshake = handshake
    this.#presented = presented
    this.#done = done
    this.#allow = allowed(handshake.exception, presented[0]!)
  }

  start(): void {
    let verdict: ChainVerdict
    try {
      verdict = verifyChain({
        presented: this.#presented,
        extra: this.#extra,
        roots: this.#options.roots,
        name: this.#handshake.name,
        nowMs: this.#options.now(),
        allow: this.#allow,
      })
    } catch (cause) {
      this.#refuse(ownMistake(cause))
      return
    }
    if (verdict.error === null) this.#chainIsGood(verdict)
    else if (!this.#fetchIssuers(verdict)) this.#refuse(verdict.error)
  }

  /** RFC 5280 §4.2.2.1 (caIssuers): servers leave intermediates out, and browsers get them there. */
  #fetchIssuers({ error, missing }: ChainVerdict): boolean {
    if (error?.code !== 'origin-cert-untrusted' || this.#rounds >= MAX_FETCH_ROUNDS) return false
    const urls = missing.flatMap(cert => cert.caIssuerUrls)
    if (urls.length === 0) return false
    this.#rounds++
    let answered = false
    const giveUp = this.#options.issuers.get(urls, this.#options.now(), found => {
      answered = true
      this.#handshake.onAbandoned = null
      const known = new Set([...this.#presented, ...this.#extra].map(cert => cert.fingerprint))
      const fresh = found.filter(cert => !known.has(cert.fingerprint))
      if (fresh.length === 0) {
        this.#refuse(error)
        return
      }
      this.#extra = [...this.#extra, ...fresh]
      this.start()
    })
    if (!answered) this.#handshake.onAbandoned = giveUp
    return true
  }

  #chainIsGood(chain: ChainVerdict): void {
    const { opensslError } = this.#handshake
    if (opensslError !== null && !OPENSSL_MAY_ERR.has(opensslError)) {
      const error = new WeirError('origin-cert-invalid', `OpenSSL does not accept its chain (${opensslError}).`)
      error.chain = chainLinks(chain.path, null)
      this.#refuse(error)
      return
    }
    this.#options.revocation.check(
      {
        path: chain.path,
        staple: this.#handshake.staple,
        nowMs: this.#options.now(),
        mode: this.#options.revocationMode(),
      },
      result => {
        if (result.error !== null) {
          result.error.chain ??= chainLinks(chain.path, null)
          this.#refuse(result.error)
          return
        }
        const until = chain.used.length === 0 ? Infinity : (this.#handshake.exception?.until ?? 0)
        this.#done({
          error: null,
          validUntil: Math.min(chain.validUntil, result.validUntil, until),
          exception: describe(chain.used, this.#handshake.exception),
          revocation: result.source,
          covers: coveredBy(chain.path[0]!),
        })
      },
    )
  }

  #refuse(error: WeirError): void {
    error.chain ??= chainLinks(this.#presented, null)
    this.#done(refusal(error))
  }
}

/** A person's click holds for the certificate that person saw. */
function allowed(exception: TlsException | null, leaf: CertificateFacts): ReadonlySet<Allowance> {
  if (exception === null || (exception.only !== null && exception.only.fingerprint !== leaf.fingerprint)) return NOTHING
  return exception.allow
}

/**
 * Made out here, as it lives as long as a connection or a saved session does: in there it would keep alive the judgement,
 * the other certificates and the socket that waited for the verdict.
 */
function coveredBy(leaf: CertificateFacts): (host: string) => boolean {
  return host => certificateCovers(leaf, host)
}

function describe(used: readonly Allowance[], exception: TlsException | null): string {
  if (used.length === 0 || exception === null) return ''
  const what = used.join(', ')
  return exception.only === null ? `${what} (line ${exception.line}: ${exception.reason})` : `${what} (override)`
}

/** A stranger's certificate that finds one ends its own connection, not those of all others here. */
function ownMistake(cause: unknown): WeirError {
  return new WeirError('self-internal', 'The certificate of the web server could not be judged.', cause)
}

function refusal(error: WeirError): OriginVerdict {
  return { error, validUntil: 0, exception: '', revocation: '', covers: () => false }
}
