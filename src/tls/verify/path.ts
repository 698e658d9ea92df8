import type { RootStore } from '../roots.ts'
import type { CertificateFacts } from '../x509.ts'
import { isJudged, judgeSignature, type SignatureVerdict } from './signature.ts'

/**
 * How a path ends: at a `root`; at one that signed itself and is no root (`self`); where the issuer is not at hand
 * (`missing`) or did not make the signature (`forged`); at Weir's own CA (`own`); or where the bounds are (`bounds`).
 */
export type PathEnd = 'root' | 'self' | 'missing' | 'forged' | 'own' | 'bounds'

/** Looks at one path, leaf first; true ends the search. The array is used again: copy it. */
export type Visit = (path: readonly CertificateFacts[], end: PathEnd) => boolean

/** Leaf and root included. Public chains have at most five. */
const MAX_DEPTH = 8
const MAX_PRESENTED = 20
const MAX_EXTRA = 20
/** Issuers tried, over all paths: certificates that all issue each other make factorially many paths (RFC 4158 §2.4). */
const MAX_STEPS = 256
/** Signatures computed, not remembered: 10 ms at worst. */
const MAX_SIGNATURES = 32
const MAX_PATHS = 64

/**
 * Walks from the leaf to every root that can be reached: servers send roots, cross-signed and foreign certificates, in any
 * order and twice (RFC 8446 §4.4.2 asks for tolerance), and only one of several paths may be good.
 */
export class PathSearch {
  readonly #pool: CertificateFacts[]
  readonly #roots: RootStore
  readonly #visit: Visit
  #steps = MAX_STEPS
  #signatures = MAX_SIGNATURES
  #paths = MAX_PATHS

  constructor(
    presented: readonly CertificateFacts[],
    extra: readonly CertificateFacts[],
    roots: RootStore,
    visit: Visit,
  ) {
    this.#roots = roots
    this.#visit = visit
    // Whoever has Weir's own key has no say here, whatever certificate it stands in.
    const usable = [...presented.slice(1, MAX_PRESENTED), ...extra.slice(0, MAX_EXTRA)].filter(
      cert => !roots.isOwnKey(cert.spkiDer),
    )
    this.#pool = usable.filter((cert, i) => usable.findIndex(same => same.fingerprint === cert.fingerprint) === i)
  }

  run(leaf: CertificateFacts): void {
    // A server's own certificate that the admin trusts as it is.
    if (this.#roots.has(leaf) && this.#end([leaf], 'root')) return
    this.#extend([leaf])
  }

  /** True: the search is over. */
  #extend(path: CertificateFacts[]): boolean {
    const top = path[path.length - 1]!
    for (const own of this.#roots.ownBySubject(top.issuerDer)) {
      if (this.#check(top, own) === 'good') return this.#end([...path, own], 'own')
    }
    let forged = false
    let extended = false
    for (const issuer of this.#issuersOf(top)) {
      if (this.#steps-- <= 0 || path.length >= MAX_DEPTH) return this.#end(path, 'bounds')
      if (path.some(cert => isSameHolder(cert, issuer))) continue
      const verdict = this.#check(top, issuer)
      if (verdict === null) return this.#end(path, 'bounds')
      if (verdict === 'bad') {
        // An issuer that is only called the same is not the one meant.
        forged ||= keyIdFits(top, issuer) !== NO_FIT
        continue
      }
      extended = true
      path.push(issuer)
      const over = this.#roots.has(issuer) ? this.#end(path, 'root') : this.#extend(path)
      path.pop()
      if (over) return true
    }
    return extended ? false : this.#end(path, forged ? 'forged' : this.#lonely(top))
  }

  #lonely(top: CertificateFacts): PathEnd {
    if (!top.subjectDer.equals(top.issuerDer)) return 'missing'
    if (this.#check(top, top) !== 'bad') return 'self'
    return keyIdFits(top, top) === NO_FIT ? 'missing' : 'forged'
  }

  #end(path: readonly CertificateFacts[], end: PathEnd): boolean {
    return this.#visit(path, end) || --this.#paths <= 0
  }

  /** Everybody with the right name, the likeliest first: roots, then whose key identifier fits. */
  #issuersOf(cert: CertificateFacts): CertificateFacts[] {
    const roots = this.#roots.bySubject(cert.issuerDer)
    const others = this.#pool.filter(one => one.subjectDer.equals(cert.issuerDer) && !this.#roots.has(one))
    const all = roots.length === 0 ? others : [...roots, ...others]
    if (all.length < 2) return all
    // Sorting is stable: what the server sent first stays first among equals.
    return all.sort((a, b) => keyIdFits(cert, b) - keyIdFits(cert, a))
  }

  /** null: too many signatures were computed already. `weak` and `unsupported` are told as faults of the certificates. */
  #check(child: CertificateFacts, issuer: CertificateFacts): SignatureVerdict | null {
    if (!isJudged(child, issuer, 'legacy') && this.#signatures-- <= 0) return null
    return judgeSignature(child, issuer, 'legacy')
  }
}

const NO_FIT = 0

/** RFC 5280 §4.2.1.1: 2 when the identifiers are the same, 1 when one is missing. A hint only: the signature decides. */
function keyIdFits(child: CertificateFacts, issuer: CertificateFacts): number {
  if (child.authorityKeyId === null || issuer.subjectKeyId === null) return 1
  return child.authorityKeyId.equals(issuer.subjectKeyId) ? 2 : NO_FIT
}

/** RFC 4158 §2.4.2: the same name with the same key twice in a path is a loop, in whichever certificate. */
function isSameHolder(a: CertificateFacts, b: CertificateFacts): boolean {
  return a === b || (a.spkiDer.equals(b.spkiDer) && a.subjectDer.equals(b.subjectDer))
}
