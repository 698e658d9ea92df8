import type { OriginHandshake, OriginVerdict } from '../../../src/core/origin.ts'
import type { Fetch } from '../../../src/tls/fetch/fetch.ts'
import { OriginVerifier } from '../../../src/tls/origin-verifier.ts'
import { IssuerFetch } from '../../../src/tls/revocation/issuers.ts'
import { Revocation } from '../../../src/tls/revocation/revocation.ts'
import { RootStore } from '../../../src/tls/roots.ts'

const nowhere: Fetch = (_request, done) => {
  done('nothing can be fetched here', null)
  return () => {}
}

/** The real judge of origins, with nowhere to fetch from. */
export function judge(rootPem: string, now = Date.now): (h: OriginHandshake, done: (v: OriginVerdict) => void) => void {
  const verifier = new OriginVerifier({
    roots: new RootStore([rootPem]),
    issuers: new IssuerFetch(nowhere),
    revocation: new Revocation({ fetch: nowhere, lists: [], now }),
    revocationMode: () => 'soft',
    now,
  })
  return (handshake, done) => verifier.verify(handshake, done)
}
