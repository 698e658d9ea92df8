import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { importCa } from '../../../ca/import.ts'
import { CA_KINDS } from '../../../ca/kinds.ts'
import { loadCas } from '../../../ca/load.ts'
import { finishRotation, startRotation } from '../../../ca/rotate.ts'
import type { Ca } from '../../../src/core/ca.ts'
import { WeirError } from '../../../src/core/errors.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { CA_EXTENSIONS, Pki } from './openssl.ts'

const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
const DAY = 24 * 3600_000

/** Mints `leaf.pem` and writes beside it what a client is sent with it. */
function mint(pki: Pki, ca: Ca, name: string): string {
  fs.writeFileSync(pki.at('leaf.pem'), mintLeaf(ca.key, ca.public, name, spki, Date.now()).certPem)
  fs.writeFileSync(pki.at('sent.pem'), ca.public.chainPem)
  return 'leaf.pem'
}

for (const kind of CA_KINDS) {
  test(`what a ${kind} CA mints passes openssl's strict verification`, t => {
    const pki = new Pki(t)
    const ca = loadOrCreateCa(pki.at('ca'), { kind })
    for (const name of ['www.example', '192.0.2.7', '2001:db8::7'])
      t.is(pki.verify('ca/ca.pem', mint(pki, ca, name)), '', name)
  })
}

test('below an imported intermediate: accepted from its root on, never outliving the chain, inside its limits', t => {
  const pki = new Pki(t)
  pki.key('root', 'p384')
  pki.cert('root')
  pki.key('issuing', 'rsa2048')
  pki.cert('issuing', {
    issuer: 'root',
    days: 9,
    extensions: [...CA_EXTENSIONS, 'nameConstraints=critical,permitted;DNS:corp.example'],
  })
  const files = ['issuing.pem', 'issuing.key', 'root.pem'].map(name => ({ name, bytes: fs.readFileSync(pki.at(name)) }))
  importCa(pki.at('ca'), files, null, {})
  const ca = loadCas(pki.at('ca')).current
  t.is(pki.verify('root.pem', mint(pki, ca, 'www.corp.example'), 'sent.pem'), '')
  t.true(mintLeaf(ca.key, ca.public, 'corp.example', spki, Date.now()).notAfter < Date.now() + 10 * DAY)
  const error = t.throws(() => mint(pki, ca, 'www.other.example'), { instanceOf: WeirError })
  t.is(error.code, 'self-mint')
})

test('across a rotation with cross certificates, devices with either CA accept what is minted', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  loadOrCreateCa(dir, { pathLength: 1 })
  startRotation(dir, { kind: 'rsa2048', cross: true })
  for (const name of ['ca.pem', 'next/ca.pem']) fs.copyFileSync(pki.at(`ca/${name}`), pki.at(name.replace('/', '-')))
  for (const trusted of ['ca.pem', 'next-ca.pem'])
    t.is(pki.verify(trusted, mint(pki, loadCas(dir).current, 'a.example'), 'sent.pem'), '', trusted)
  finishRotation(dir, {})
  for (const trusted of ['ca.pem', 'next-ca.pem'])
    t.is(pki.verify(trusted, mint(pki, loadCas(dir).current, 'a.example'), 'sent.pem'), '', trusted)
})
