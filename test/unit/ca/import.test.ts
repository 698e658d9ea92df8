import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { describeCa } from '../../../ca/describe.ts'
import { importCa, needsPassphrase } from '../../../ca/import.ts'
import { loadCas } from '../../../ca/load.ts'
import { writePkcs12 } from '../../../ca/pkcs12.ts'
import { readPkcs12 } from '../../../ca/pkcs12-read.ts'
import { encryptKey } from '../../../ca/protect.ts'
import { anchorOf } from '../../../ca/read.ts'
import { finishRotation } from '../../../ca/rotate.ts'
import { UserError } from '../../../src/core/errors.ts'
import { mayCertify } from '../../../src/core/name-limits.ts'
import { CA_EXTENSIONS, type CertSpec, Pki } from './openssl.ts'

const DAY = 24 * 3600_000

/** Imports files of the PKI into `ca` in it. */
function bringIn(
  pki: Pki,
  names: string[],
  passphrase: string | null = null,
  options: Parameters<typeof importCa>[3] = {},
) {
  importCa(pki.at('ca'), files(pki, names), passphrase, options)
}

function files(pki: Pki, names: string[]) {
  return names.map(name => ({ name, bytes: fs.readFileSync(pki.at(name)) }))
}

/** root → middle → issuing, with the constraints of a real company. */
function company(pki: Pki): void {
  for (const name of ['root', 'middle', 'issuing']) pki.key(name, name === 'root' ? 'rsa2048' : 'p384')
  pki.cert('root', { days: 3650 })
  pki.cert('middle', {
    issuer: 'root',
    days: 30,
    extensions: [
      ...CA_EXTENSIONS,
      'nameConstraints=critical,permitted;DNS:corp.example,permitted;IP:10.0.0.0/255.0.0.0',
    ],
  })
  pki.cert('issuing', {
    issuer: 'middle',
    days: 365,
    extensions: [
      ...CA_EXTENSIONS.slice(1),
      'basicConstraints=critical,CA:TRUE,pathlen:0',
      'extendedKeyUsage=serverAuth',
    ],
  })
}

test('an intermediate from PEM files, in any order: chain, limits, life and anchor are those of its path', t => {
  const pki = new Pki(t)
  company(pki)
  bringIn(pki, ['root.pem', 'issuing.key', 'middle.pem', 'issuing.pem'])
  const { public: pub, signatureAlgorithm } = loadCas(pki.at('ca')).current
  t.is(signatureAlgorithm, 'ecdsa-sha384')
  t.true(pub.imported)
  t.is(pub.subject, 'issuing')
  const sent = pub.chainPem
    .match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g)!
    .map(pem => new X509Certificate(pem).subject)
  t.deepEqual(sent, ['CN=issuing', 'CN=middle'])
  t.is(anchorOf(pub).subject, 'root')
  t.is(anchorOf(pub).sha256, new X509Certificate(pki.read('root.pem')).fingerprint256.replaceAll(':', '').toLowerCase())
  t.true(pub.notAfter < Date.now() + 31 * DAY, 'the middle one ends first')
  t.true(mayCertify('www.corp.example', pub.limits))
  t.false(mayCertify('www.other.example', pub.limits))
  t.false(mayCertify('192.0.2.1', pub.limits))
  t.is(describeCa(pub).origin, 'imported-intermediate')

  fs.writeFileSync(pki.at('sent.pem'), pub.chainPem)
  t.is(pki.verify('root.pem', pki.leafBelow('ca/ca.pem', 'ca/ca.key', 'DNS:www.corp.example'), 'sent.pem'), '')
  t.is(fs.statSync(pki.at('ca/ca.key')).mode & 0o777, 0o600)
})

test('a root alone; it is the anchor and nothing is sent with leaves', t => {
  const pki = new Pki(t)
  pki.key('root', 'rsa2048')
  pki.cert('root')
  bringIn(pki, ['root.pem', 'root.key'])
  const { public: pub, signatureAlgorithm } = loadCas(pki.at('ca')).current
  t.is(signatureAlgorithm, 'rsa-sha256')
  t.is(pub.chainPem, '')
  t.is(describeCa(pub).origin, 'imported-root')
  t.is(anchorOf(pub), pub)
})

