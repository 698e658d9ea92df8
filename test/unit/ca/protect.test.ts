import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { backupCa } from '../../../ca/backup.ts'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { importCa } from '../../../ca/import.ts'
import { loadCas, readCas } from '../../../ca/load.ts'
import { configuredPassphrase } from '../../../ca/passphrase.ts'
import { reprotect } from '../../../ca/reprotect.ts'
import { finishRotation, startRotation } from '../../../ca/rotate.ts'
import { UserError } from '../../../src/core/errors.ts'
import { Pki } from './openssl.ts'

const WORD = 'correct horse, bättery'

function wordFile(pki: Pki, name: string, word: string, mode = 0o600): string {
  fs.writeFileSync(pki.at(name), `${word}\n`)
  fs.chmodSync(pki.at(name), mode)
  return pki.at(name)
}

test('encrypted and decrypted in place; openssl opens it; nothing but the passphrase opens it', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  const { key } = loadOrCreateCa(dir)
  startRotation(dir, {})
  const passphraseFile = wordFile(pki, 'word', WORD)
  reprotect(dir, WORD, {})
  for (const file of ['ca/ca.key', 'ca/next/ca.key']) {
    t.regex(pki.read(file), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
    t.is(fs.statSync(pki.at(file)).mode & 0o777, 0o600)
    const info = pki.openssl('asn1parse', '-in', file)
    t.regex(info, /PBES2[\s\S]*PBKDF2[\s\S]*INTEGER *:0927C0[\s\S]*hmacWithSHA256[\s\S]*aes-256-cbc/)
  }
  pki.openssl('pkey', '-in', 'ca/ca.key', '-passin', `pass:${WORD}`, '-out', 'plain.key')
  t.true(readCas(dir).encrypted)
  t.true(loadCas(dir, { passphraseFile }).current.key.equals(key))
  t.true(loadOrCreateCa(dir, { passphraseFile }).key.equals(key))
  t.throws(() => loadCas(dir), { instanceOf: UserError, message: /is encrypted and no passphrase/ })
  const wrong = wordFile(pki, 'wrong', 'wrong horse')
  const error = t.throws(() => loadCas(dir, { passphraseFile: wrong }), { instanceOf: UserError })
  t.regex(error.message, /does not open/)
  t.notRegex(error.message, /wrong horse|correct/)
  const before = pki.read('ca/ca.key')
  t.throws(() => reprotect(dir, null, {}), { instanceOf: UserError })
  t.is(pki.read('ca/ca.key'), before)
  reprotect(dir, null, { passphraseFile })
  t.true(loadCas(dir).current.key.equals(key))
  t.deepEqual(fs.readdirSync(dir).sort(), ['ca.key', 'ca.pem', 'next'])
})

test('made under the configured passphrase, the key is never in the clear', t => {
  const pki = new Pki(t)
  const passphraseFile = wordFile(pki, 'word', WORD)
  loadOrCreateCa(pki.at('ca'), { passphraseFile })
  t.regex(pki.read('ca/ca.key'), /ENCRYPTED/)
  startRotation(pki.at('ca'), { passphraseFile, cross: true })
  t.regex(pki.read('ca/next/ca.key'), /ENCRYPTED/)
})

test('a next CA is never made under another passphrase than the current one, nor in the clear', t => {
  const pki = new Pki(t)
  loadOrCreateCa(pki.at('ca'), { passphrases: [WORD] })
  t.throws(() => startRotation(pki.at('ca'), {}), { instanceOf: UserError, message: /is encrypted/ })
  t.throws(() => startRotation(pki.at('ca'), { passphrases: ['mistyped'] }), {
    instanceOf: UserError,
    message: /not open/,
  })
  t.deepEqual(fs.readdirSync(pki.at('ca')).sort(), ['ca.key', 'ca.pem'])
})

test('cut short between the two keys, both are whole, and the same command completes it', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  const passphraseFile = wordFile(pki, 'word', WORD)
  loadOrCreateCa(dir)
  startRotation(dir, {})
  const next = pki.read('ca/next/ca.key')
  reprotect(dir, WORD, {})
  fs.writeFileSync(pki.at('ca/next/ca.key'), next)
  t.notThrows(() => loadCas(dir, { passphraseFile }))
  reprotect(dir, WORD, { passphrases: [WORD] })
  t.regex(pki.read('ca/next/ca.key'), /ENCRYPTED/)
})

test('another passphrase without a moment in the clear', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  loadOrCreateCa(dir, { passphrases: ['the first passphrase'] })
  reprotect(dir, 'the second passphrase', { passphrases: ['the first passphrase'] })
  t.throws(() => loadCas(dir, { passphrases: ['the first passphrase'] }), { instanceOf: UserError })
  t.notThrows(() => loadCas(dir, { passphrases: ['the second passphrase'] }))
})

test('a key with a second name is not encrypted: the other name would keep it in the clear', t => {
  const pki = new Pki(t)
  loadOrCreateCa(pki.at('ca'))
  fs.linkSync(pki.at('ca/ca.key'), pki.at('copy.key'))
  t.throws(() => reprotect(pki.at('ca'), WORD, {}), { instanceOf: UserError, message: /hard link/ })
  t.notThrows(() => loadCas(pki.at('ca')))
})

