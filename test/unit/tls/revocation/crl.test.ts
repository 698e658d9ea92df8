import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { type CrlFacts, crlSignatureFault, readCrl } from '../../../../src/tls/revocation/crl.ts'
import { CrlIndex } from '../../../../src/tls/revocation/crl-index.ts'
import { crlStanding } from '../../../../src/tls/revocation/crl-store.ts'
import { authority, type Cert, DAY, leaf } from '../../../pki/certificate.ts'
import { bool, implicit, int, octets, seq, time, tlv } from '../../../pki/der.ts'
import { authorityKeyId, crlPoints, extension } from '../../../pki/extensions.ts'
import { type CrlSpec, crlOf, facts, issuingPoint, reasonCode } from './answers.ts'

const now = Date.now()
const root = authority('Root')
const inter = authority('Inter', root)
const URL_A = 'http://crl.a.example/7.crl'
const site = leaf(inter, { san: ['dns:www.a.example'], extra: [crlPoints(URL_A)] })
const other = leaf(inter, { san: ['dns:www.b.example'] })
const yes = Buffer.from([0xff])

function read(spec: Partial<CrlSpec> = {}): CrlFacts {
  const crl = readCrl(crlOf({ issuer: inter, ...spec }))
  if (typeof crl === 'string') throw new Error(crl)
  return crl
}

function indexOf(crl: CrlFacts): CrlIndex {
  const index = new CrlIndex(crl)
  if (index.step(Infinity) !== 'done') throw new Error('bad entries')
  return index
}

function standing(spec: Partial<CrlSpec>, cert: Cert = site) {
  const crl = read(spec)
  return crlStanding({ crl, index: indexOf(crl) }, facts(cert), now)
}

const faultOf = (spec: Partial<CrlSpec>) => {
  const crl = readCrl(crlOf({ issuer: inter, ...spec }))
  return typeof crl === 'string' ? crl : ''
}

test('who is in the list is revoked, with day and reason; who is not is good until nextUpdate', t => {
  const nextUpdate = Math.floor((now + DAY) / 1000) * 1000
  const found = standing({ entries: [other, site], reason: 1, revokedAt: Date.UTC(2026, 9, 1), nextUpdate })
  t.is(found.kind, 'revoked')
  t.is(found.why, 'It was revoked on 2026-10-01: its key was stolen or lost.')
  t.deepEqual(
    [standing({ entries: [other], nextUpdate }).kind, standing({ entries: [], nextUpdate }).until],
    ['good', nextUpdate],
  )
  t.is(standing({ entries: [site] }).reason, -1)
})

test('a hold and an entry taken from a list are revocations in a complete list', t => {
  t.is(standing({ entries: [site], reason: 6 }).kind, 'revoked')
  t.is(standing({ entries: [site], reason: 8 }).kind, 'revoked')
})

test('an expired list proves nothing about who is not in it, and all about who is', t => {
  const old = { thisUpdate: now - 9 * DAY, nextUpdate: now - DAY }
  t.is(standing({ entries: [other], ...old }).kind, 'unusable')
  t.is(standing({ entries: [site], ...old }).kind, 'revoked')
  t.is(standing({ entries: [site], reason: 6, ...old }).kind, 'unusable')
  t.is(standing({ entries: [], thisUpdate: now + DAY }).kind, 'unusable')
})

test('a list of one distribution point is only good for certificates that name it', t => {
  const part = (url: string) => ({ entries: [other], extensions: [issuingPoint([url])] })
  t.is(standing(part(URL_A)).kind, 'good')
  t.is(standing(part('http://crl.a.example/8.crl')).kind, 'unusable')
  t.is(standing({ extensions: [issuingPoint(['http://x.example/', URL_A])] }).kind, 'good')
})

test('a list of leaves says nothing about authorities, nor the other way round', t => {
  const leaves = { extensions: [issuingPoint([], implicit(1, yes))] }
  const authorities = { extensions: [issuingPoint([], implicit(2, yes))] }
  const sub = authority('Sub', inter)
  t.deepEqual([standing(leaves).kind, standing(leaves, sub).kind], ['good', 'unusable'])
  t.deepEqual([standing(authorities).kind, standing(authorities, sub).kind], ['unusable', 'good'])
})

test('lists that mean something else are refused: delta, indirect, some reasons, attributes, unknown critical', t => {
  t.regex(faultOf({ extensions: [extension('2.5.29.27', int(1), true)] }), /delta/)
  t.regex(faultOf({ extensions: [extension('2.5.29.27', int(1), false)] }), /delta/)
  t.regex(faultOf({ extensions: [issuingPoint([], implicit(4, yes))] }), /indirect/)
  t.regex(faultOf({ extensions: [issuingPoint([], implicit(3, Buffer.from([1, 0x40])))] }), /some reasons/)
  t.regex(faultOf({ extensions: [issuingPoint([], implicit(5, yes))] }), /attribute/)
  t.regex(faultOf({ extensions: [extension('1.2.3.4', tlv(5), true)] }), /critical/)
  t.is(
    faultOf({
      extensions: [extension('2.5.29.20', int(7)), authorityKeyId(Buffer.alloc(20)), extension('1.2.3', tlv(5))],
    }),
    '',
  )
})

test('an entry with an unknown critical extension makes the whole list unusable', t => {
  const step = (entryExtensions: Buffer[]) => new CrlIndex(read({ entries: [other], entryExtensions })).step(10)
  t.is(step([extension('2.5.29.29', seq(), true)]), 'bad')
  t.is(step([extension('2.5.29.24', time(now))]), 'done')
  t.is(step([seq(reasonCode(1).subarray(2, 7), bool(true), octets(tlv(0x0a, Buffer.from([1]))))]), 'done')
})