test('encrypted keys of every spelling open with the passphrase, and only with it', t => {
  const pki = new Pki(t)
  pki.key('root', 'rsa2048')
  pki.cert('root')
  const word = 'pässwörd 12'
  pki.openssl(
    'pkcs8',
    '-topk8',
    '-in',
    'root.key',
    '-out',
    'pbkdf2.key',
    '-v2',
    'aes-256-cbc',
    '-passout',
    `pass:${word}`,
  )
  pki.openssl('pkcs8', '-topk8', '-in', 'root.key', '-out', 'scrypt.key', '-scrypt', '-passout', `pass:${word}`)
  pki.openssl('rsa', '-in', 'root.key', '-traditional', '-aes256', '-out', 'old.key', '-passout', `pass:${word}`)
  for (const name of ['pbkdf2.key', 'scrypt.key', 'old.key']) {
    t.true(needsPassphrase(files(pki, ['root.pem', name])), name)
    t.throws(() => bringIn(pki, ['root.pem', name]), { instanceOf: UserError, message: /is encrypted/ }, name)
    t.throws(() => bringIn(pki, ['root.pem', name], 'wrong'), { instanceOf: UserError, message: /does not open/ }, name)
    t.false(fs.existsSync(pki.at('ca')))
    bringIn(pki, ['root.pem', name], word)
    t.is(loadCas(pki.at('ca')).current.public.subject, 'root')
    fs.rmSync(pki.at('ca'), { recursive: true })
  }
})

test('PKCS#12 as openssl writes it, new and old, RSA and EC, with a passphrase beyond ASCII', t => {
  const pki = new Pki(t)
  company(pki)
  pki.openssl('x509', '-in', 'middle.pem', '-out', 'chain.pem')
  fs.appendFileSync(pki.at('chain.pem'), pki.read('root.pem'))
  const export12 = (out: string, word: string, ...more: string[]) =>
    pki.openssl(
      'pkcs12',
      '-export',
      '-inkey',
      'issuing.key',
      '-in',
      'issuing.pem',
      '-certfile',
      'chain.pem',
      '-out',
      out,
      '-passout',
      `pass:${word}`,
      ...more,
    )
  export12('new.p12', 'grün-€-12345')
  export12('sha512.p12', 'x y z', '-macalg', 'sha512', '-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC')
  export12('3des.p12', 'abc', '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1')
  export12('rc2.p12', 'abc', '-legacy')
  export12('empty.p12', '')
  export12('nomac.p12', 'abc', '-nomac')
  const words: Record<string, string | null> = {
    'new.p12': 'grün-€-12345',
    'sha512.p12': 'x y z',
    '3des.p12': 'abc',
    'rc2.p12': 'abc',
    'empty.p12': null,
    'nomac.p12': 'abc',
  }
  for (const [name, word] of Object.entries(words)) {
    t.is(needsPassphrase(files(pki, [name])), word !== null, name)
    if (word !== null)
      t.throws(() => bringIn(pki, [name], `${word}x`), { instanceOf: UserError, message: /does not open/ }, name)
    bringIn(pki, [name], word)
    const { public: pub } = loadCas(pki.at('ca')).current
    t.is(pub.subject, 'issuing', name)
    t.is(anchorOf(pub).subject, 'root', name)
    fs.rmSync(pki.at('ca'), { recursive: true })
  }
})

test('the key is kept under the configured passphrase from the first moment', t => {
  const pki = new Pki(t)
  pki.key('root')
  pki.cert('root')
  fs.writeFileSync(pki.at('word'), 'correct horse battery\n', { mode: 0o600 })
  bringIn(pki, ['root.pem', 'root.key'], null, { passphraseFile: pki.at('word') })
  t.regex(pki.read('ca/ca.key'), /BEGIN ENCRYPTED PRIVATE KEY/)
  t.is(loadCas(pki.at('ca'), { passphraseFile: pki.at('word') }).current.public.subject, 'root')
})

interface Bad {
  label: string
  message: RegExp
  kind?: Parameters<Pki['key']>[1]
  spec?: CertSpec
}

