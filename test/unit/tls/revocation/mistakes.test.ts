import test from 'ava'
import type { Fetch } from '../../../../src/tls/fetch/fetch.ts'
import { CrlStore } from '../../../../src/tls/revocation/crl-store.ts'
import { IssuerFetch } from '../../../../src/tls/revocation/issuers.ts'
import { Revocation, type RevocationResult } from '../../../../src/tls/revocation/revocation.ts'
import type { Standing } from '../../../../src/tls/revocation/standing.ts'
import type { CertificateFacts } from '../../../../src/tls/x509.ts'
import { authority, leaf } from '../../../pki/certificate.ts'
import { crlOf, facts } from './answers.ts'

/** What is fetched is a stranger's; a mistake of ours about it must end that answer alone. Here everything is a mistake. */
const mistake = () => {
  throw new TypeError('a mistake of ours')
}
const broken = new Proxy(Buffer.alloc(10), { get: mistake })
const answers =
  (body: Buffer): Fetch =>
  (_request, done) => {
    done(null, body)
    return () => {}
  }

const now = Date.now()
const ca = authority('CA')
const issuer = facts(ca)
const site = { ...facts(leaf(ca)), ocspUrls: ['http://ocsp.example/'], crlUrls: ['http://crl.example/x.crl'] }

function ask(store: CrlStore, cert: CertificateFacts, by: CertificateFacts): Promise<Standing> {
  return new Promise(resolve => {
    store.ask('http://crl.example/x.crl', cert, by, now, resolve)
  })
}

test('a file of certificates that cannot be read has none', t => {
  const found: CertificateFacts[][] = []
  new IssuerFetch(answers(broken)).get(['http://a.example/', 'http://b.example/'], now, certs => found.push(certs))
  t.deepEqual(found, [[]])
})

test('a list that cannot be read, checked, gone through or searched says nothing, and the next is fetched', async t => {
  const good = crlOf({ issuer: ca, entries: [Buffer.from([1])] })
  const store = new CrlStore(answers(broken))
  for (let i = 0; i < 5; i++) t.is((await ask(store, site, issuer)).kind, 'none', 'read')
  t.is(store.counts.loading, 0)
  const another = new CrlStore(answers(good))
  const strange = { fingerprint: 'x' } as CertificateFacts
  t.is((await ask(another, site, strange)).kind, 'none', 'checked')
  t.is((await ask(another, { fingerprint: 'x' } as CertificateFacts, issuer)).kind, 'none', 'searched')
  t.is((await ask(another, site, issuer)).kind, 'good')
})

test('an OCSP answer that cannot be read is none', async t => {
  const revocation = new Revocation({ fetch: answers(broken), lists: [] })
  const check = (cert: CertificateFacts, mode: 'soft' | 'hard') =>
    new Promise<RevocationResult>(resolve => {
      revocation.check({ path: [cert, issuer], staple: null, nowMs: now, mode }, resolve)
    })
  t.is((await check(site, 'soft')).error, null)
  t.is((await check({ ...site, fingerprint: 'another' }, 'hard')).error?.code, 'origin-cert-status')
  t.is(revocation.counts.asking, 0)
})
