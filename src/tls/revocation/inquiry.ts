import type { Fetch } from '../fetch/fetch.ts'
import type { CertificateFacts } from '../x509.ts'
import type { CrlStore } from './crl-store.ts'
import { judgeOcsp, MAX_OCSP_BYTES } from './ocsp.ts'
import { ocspGetUrl, ocspRequest } from './ocsp-request.ts'
import { none, type Standing } from './standing.ts'

/** Where an answer came from. */
export interface Answer {
  standing: Standing
  source: 'staple' | 'ocsp' | 'crl' | 'list' | 'none'
}

export interface InquiryDeps {
  fetch: Fetch
  crls: CrlStore
}

/** A certificate names one responder and one list; more are tried a little. */
const MAX_RESPONDERS = 2
const MAX_LISTS = 2

interface Step {
  url: string
  by: 'get' | 'post' | 'crl'
}

/** Can anything be asked about it? */
export function hasPlaceToAsk(cert: CertificateFacts): boolean {
  return cert.ocspUrls.length > 0 || cert.crlUrls.length > 0
}

/**
 * Asks about one certificate, place after place, until one knows: OCSP by GET, which caches on the way can answer
 * (RFC 5019 §5), by POST where that gave nothing, then the CRL. Runs to its end whoever still waits.
 */
export class Inquiry {
  readonly #deps: InquiryDeps
  readonly #cert: CertificateFacts
  readonly #issuer: CertificateFacts
  readonly #now: () => number
  readonly #onEnd: (answer: Answer) => void
  readonly #request: Buffer
  readonly #steps: Step[]
  /** Somebody's patience has ended: who comes later does not wait at all. */
  isLate = false
  readonly waiters = new Set<(answer: Answer) => void>()
  #best: Answer = { standing: none('It names no place to ask.'), source: 'none' }

  constructor(
    cert: CertificateFacts,
    issuer: CertificateFacts,
    deps: InquiryDeps,
    now: () => number,
    onEnd: (answer: Answer) => void,
  ) {
    this.#cert = cert
    this.#issuer = issuer
    this.#deps = deps
    this.#now = now
    this.#onEnd = onEnd
    this.#request = ocspRequest(cert, issuer)
    const ocsp = cert.ocspUrls.slice(0, MAX_RESPONDERS).flatMap((responder): Step[] => {
      const url = ocspGetUrl(responder, this.#request)
      const post: Step = { url: responder, by: 'post' }
      return url === null ? [post] : [{ url, by: 'get' }, post]
    })
    this.#steps = [...ocsp, ...cert.crlUrls.slice(0, MAX_LISTS).map((url): Step => ({ url, by: 'crl' }))]
  }

  /** Not in the constructor: the end may come before it returns. */
  next(): void {
    const step = this.#steps.shift()
    if (step === undefined) {
      this.#onEnd(this.#best)
      return
    }
    if (step.by === 'crl') {
      this.#deps.crls.ask(step.url, this.#cert, this.#issuer, this.#now(), standing => this.#take(standing, 'crl'))
      return
    }
    const request =
      step.by === 'get'
        ? ({ method: 'GET', body: null, contentType: null } as const)
        : ({ method: 'POST', body: this.#request, contentType: 'application/ocsp-request' } as const)
    this.#deps.fetch({ url: step.url, ...request, maxBytes: MAX_OCSP_BYTES }, (error, body) => {
      if (body === null) this.#take(none(`Its OCSP responder could not be asked: ${error}.`), 'ocsp')
      else this.#take(judgeOcsp(body, this.#cert, this.#issuer, this.#now()), 'ocsp')
    })
  }

  #take(standing: Standing, source: 'ocsp' | 'crl'): void {
    const isAnswer = standing.kind !== 'none' && standing.kind !== 'unusable'
    if (isAnswer) {
      this.#onEnd({ standing, source })
      return
    }
    this.#best = { standing: none(standing.why), source: 'none' }
    this.next()
  }
}