test('signed by the very issuer, which may sign lists, strongly enough', t => {
  const fault = (spec: Partial<CrlSpec>, issuer = inter) => crlSignatureFault(read(spec), facts(issuer))
  t.is(fault({}), '')
  t.regex(fault({ signer: root }), /wrongly signed/)
  t.regex(fault({ digest: 'sha1' }), /too weakly/)
  t.regex(fault({}, root), /another authority/)
  const noLists = authority('Inter', root, { keyUsage: ['keyCertSign'] })
  t.regex(fault({ issuer: noLists }, noLists), /may not sign lists/)
  const nothingSaid = authority('Inter', root, { keyUsage: null })
  t.is(fault({ issuer: nothingSaid }, nothingSaid), '')
})

test('times and versions that do not belong', t => {
  t.regex(faultOf({ nextUpdate: null }), /times/)
  t.regex(faultOf({ thisUpdate: now, nextUpdate: now - DAY }), /times/)
  t.regex(faultOf({ version: 2 }), /version/)
  t.is(faultOf({ version: null }), '')
  t.regex(faultOf({ version: null, extensions: [extension('1.2.3', tlv(5))] }), /malformed/)
})

test('openssl ca makes a list that reads the same here', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-crl-'))
  const file = (name: string, content: string) => {
    fs.writeFileSync(path.join(dir, name), content)
    return path.join(dir, name)
  }
  try {
    const serial = facts(site).serial.toString('hex').toUpperCase()
    const index = file('index.txt', `R\t351231000000Z\t261001000000Z,keyCompromise\t${serial}\tunknown\t/CN=leaf\n`)
    const config = file('conf', `[ca]\ndefault_ca=x\n[x]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=3\n`)
    const args = ['-config', config, '-cert', file('ca.pem', inter.pem), '-keyfile', file('ca.key', inter.keyPem)]
    execFileSync('openssl', ['ca', '-gencrl', ...args, '-out', path.join(dir, 'crl.pem')], { stdio: 'ignore' })
    const pem = fs.readFileSync(path.join(dir, 'crl.pem'), 'latin1')
    const crl = readCrl(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))
    if (typeof crl === 'string') throw new Error(crl)
    t.is(crlSignatureFault(crl, facts(inter)), '')
    const found = crlStanding({ crl, index: indexOf(crl) }, facts(site), now)
    t.deepEqual([found.kind, found.reason, found.revokedAt], ['revoked', 1, Date.UTC(2026, 9, 1)])
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
})

test('every serial number of a large list is found and no other, in steps, for less than its own size on top', t => {
  const serials = Array.from({ length: 50_000 }, (_, i) => Buffer.from(`01${i.toString(16).padStart(30, '0')}`, 'hex'))
  const crl = read({ entries: serials, reason: 1 })
  const index = new CrlIndex(crl)
  let steps = 1
  while (index.step(10_000) === 'more') steps++
  t.is(index.count, 50_000)
  t.true(steps >= 5)
  t.true(index.bytes < crl.buf.length)
  for (const serial of serials) if (index.find(serial) === null) t.fail(serial.toString('hex'))
  for (let i = 0; i < 1000; i++) t.is(index.find(Buffer.from(`02${i.toString(16).padStart(30, '0')}`, 'hex')), null)
  t.is(index.find(Buffer.alloc(0)), null)
})

test('the smallest possible entries fill no more than half of the table', t => {
  const serials = Array.from({ length: 256 }, (_, i) => Buffer.from([i]))
  const crl = read({ entries: serials })
  const index = indexOf(crl)
  t.true(index.bytes / 4 >= 512)
  t.is(index.find(Buffer.from([1, 2])), null)
  // Times of no length would make entries smaller than the table is made for.
  const tiny = seq(...Array.from({ length: 300 }, () => seq(int(1), tlv(0x17))))
  const bad = new CrlIndex({ ...crl, buf: tiny, entriesStart: 4, entriesEnd: tiny.length })
  t.is(bad.step(1000), 'bad')
})

test('any octets, and any damage to a real list: never a throw, never an endless search', t => {
  const real = crlOf({ issuer: inter, entries: [site, other], reason: 1, extensions: [issuingPoint([URL_A])] })
  const use = (bytes: Buffer) => {
    const crl = readCrl(bytes)
    if (typeof crl === 'string') return
    const index = new CrlIndex(crl)
    if (index.step(1000) === 'done') crlStanding({ crl, index }, facts(site), now)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => use(Buffer.from(bytes))),
    { numRuns: 2000 },
  )
  const damage = fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(damage, changes => {
      const copy = Buffer.from(real)
      for (const [at, value] of changes) copy[at] = value
      use(copy)
    }),
    { numRuns: 5000 },
  )
  t.pass()
})

test('entries written by anybody: the reader of entries alone', t => {
  const crl = read()
  const entry = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.uint8Array({ maxLength: 40 }))
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), list => {
      const buf = seq(...list.map(([serial, rest]) => seq(int(Buffer.from(serial)), time(now), Buffer.from(rest))))
      const start = buf[1]! < 0x80 ? 2 : buf[1] === 0x81 ? 3 : 4
      const index = new CrlIndex({ ...crl, buf, entriesStart: start, entriesEnd: buf.length })
      if (index.step(1000) === 'done') for (const [serial] of list) t.not(index.find(Buffer.from(serial)), null)
    }),
    { numRuns: 1000 },
  )
  t.pass()
})
