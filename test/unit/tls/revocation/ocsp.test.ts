import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { judgeOcsp, MAX_OCSP_BYTES } from '../../../../src/tls/revocation/ocsp.ts'
import { ocspGetUrl, ocspRequest } from '../../../../src/tls/revocation/ocsp-request.ts'
import { authority, type Cert, DAY, leaf, makeCert, OCSP_SIGNING, SERVER_AUTH } from '../../../pki/certificate.ts'
import { tlv } from '../../../pki/der.ts'
import { extension } from '../../../pki/extensions.ts'
import { testKey } from '../../../pki/keys.ts'
import { facts, type OcspSpec, ocspAnswer, single } from './answers.ts'

const now = Date.now()
const root = authority('Root')
const inter = authority('Inter', root)
const site = leaf(inter, { san: ['dns:www.a.example'] })
const other = leaf(inter, { san: ['dns:www.b.example'] })
const delegate = (spec: Parameters<typeof makeCert>[0] = {}): Cert =>
  makeCert({ subject: 'Responder', issuer: inter, keys: testKey('p256', 7), extKeyUsage: [OCSP_SIGNING], ...spec })

const judge = (spec: Partial<OcspSpec> = {}, at = now, cert = site, issuer = inter) =>
  judgeOcsp(ocspAnswer({ cert, issuer, ...spec }), facts(cert), facts(issuer), at)

test('a good answer by the issuer itself, named by key or by name, holds until nextUpdate', t => {
  const nextUpdate = Math.floor((now + DAY) / 1000) * 1000
  for (const by of ['key', 'name'] as const) {
    const standing = judge({ by, nextUpdate })
    t.is(standing.kind, 'good')
    t.is(standing.until, nextUpdate)
  }
})

test('CertIDs with SHA-256 are recognised, with digests nobody uses not', t => {
  t.is(judge({ idDigest: 'sha256' }).kind, 'good')
  t.is(judge({ idDigest: 'md5' }).kind, 'unusable')
})

test('a revocation tells its day and reason, also after the answer has expired; a lifted hold does not', t => {
  const at = Date.UTC(2026, 9, 1)
  const standing = judge({ status: 'revoked', revokedAt: at, reason: 1 })
  t.is(standing.kind, 'revoked')
  t.is(standing.why, 'It was revoked on 2026-10-01: its key was stolen or lost.')
  t.is(judge({ status: 'revoked', revokedAt: at }).why, 'It was revoked on 2026-10-01.')
  const old = { thisUpdate: now - 9 * DAY, nextUpdate: now - DAY }
  t.is(judge({ status: 'revoked', ...old }).kind, 'revoked')
  t.is(judge({ status: 'revoked', reason: 6 }).kind, 'revoked')
  t.is(judge({ status: 'revoked', reason: 6, ...old }).kind, 'unusable')
})

test('unknown is told apart', t => {
  t.is(judge({ status: 'unknown' }).kind, 'unknown')
  t.is(judge({ status: tlv(0x83) }).kind, 'unusable')
})

test('time: expired, from the future, without an end, older than ten days, a year for authorities', t => {
  t.is(judge({ nextUpdate: now - 1000 }).kind, 'unusable')
  t.is(judge({ thisUpdate: now + 10 * 60_000 }).kind, 'unusable')
  t.is(judge({ thisUpdate: now + 60_000 }).kind, 'good')
  t.is(judge({ nextUpdate: null }).kind, 'good')
  t.is(judge({ nextUpdate: null, thisUpdate: now - 25 * 3600_000 }).kind, 'unusable')
  t.is(judge({ thisUpdate: now, nextUpdate: now - 60_000 }).kind, 'unusable')
  const long = { thisUpdate: now - 11 * DAY, nextUpdate: now + 90 * DAY }
  t.is(judge(long).kind, 'unusable')
  t.is(judge(long, now, inter, root).kind, 'good')
})

test('an answer about another certificate, another issuer, or none is no answer', t => {
  t.is(judge({ cert: other }).kind, 'unusable')
  const twin = authority('Inter', root)
  t.is(judgeOcsp(ocspAnswer({ cert: site, issuer: twin }), facts(site), facts(inter), now).kind, 'unusable')
  t.is(judge({ singles: [] }).kind, 'unusable')
})

test('ours is found among several; of two about ours the worse one counts', t => {
  const about = (cert: Cert, status: 'good' | 'revoked' = 'good') => single({ cert, issuer: inter, status })
  t.is(judge({ singles: [about(other, 'revoked'), about(site)] }).kind, 'good')
  t.is(judge({ singles: [about(site), about(other), about(site, 'revoked')] }).kind, 'revoked')
})

test('a delegate may sign: purpose, issuer, time, role and key are looked at', t => {
  const by = (signer: Cert, spec: Partial<OcspSpec> = {}) => judge({ signer, certs: [signer], ...spec }).kind
  t.is(by(delegate()), 'good')
  t.is(by(delegate(), { by: 'name' }), 'good')
  t.is(by(delegate(), { certs: [] }), 'unusable', 'not sent')
  t.is(by(delegate({ extKeyUsage: [SERVER_AUTH] })), 'unusable', 'no OCSPSigning')
  t.is(by(delegate({ extKeyUsage: null })), 'unusable', 'no purpose at all')
  t.is(by(delegate({ issuer: root })), 'unusable', 'another authority')
  t.is(by(delegate({ issuer: authority('Inter', root) })), 'unusable', 'same name, another key')
  t.is(by(delegate({ notAfter: now - 1000 })), 'unusable', 'expired')
  t.is(by(delegate({ ca: true })), 'unusable', 'an authority')
  t.is(by(delegate({ keyUsage: ['keyEncipherment'] })), 'unusable', 'key not for signing')
  t.is(by(delegate({ extra: [extension('1.2.3.4', tlv(5), true)] })), 'unusable', 'unknown critical extension')
  t.is(by(delegate(), { responder: inter }), 'unusable', 'says to be somebody else')
})