test('where the passphrase comes from: a private file first, else the credential of the service', t => {
  const pki = new Pki(t)
  const file = wordFile(pki, 'word', WORD)
  fs.mkdirSync(pki.at('credentials'))
  const env = { CREDENTIALS_DIRECTORY: pki.at('credentials') }
  t.is(configuredPassphrase(null, {}), null)
  t.is(configuredPassphrase(null, env), null)
  // As systemd shows it to a service that is not root: the group bits are an ACL's mask.
  fs.writeFileSync(pki.at('credentials/weir-ca-passphrase'), 'from systemd', { mode: 0o440 })
  t.is(configuredPassphrase(null, env), 'from systemd')
  t.is(configuredPassphrase(file, env), WORD)
  fs.chmodSync(file, 0o640)
  t.throws(() => configuredPassphrase(file, env), { instanceOf: UserError, message: /chmod 600/ })
  const bad: [string, RegExp][] = [
    ['', /no passphrase/],
    ['two\nlines', /more than one line/],
    ['x'.repeat(1025), /longer than/],
  ]
  for (const [word, message] of bad)
    t.throws(() => configuredPassphrase(wordFile(pki, 'bad', word), {}), { instanceOf: UserError, message })
  t.throws(() => configuredPassphrase(pki.at('none'), {}), { instanceOf: UserError, message: /is missing/ })
})

test('a backup is PKCS#12 or PEM, private, under its passphrase; openssl, Java and import read it', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  const { key, public: pub } = loadOrCreateCa(dir, { passphrases: ['the key is under this'] })
  const opened = { passphrases: ['the key is under this'] }
  for (const name of ['b.p12', 'b.pem']) {
    backupCa(dir, pki.at(name), WORD, opened)
    t.is(fs.statSync(pki.at(name)).mode & 0o777, 0o600)
    t.false(fs.readFileSync(pki.at(name)).includes(Buffer.from(key.export({ format: 'jwk' }).d as string, 'base64url')))
    t.throws(() => backupCa(dir, pki.at(name), WORD, opened), { instanceOf: UserError, message: /exists already/ })
    const bytes = fs.readFileSync(pki.at(name))
    t.throws(() => importCa(pki.at('x'), [{ name, bytes }], 'wrong', {}), {
      instanceOf: UserError,
      message: /does not open/,
    })
    importCa(pki.at(`back-${name}`), [{ name, bytes }], WORD, {})
    const restored = loadCas(pki.at(`back-${name}`)).current
    t.is(restored.public.sha256, pub.sha256)
    t.true(restored.key.equals(key))
  }
  t.regex(pki.openssl('pkcs12', '-in', 'b.p12', '-passin', `pass:${WORD}`, '-nodes'), /PRIVATE KEY/)
  t.throws(() => pki.openssl('pkcs12', '-in', 'b.p12', '-passin', 'pass:wrong', '-nodes'))
  pki.openssl('pkey', '-in', 'b.pem', '-passin', `pass:${WORD}`, '-noout')
  t.throws(() => backupCa(dir, pki.at('short.p12'), 'short', opened), { instanceOf: UserError, message: /too short/ })
  t.false(fs.existsSync(pki.at('short.p12')))
})

test('a link put in the way of a backup is not written through', t => {
  const pki = new Pki(t)
  loadOrCreateCa(pki.at('ca'))
  fs.writeFileSync(pki.at('target'), 'precious')
  fs.symlinkSync(pki.at('target'), pki.at('b.p12'))
  t.throws(() => backupCa(pki.at('ca'), pki.at('b.p12'), WORD, {}), {
    instanceOf: UserError,
    message: /exists already/,
  })
  t.is(pki.read('target'), 'precious')
})

test('a key that is a symbolic link, a named pipe or another user’s is refused', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  loadOrCreateCa(dir)
  const file = path.join(dir, 'ca.key')
  fs.renameSync(file, pki.at('elsewhere.key'))
  fs.symlinkSync(pki.at('elsewhere.key'), file)
  t.throws(() => loadCas(dir), { instanceOf: UserError, message: /symbolic link/ })
  fs.rmSync(file)
  execFileSync('mkfifo', ['-m', '600', file])
  t.throws(() => loadCas(dir), { instanceOf: UserError, message: /not a key/ })
  fs.rmSync(file)
  fs.renameSync(pki.at('elsewhere.key'), file)
  t.notThrows(() => loadCas(dir))
  if (process.getuid!() !== 0) return
  fs.chownSync(file, 4321, 4321)
  t.throws(() => loadCas(dir), { instanceOf: UserError, message: /belongs to another user/ })
})

test('what root makes in the folder of the service’s user belongs to that user', t => {
  if (process.getuid!() !== 0) {
    t.pass('only root can give files away')
    return
  }
  const pki = new Pki(t)
  fs.mkdirSync(pki.at('state'))
  fs.chownSync(pki.at('state'), 4321, 4322)
  const dir = pki.at('state/ca')
  loadOrCreateCa(dir)
  startRotation(dir, {})
  finishRotation(dir, {})
  startRotation(dir, {})
  reprotect(dir, WORD, {})
  const owners = fs.readdirSync(pki.at('state'), { recursive: true, encoding: 'utf8' }).map(name => {
    const { uid, gid } = fs.statSync(pki.at(`state/${name}`))
    return `${name} ${uid} ${gid}`
  })
  t.deepEqual(
    owners.filter(line => !line.endsWith(' 4321 4322')),
    [],
  )
  t.true(owners.length >= 9)
})

test('nothing about the key is in what is told', t => {
  const pki = new Pki(t)
  const { key, public: pub } = loadOrCreateCa(pki.at('ca'))
  const secret = key.export({ format: 'jwk' }).d as string
  const told = JSON.stringify(pub) + JSON.stringify(readCas(pki.at('ca')))
  t.false(told.includes(secret) || told.includes('PRIVATE'))
  // KeyObject shows nothing of itself to loggers either.
  t.is(JSON.stringify(loadCas(pki.at('ca')).current.key), '{}')
})
