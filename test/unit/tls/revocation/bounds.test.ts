import test from 'ava'
import type { FetchDone } from '../../../../src/tls/fetch/fetch.ts'
import { CrlStore } from '../../../../src/tls/revocation/crl-store.ts'
import { IssuerFetch } from '../../../../src/tls/revocation/issuers.ts'
import { Memory } from '../../../../src/tls/revocation/memory.ts'
import { good, none, revoked, type Standing, unknown } from '../../../../src/tls/revocation/standing.ts'
import { authority, leaf } from '../../../pki/certificate.ts'
import { crlOf, facts } from './answers.ts'

const now = Date.now()
const ca = authority('CA')
const issuer = facts(ca)
const site = facts(leaf(ca))

test('lists: 3 are loaded at a time, 64 asked for, the rest is told so at once', t => {
  const fetching: FetchDone[] = []
  const store = new CrlStore((_request, done) => {
    fetching.push(done)
    return () => {}
  })
  const told: Standing[] = []
  for (let i = 0; i < 70; i++) store.ask(`http://x.example/${i}`, site, issuer, now, standing => told.push(standing))
  t.deepEqual([fetching.length, store.counts.loading, told.length], [3, 64, 6])
  t.true(told.every(standing => standing.kind === 'none'))
  for (let i = 0; i < 64; i++) fetching[i]!('dead', null)
  t.deepEqual([fetching.length, store.counts.loading, told.length], [64, 0, 70])
})

test('lists: the octets held are bounded, the oldest goes', async t => {
  const serials = Array.from({ length: 100_000 }, (_, i) => Buffer.from(`01${i.toString(16).padStart(30, '0')}`, 'hex'))
  const body = crlOf({ issuer: ca, entries: serials })
  let fetched = 0
  const store = new CrlStore((_request, done) => {
    fetched++
    done(null, body)
    return () => {}
  })
  const ask = (url: string) =>
    new Promise<Standing>(resolve => {
      store.ask(url, site, issuer, now, resolve)
    })
  const fits = Math.floor((64 * 1024 * 1024) / (body.length + 2 * 1024 * 1024))
  for (let i = 0; i < fits + 2; i++) t.is((await ask(`http://x.example/${i}`)).kind, 'good')
  t.true(store.counts.bytes <= 64 * 1024 * 1024)
  t.true(store.counts.lists <= fits)
  await ask(`http://x.example/${fits + 1}`)
  t.is(fetched, fits + 2)
  await ask('http://x.example/0')
  t.is(fetched, fits + 3)
})

test('lists: a huge one is read in turns of the event loop', async t => {
  const serials = Array.from({ length: 50_000 }, (_, i) => Buffer.from(`01${i.toString(16).padStart(30, '0')}`, 'hex'))
  const body = crlOf({ issuer: ca, entries: serials })
  const store = new CrlStore((_request, done) => {
    done(null, body)
    return () => {}
  })
  let turns = 0
  let ended = false
  const count = () => {
    turns++
    if (!ended) setImmediate(count)
  }
  setImmediate(count)
  await new Promise<void>(resolve => {
    store.ask('http://x.example/', site, issuer, now, () => resolve())
  })
  ended = true
  t.true(turns >= 10, `${turns}`)
})

test('a list is asked for anew after twelve hours, and the old one serves meanwhile', t => {
  let fetched = 0
  const body = crlOf({ issuer: ca })
  const store = new CrlStore((_request, done) => {
    fetched++
    done(fetched === 1 ? null : 'dead', fetched === 1 ? body : null)
    return () => {}
  })
  const ask = (at: number) => {
    let kind = ''
    store.ask('http://x.example/', site, issuer, at, standing => {
      kind = standing.kind
    })
    return kind
  }
  const hour = 3_600_000
  t.deepEqual([ask(now), ask(now + 11 * hour), fetched], ['good', 'good', 1])
  t.deepEqual([ask(now + 12 * hour), fetched], ['good', 2])
  t.deepEqual([ask(now + 12 * hour + 1000), fetched], ['good', 2])
  t.deepEqual([ask(now + 13 * hour), fetched], ['good', 3])
  t.is(ask(now + 8 * 24 * hour), 'none')
})

test('issuers: what is remembered is bounded', t => {
  let fetched = 0
  const issuers = new IssuerFetch((_request, done) => {
    fetched++
    done(null, ca.der)
    return () => {}
  })
  const get = (url: string) => issuers.get([url], now, certs => t.is(certs.length, 1))
  for (let i = 0; i < 1025; i++) get(`http://x.example/${i}`)
  t.is(fetched, 1025)
  get('http://x.example/1024')
  t.is(fetched, 1025)
  get('http://x.example/0')
  t.is(fetched, 1026)
})

test('issuers: three URLs are tried and no more', t => {
  const asked: string[] = []
  const issuers = new IssuerFetch((request, done) => {
    asked.push(request.url)
    done('dead', null)
    return () => {}
  })
  issuers.get(['http://a.example', 'http://b.example', 'http://c.example', 'http://d.example'], now, certs =>
    t.deepEqual(certs, []),
  )
  t.is(asked.length, 3)
})

test("what is remembered about certificates is bounded, and nobody's silence takes an answer away", t => {
  const memory = new Memory()
  const cert = (i: number) => ({ ...site, fingerprint: String(i) })
  for (let i = 0; i < 20_010; i++) memory.keep(cert(i), { standing: good(now + 1000), source: 'ocsp' }, now)
  t.is(memory.size, 20_000)
  t.is(memory.find(cert(0), now), null)
  memory.keep(cert(20_000), { standing: none('dead'), source: 'none' }, now)
  t.is(memory.find(cert(20_000), now)?.source, 'ocsp')
  t.is(memory.find(cert(20_000), now + 1001), null)
})

test('how long each kind of answer is kept', t => {
  const day = 86_400_000
  const kept = (standing: Standing) => {
    const memory = new Memory()
    memory.keep(site, { standing, source: 'ocsp' }, now)
    let until = 0
    for (let bit = 2 ** 33; bit >= 1; bit /= 2) if (memory.find(site, now + until + bit) !== null) until += bit
    return until
  }
  t.is(kept(good(now + day)), day)
  t.is(kept(good(now + 90 * day)), 7 * day)
  t.is(kept(revoked(now - day, 1, now - day)), 3_600_000)
  t.is(kept(revoked(now - day, 1, now + day)), day)
  t.is(kept(unknown(now + day)), 300_000)
  t.is(kept(none('dead')), 60_000)
})