const BAD: Bad[] = [
  {
    label: 'no CA',
    message: /basicConstraints/,
    spec: { extensions: ['basicConstraints=critical,CA:FALSE', 'subjectKeyIdentifier=hash'] },
  },
  { label: 'no basic constraints', message: /basicConstraints/, spec: { extensions: ['subjectKeyIdentifier=hash'] } },
  {
    label: 'may not sign',
    message: /keyCertSign/,
    spec: {
      extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign', 'subjectKeyIdentifier=hash'],
    },
  },
  {
    label: 'other purpose',
    message: /serverAuth/,
    spec: { extensions: [...CA_EXTENSIONS, 'extendedKeyUsage=emailProtection'] },
  },
  {
    label: 'negative path length',
    message: /path length is negative/,
    spec: { extensions: [...CA_EXTENSIONS.slice(1), 'basicConstraints=critical,DER:30060101FF0201FF'] },
  },
  {
    label: 'no key identifier',
    message: /subject key identifier/,
    spec: { extensions: [...CA_EXTENSIONS.slice(0, 2), 'subjectKeyIdentifier=none'] },
  },
  {
    label: 'unknown critical extension',
    message: /critical extension.*1\.2\.3\.4/,
    spec: { extensions: [...CA_EXTENSIONS, '1.2.3.4=critical,DER:0500'] },
  },
  { label: 'expired', message: /expired on/, spec: { days: -1 } },
  { label: 'weak RSA', message: /RSA 1024/, kind: 'rsa1024' },
  { label: 'unusual curve for signing', message: /P-521/, kind: 'p521' },
  { label: 'empty subject', message: /subject is empty/, spec: { subject: '/' } },
  { label: 'no X.509 v3', message: /v3/, spec: { extensions: [] } },
]

for (const { label, message, kind, spec } of BAD) {
  test(`refused: ${label}`, t => {
    const pki = new Pki(t)
    pki.key('bad', kind)
    pki.cert('bad', spec)
    t.throws(() => bringIn(pki, ['bad.pem', 'bad.key']), { instanceOf: UserError, message })
    t.deepEqual(
      fs.readdirSync(pki.dir).filter(name => name.startsWith('ca')),
      [],
    )
  })
}

test('refused: an intermediate whose chain is incomplete, too long, weakly signed or expired', t => {
  const pki = new Pki(t)
  company(pki)
  t.throws(() => bringIn(pki, ['issuing.pem', 'issuing.key', 'middle.pem']), {
    instanceOf: UserError,
    message: /issuer is missing \(CN=root\).*“middle”/,
  })
  t.throws(() => bringIn(pki, ['issuing.pem', 'issuing.key']), {
    instanceOf: UserError,
    message: /issuer is missing \(CN=middle\)/,
  })
  t.throws(
    () =>
      bringIn(pki, ['issuing.pem', 'issuing.key', 'middle.pem', 'root.pem'], null, { nowMs: Date.now() + 60 * DAY }),
    { instanceOf: UserError, message: /expired on.*“middle”/ },
  )
  pki.cert('root', {
    out: 'short',
    subject: '/CN=root',
    extensions: [...CA_EXTENSIONS.slice(1), 'basicConstraints=critical,CA:TRUE,pathlen:0'],
  })
  t.throws(() => bringIn(pki, ['issuing.pem', 'issuing.key', 'middle.pem', 'short.pem']), {
    instanceOf: UserError,
    message: /path length of 0/,
  })
  pki.cert('middle', { out: 'sha1', issuer: 'root', digest: '-sha1' })
  t.throws(() => bringIn(pki, ['issuing.pem', 'issuing.key', 'sha1.pem', 'root.pem']), {
    instanceOf: UserError,
    message: /weak algorithm/,
  })
  t.false(fs.existsSync(pki.at('ca')))
})

