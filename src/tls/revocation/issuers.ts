import { LRUCache } from 'lru-cache'
import { readAll, readOid, readTlv, TAG } from '../der.ts'
import type { Fetch } from '../fetch/fetch.ts'
import { type CertificateFacts, parseCertificate } from '../x509.ts'

const MAX_BODY = 128 * 1024
/** Of one file; a PKCS#7 of a public authority holds one to three. */
const MAX_CERTS = 8
const MAX_URLS = 3
/** For all URLs together: a connection waits for this. */
const TIME_MS = 6000
/** With less left than this part of it nothing more is asked: a first place that is slow would make the next look dead. */
const LEAST = 1 / 3
const MAX_CACHED = 1024
const MAX_CACHED_BYTES = 8 * 1024 * 1024
/** Files behind such URLs do change (a re-issued intermediate), but never within hours. */
const KEEP_MS = 24 * 3_600_000
const OID_SIGNED_DATA = '1.2.840.113549.1.7.2'

interface Want {
  nowMs: number
  /** On performance.now()'s scale. */
  deadline: number
  done: (certs: CertificateFacts[]) => void
  /** Ends the fetch that runs for it. */
  leave: () => void
}

interface Found {
  certs: CertificateFacts[]
  until: number
}

/**
 * Certificates that a server left out, from where the one below says they are (caIssuers, RFC 5280 §4.2.2.1). They are
 * candidates and no more: whoever verifies the chain decides; here they are only readable.
 */
export class IssuerFetch {
  readonly #fetch: Fetch
  readonly #timeMs: number
  readonly #cache = new LRUCache<string, Found>({
    max: MAX_CACHED,
    maxSize: MAX_CACHED_BYTES,
    sizeCalculation: found => found.certs.reduce((sum, cert) => sum + cert.der.length, 256),
  })

  constructor(fetch: Fetch, timeMs = TIME_MS) {
    this.#fetch = fetch
    this.#timeMs = timeMs
  }

  /**
   * The certificates of the first URL that has any; none: []. `done` may be called before this returns, and is not called
   * after what is returned, which gives up.
   */
  get(urls: readonly string[], nowMs: number, done: (certs: CertificateFacts[]) => void): () => void {
    const want: Want = { nowMs, deadline: performance.now() + this.#timeMs, done, leave: () => {} }
    this.#next(urls.slice(0, MAX_URLS), want)
    return () => want.leave()
  }

  #next(urls: readonly string[], want: Want): void {
    const { nowMs, done } = want
    const [url, ...others] = urls
    if (url === undefined) {
      done([])
      return
    }
    const known = this.#cache.get(url)
    if (known !== undefined && nowMs < known.until) {
      done(known.certs)
      return
    }
    const timeMs = want.deadline - performance.now()
    if (timeMs < this.#timeMs * LEAST) {
      done([])
      return
    }
    let answered = false
    const request = { url, method: 'GET', body: null, contentType: null, maxBytes: MAX_BODY, timeMs } as const
    const leave = this.#fetch(request, (_error, body) => {
      answered = true
      const certs = body === null ? [] : guardedRead(body)
      if (certs.length === 0) {
        this.#next(others, want)
        return
      }
      this.#cache.set(url, { certs, until: nowMs + KEEP_MS })
      done(certs)
    })
    // Refused at once, it has gone on to the next by now
    if (!answered) want.leave = leave
  }
}

/** A mistake of ours about a stranger's file ends the reading of it, and nothing else. */
function guardedRead(body: Buffer): CertificateFacts[] {
  try {
    return readCertificates(body)
  } catch {
    return []
  }
}

/** Pure: one certificate as DER or PEM, or the certificates of a PKCS#7 without signers (RFC 5652 §5.1), DER or PEM. */
export function readCertificates(body: Buffer): CertificateFacts[] {
  if (body.length > MAX_BODY) return []
  if (body[0] === TAG.sequence) return readDer(body)
  const blocks = body
    .toString('latin1')
    .matchAll(/-----BEGIN (?:CERTIFICATE|PKCS7|CMS)-----([A-Za-z0-9+/=\s]+)-----END/g)
  const out: CertificateFacts[] = []
  for (const [, base64 = ''] of blocks) {
    out.push(...readDer(Buffer.from(base64, 'base64')))
    if (out.length >= MAX_CERTS) break
  }
  return out.slice(0, MAX_CERTS)
}

function readDer(der: Buffer): CertificateFacts[] {
  const cert = parseCertificate(der)
  return cert === null ? readCertsOnly(der) : [cert]
}

/** ContentInfo > [0] > SignedData { version, digestAlgorithms, contentInfo, certificates [0], … } */
function readCertsOnly(der: Buffer): CertificateFacts[] {
  const whole = readTlv(der, 0, der.length)
  const [type, content] = (whole?.tag === TAG.sequence ? readAll(der, whole) : null) ?? []
  if (type === undefined || content?.tag !== 0xa0 || readOid(der, type) !== OID_SIGNED_DATA) return []
  const data = readTlv(der, content.start, content.end)
  const fields = (data?.tag === TAG.sequence ? readAll(der, data) : null) ?? []
  const list = fields.find(field => field.tag === 0xa0)
  const items = list === undefined ? null : readAll(der, list)
  return (items ?? [])
    .slice(0, MAX_CERTS)
    .map(item => parseCertificate(der.subarray(item.from, item.end)))
    .filter(cert => cert !== null)
}
