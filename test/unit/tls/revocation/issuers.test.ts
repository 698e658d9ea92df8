import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import type { Fetch } from '../../../../src/tls/fetch/fetch.ts'
import { IssuerFetch, readCertificates } from '../../../../src/tls/revocation/issuers.ts'
import type { CertificateFacts } from '../../../../src/tls/x509.ts'
import { authority } from '../../../pki/certificate.ts'
import { facts, patientFetch, web } from './answers.ts'

const root = authority('Root')
const inter = authority('Inter', root)
const prints = (certs: CertificateFacts[]) => certs.map(cert => cert.fingerprint)
const wanted = prints([facts(inter)])

/** certs-only, as openssl writes it. */
function pkcs7(form: 'DER' | 'PEM'): Buffer {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-p7-'))
  try {
    fs.writeFileSync(path.join(dir, 'certs'), inter.pem + root.pem)
    return execFileSync('openssl', ['crl2pkcs7', '-nocrl', '-certfile', path.join(dir, 'certs'), '-outform', form])
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
}

test('DER, PEM and PKCS#7 in both forms', t => {
  t.deepEqual(prints(readCertificates(inter.der)), wanted)
  t.deepEqual(prints(readCertificates(Buffer.from(`# text\n${inter.pem}`))), wanted)
  const both = prints([facts(inter), facts(root)]).sort()
  t.deepEqual(prints(readCertificates(pkcs7('DER'))).sort(), both)
  t.deepEqual(prints(readCertificates(pkcs7('PEM'))).sort(), both)
})

test('what is something else gives nothing; what is too much is cut', t => {
  for (const body of ['', 'nope', '<html>', '0', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])
    t.deepEqual(readCertificates(Buffer.from(body)), [])
  t.is(readCertificates(Buffer.from(inter.pem.repeat(30))).length, 8)
  t.deepEqual(readCertificates(Buffer.concat([inter.der, Buffer.alloc(200_000)])), [])
})

test('any octets, and any damage to a PKCS#7: never a throw', t => {
  const real = pkcs7('DER')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 5 }),
      fc.uint8Array({ maxLength: 200 }),
      (changes, bytes) => {
        const copy = Buffer.from(real)
        for (const [at, value] of changes) copy[at] = value
        readCertificates(copy)
        readCertificates(Buffer.from(bytes))
      },
    ),
    { numRuns: 1000 },
  )
  t.pass()
})

test('the first URL that has certificates is taken and remembered for a day', async t => {
  const site = await web((request, response) => {
    if (request.url === '/inter.der') response.end(inter.der)
    else response.writeHead(404).end()
  })
  t.teardown(site.close)
  const issuers = new IssuerFetch(patientFetch())
  const get = (urls: string[], nowMs: number) =>
    new Promise<string[]>(resolve => {
      issuers.get(urls, nowMs, certs => resolve(prints(certs)))
    })
  const urls = ['ldap://x.example/', site.url('/none'), site.url('/inter.der'), site.url('/never')]
  t.deepEqual(await get(urls, 0), wanted)
  t.deepEqual(site.seen, ['GET /none', 'GET /inter.der'])
  t.deepEqual(await get(urls, 86_399_000), wanted)
  t.is(site.seen.length, 2)
  t.deepEqual(await get(urls, 86_401_000), wanted)
  t.is(site.seen.length, 3)
  t.deepEqual(await get([], 0), [])
  t.deepEqual(await get([site.url('/none')], 0), [])
})

test('a slow first place leaves too little time to ask the next, which would look dead', async t => {
  const asked: string[] = []
  const slow: Fetch = ({ url }, done) => {
    asked.push(url)
    setTimeout(() => done('nothing there', null), 80)
    return () => {}
  }
  const issuers = new IssuerFetch(slow, 100)
  const found = await new Promise<CertificateFacts[]>(done => {
    issuers.get(['http://slow.example/', 'http://victim.example/'], 0, done)
  })
  t.deepEqual(found, [])
  t.deepEqual(asked, ['http://slow.example/'])
})