test('refused: a key of another certificate, several keys, none, no certificate, no key file at all', t => {
  const pki = new Pki(t)
  pki.key('root')
  pki.cert('root')
  pki.key('other')
  fs.writeFileSync(pki.at('text'), 'nothing of the kind')
  fs.writeFileSync(pki.at('broken.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
  const cases: [string[], RegExp][] = [
    [['root.pem', 'other.key'], /belongs to none/],
    [['root.pem', 'root.key', 'other.key'], /several private keys/],
    [['root.pem'], /no private key/],
    [['root.key'], /no certificate/],
    [['text', 'root.key'], /neither|not PEM/],
    [['broken.pem', 'root.key'], /cannot be read/],
  ]
  for (const [names, message] of cases)
    t.throws(() => bringIn(pki, names), { instanceOf: UserError, message }, names.join())
})

test('a CA that is there is never replaced; with asNext it is rolled out beside it', t => {
  const pki = new Pki(t)
  company(pki)
  const first = loadOrCreateCa(pki.at('ca'))
  const names = ['issuing.pem', 'issuing.key', 'middle.pem', 'root.pem']
  t.throws(() => bringIn(pki, names), { instanceOf: UserError, message: /already holds a CA/ })
  bringIn(pki, names, null, { asNext: true })
  const cas = loadCas(pki.at('ca'))
  t.is(cas.current.public.sha256, first.public.sha256)
  t.is(cas.next!.subject, 'issuing')
  finishRotation(pki.at('ca'), {})
  const { current, previous } = loadCas(pki.at('ca'))
  t.is(anchorOf(current.public).subject, 'root')
  t.deepEqual(
    previous.map(ca => ca.subject),
    [first.public.subject],
  )
  // And away from it again: the previous one is known by its root.
  loadOrCreateCa(pki.at('own'))
  importCa(pki.at('ca'), [{ name: 'own', bytes: Buffer.from(pki.read('own/ca.pem') + pki.read('own/ca.key')) }], null, {
    asNext: true,
  })
  finishRotation(pki.at('ca'), {})
  const earlier = loadCas(pki.at('ca')).previous.find(ca => ca.subject === 'issuing')!
  t.is(anchorOf(earlier).subject, 'root')
  t.is(loadCas(pki.at('ca')).current.public.chainPem, '', 'the chain went with its CA')
})

test('what is no PKCS#12 at all is refused in words, whatever its bytes', t => {
  const pki = new Pki(t)
  pki.key('root')
  pki.cert('root')
  const whole = writePkcs12(
    [{ der: new X509Certificate(pki.read('root.pem')).raw, name: 'r', trusted: false, localKeyId: Buffer.from([1]) }],
    [],
    'abc',
    1,
  )
  t.not(readPkcs12(whole, 'abc'), 'wrong')
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(whole)
      bytes[at]! ^= change
      try {
        importCa(pki.at('never'), [{ name: 'x', bytes }], 'abc', {})
        return false
      } catch (error) {
        return error instanceof UserError
      }
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        importCa(pki.at('never'), [{ name: 'x', bytes: Buffer.from(bytes) }], null, {})
        return false
      } catch (error) {
        return error instanceof UserError
      }
    }),
  )
  t.false(fs.existsSync(pki.at('never')))
})

test('a certificate with any octet changed is refused in words', t => {
  const pki = new Pki(t)
  for (const kind of ['p256', 'rsa2048'] as const) {
    pki.key('root', kind)
    pki.cert('root', {
      extensions: [...CA_EXTENSIONS, 'nameConstraints=critical,permitted;DNS:a.example,excluded;IP:10.0.0.0/255.0.0.0'],
    })
    const key = { name: 'key', bytes: fs.readFileSync(pki.at('root.key')) }
    const whole = new X509Certificate(pki.read('root.pem')).raw
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= change
        try {
          importCa(pki.at('never'), [{ name: 'x', bytes }, key], null, {})
          return false
        } catch (error) {
          return error instanceof UserError
        }
      }),
      { numRuns: 400 },
    )
  }
  t.false(fs.existsSync(pki.at('never')))
})

test('openssl opens what writePkcs12 writes, key and all, and says the same as our reader', t => {
  const pki = new Pki(t)
  const { key, public: pub } = loadOrCreateCa(pki.at('ca'))
  const word = 'grün-€-12345'
  const id = Buffer.from([7])
  const bytes = writePkcs12(
    [{ der: pub.certDer, name: 'Zürich', trusted: false, localKeyId: id }],
    [{ der: encryptKey(key, word), name: 'Zürich', localKeyId: id }],
    word,
    2048,
  )
  fs.writeFileSync(pki.at('x.p12'), bytes)
  const run = spawnSync('openssl', ['pkcs12', '-in', pki.at('x.p12'), '-passin', `pass:${word}`, '-nodes'], {
    encoding: 'utf8',
  })
  t.regex(run.stdout, /BEGIN PRIVATE KEY/)
  t.regex(run.stdout, /BEGIN CERTIFICATE/)
  const contents = readPkcs12(bytes, word)
  if (contents === 'wrong') return t.fail()
  t.true(contents.keys[0]!.equals(key))
  t.is(contents.certs.length, 1)
  t.is(readPkcs12(bytes, 'grun-€-12345'), 'wrong')
})