test('an answer is good no longer than the delegate that signed it', t => {
  const notAfter = Math.floor(now / 1000) * 1000 + 3_600_000
  const signer = delegate({ notAfter })
  t.is(judge({ signer, certs: [signer] }).until, notAfter)
})

test('the leaf of the very site cannot vouch for itself', t => {
  t.is(judge({ signer: site, certs: [site] }).kind, 'unusable')
})

test('signatures: wrong, weak, over other octets', t => {
  t.regex(judge({ signer: authority('Inter', root), responder: inter }).why, /wrongly signed/)
  t.regex(judge({ digest: 'sha1' }).why, /too weakly signed/)
  const answer = ocspAnswer({ cert: site, issuer: inter })
  answer[answer.length - 1]! ^= 1
  t.is(judgeOcsp(answer, facts(site), facts(inter), now).kind, 'unusable')
})

test('a good answer becomes no better one when an octet of what is signed changes', t => {
  const answer = ocspAnswer({ cert: site, issuer: inter, status: 'revoked' })
  const cert = facts(site)
  const issuer = facts(inter)
  for (let i = 0; i < answer.length; i++) {
    const changed = Buffer.from(answer)
    changed[i]! ^= 1
    t.not(judgeOcsp(changed, cert, issuer, now).kind, 'good')
  }
})

test('critical extensions are refused, others ignored', t => {
  const harmless = extension('1.2.3.4', tlv(5))
  const critical = extension('1.2.3.4', tlv(5), true)
  t.is(judge({ extensions: [harmless], responseExtensions: [harmless] }).kind, 'good')
  t.is(judge({ extensions: [critical] }).kind, 'unusable')
  t.is(judge({ responseExtensions: [critical] }).kind, 'unusable')
})

test('a responder that cannot answer says nothing about the certificate', t => {
  for (const responseStatus of [1, 2, 3, 5, 6, 9]) t.is(judge({ responseStatus }).kind, 'none')
  t.regex(judge({ responseStatus: 3 }).why, /try again later/)
})

test('size is bounded', t => {
  const huge = Buffer.alloc(MAX_OCSP_BYTES + 1)
  t.is(judgeOcsp(huge, facts(site), facts(inter), now).kind, 'unusable')
})

test('openssl ocsp signs what is good and revoked here; it reads the request', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-ocsp-'))
  const file = (name: string, content: string | Buffer) => {
    fs.writeFileSync(path.join(dir, name), content)
    return path.join(dir, name)
  }
  try {
    const cert = facts(site)
    const issuer = facts(inter)
    const request = file('request', ocspRequest(cert, issuer))
    const ca = file('ca.pem', inter.pem)
    const key = file('ca.key', inter.keyPem)
    const serial = cert.serial.toString('hex').toUpperCase()
    for (const [line, kind] of [
      [`V\t351231000000Z\t\t${serial}\tunknown\t/CN=leaf\n`, 'good'],
      [`R\t351231000000Z\t261001000000Z,keyCompromise\t${serial}\tunknown\t/CN=leaf\n`, 'revoked'],
      ['', 'unknown'],
    ] as const) {
      const index = file('index.txt', line)
      const out = path.join(dir, 'answer')
      const args = ['-index', index, '-CA', ca, '-rsigner', ca, '-rkey', key, '-reqin', request, '-respout', out]
      execFileSync('openssl', ['ocsp', ...args, '-ndays', '2'], { stdio: 'ignore' })
      t.is(judgeOcsp(fs.readFileSync(out), cert, issuer, Date.now()).kind, kind)
    }
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
})

test('the URL of a GET is base64 behind the responder, and bounded', t => {
  const request = ocspRequest(facts(site), facts(inter))
  const url = ocspGetUrl('http://ocsp.a.example/x', request)!
  t.true(url.startsWith('http://ocsp.a.example/x/'))
  const path = decodeURIComponent(new URL(url).pathname.slice('/x/'.length))
  t.deepEqual(Buffer.from(path, 'base64'), request)
  t.is(ocspGetUrl(`http://ocsp.a.example/${'x'.repeat(200)}`, request), null)
  t.is(ocspGetUrl('http://ocsp.a.example/?ca=1', request), null)
})

test('any octets, and any damage to real ones: never a throw, never good', t => {
  const cert = facts(site)
  const issuer = facts(inter)
  const answer = ocspAnswer({ cert: site, issuer: inter, signer: delegate(), certs: [delegate()] })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      t.not(judgeOcsp(Buffer.from(bytes), cert, issuer, now).kind, 'good')
    }),
    { numRuns: 2000 },
  )
  const damage = fc.array(fc.tuple(fc.nat(answer.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(damage, fc.nat(answer.length - 1), (changes, cut) => {
      const copy = Buffer.from(answer)
      for (const [at, value] of changes) copy[at] = value
      judgeOcsp(copy, cert, issuer, now)
      t.not(judgeOcsp(copy.subarray(0, cut), cert, issuer, now).kind, 'good')
    }),
    { numRuns: 2000 },
  )
})
