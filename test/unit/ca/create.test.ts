import { execFile, execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { loadCas } from '../../../ca/load.ts'
import { withCaLock } from '../../../ca/lock.ts'
import { UserError } from '../../../src/core/errors.ts'

const YEAR = 365 * 24 * 3600_000

function tempDir(t: { teardown(fn: () => void): void }): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-ca-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('a first start makes a CA that OpenSSL reads as one, in private files', t => {
  const dir = path.join(tempDir(t), 'state', 'ca')
  const ca = loadOrCreateCa(dir, { hostname: 'gate<1>.school' })
  t.regex(ca.public.subject, /^Weir CA gate1\.school [0-9a-f]{6}$/)
  t.is(fs.statSync(dir).mode & 0o777, 0o700)
  t.is(fs.statSync(path.join(dir, 'ca.key')).mode & 0o777, 0o600)
  t.is(fs.statSync(path.join(dir, 'ca.pem')).mode & 0o777, 0o644)
  t.deepEqual(fs.readdirSync(dir).sort(), ['ca.key', 'ca.pem'])
  t.deepEqual(fs.readdirSync(path.dirname(dir)), ['ca'])

  const text = execFileSync('openssl', ['x509', '-in', path.join(dir, 'ca.pem'), '-noout', '-text'], {
    encoding: 'utf8',
  })
  t.regex(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
  t.regex(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/)
  t.regex(text, /Subject Key Identifier/)
  t.regex(text, /Signature Algorithm: ecdsa-with-SHA256/)
  execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', path.join(dir, 'ca.pem'), path.join(dir, 'ca.pem')])

  const cert = new X509Certificate(ca.public.certPem)
  t.true(cert.checkPrivateKey(ca.key))
  t.is(cert.fingerprint256.replaceAll(':', '').toLowerCase(), ca.public.sha256)
  t.true(ca.public.notBefore < Date.now() - 47 * 3600_000)
  t.true(ca.public.notAfter > Date.now() + 9.9 * YEAR && ca.public.notAfter < Date.now() + 10.1 * YEAR)
})

test('a second start finds the same CA; two boxes never have the same', t => {
  const dir = tempDir(t)
  const first = loadOrCreateCa(path.join(dir, 'a'))
  t.is(loadOrCreateCa(path.join(dir, 'a')).public.sha256, first.public.sha256)
  const other = loadOrCreateCa(path.join(dir, 'b'))
  t.not(other.public.sha256, first.public.sha256)
  t.not(other.public.subject, first.public.subject)
})

test('whatever is wrong with the files is said in one sentence, and nothing is replaced', t => {
  const cases: [string, (dir: string) => void, RegExp][] = [
    ['key readable by others', dir => fs.chmodSync(path.join(dir, 'ca.key'), 0o640), /chmod 600/],
    ['folder writable by others', dir => fs.chmodSync(dir, 0o777), /chmod 700/],
    ['key missing', dir => fs.rmSync(path.join(dir, 'ca.key')), /ca\.key is missing.*backup/],
    ['certificate missing', dir => fs.rmSync(path.join(dir, 'ca.pem')), /ca\.pem is missing.*backup/],
    ['key garbage', dir => fs.writeFileSync(path.join(dir, 'ca.key'), 'x'), /not a usable private key/],
    ['certificate garbage', dir => fs.writeFileSync(path.join(dir, 'ca.pem'), 'x'), /not a usable certificate/],
    ['key empty', dir => fs.truncateSync(path.join(dir, 'ca.key')), /not a usable private key/],
    ['key huge', dir => fs.truncateSync(path.join(dir, 'ca.key'), 1e6), /not a key or certificate file/],
    [
      'key of another CA',
      dir => {
        loadOrCreateCa(`${dir}.other`)
        fs.copyFileSync(path.join(`${dir}.other`, 'ca.key'), path.join(dir, 'ca.key'))
      },
      /do not belong together/,
    ],
    [
      'key is a folder',
      dir => {
        fs.rmSync(path.join(dir, 'ca.key'))
        fs.mkdirSync(path.join(dir, 'ca.key'))
      },
      /not a key/,
    ],
  ]
  for (const [label, spoil, message] of cases) {
    const dir = path.join(tempDir(t), 'ca')
    loadOrCreateCa(dir)
    spoil(dir)
    const before = fs.readdirSync(dir)
    const error = t.throws(() => loadOrCreateCa(dir), { instanceOf: UserError }, label)
    t.regex(error.message, message, label)
    t.notRegex(error.message, /PRIVATE KEY/, label)
    t.deepEqual(fs.readdirSync(dir), before, label)
  }
})

test('an expired CA, a clock before its time and a folder of other things are refused', t => {
  const dir = path.join(tempDir(t), 'ca')
  loadOrCreateCa(dir)
  t.throws(() => loadOrCreateCa(dir, { nowMs: Date.now() + 11 * YEAR }), {
    instanceOf: UserError,
    message: /expired on/,
  })
  t.throws(() => loadOrCreateCa(dir, { nowMs: 0 }), { instanceOf: UserError, message: /Set the clock/ })
  const other = tempDir(t)
  fs.writeFileSync(path.join(other, 'notes.txt'), '')
  t.throws(() => loadOrCreateCa(other), { instanceOf: UserError, message: /other files/ })
  t.deepEqual(fs.readdirSync(other), ['notes.txt'])
})

test('a CA that ends soon is told of', t => {
  const dir = path.join(tempDir(t), 'ca')
  const { notAfter } = loadOrCreateCa(dir, { years: 1 }).public
  t.deepEqual(loadCas(dir, { nowMs: notAfter - YEAR / 3 }).warnings, [])
  t.regex(loadCas(dir, { nowMs: notAfter - YEAR / 5 }).warnings.join(), /ends on .*rotate/)
})

test('processes that start at once end up with one CA', async t => {
  const dir = path.join(tempDir(t), 'state', 'ca')
  const script = `
    import { loadOrCreateCa } from ${JSON.stringify(path.resolve('ca/create.ts'))}
    console.log(loadOrCreateCa(process.argv[1], { kind: 'rsa2048' }).public.sha256)`
  const runs = await Promise.all(
    Array.from({ length: 5 }, () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, dir])),
  )
  t.is(new Set(runs.map(({ stdout }) => stdout)).size, 1)
  t.deepEqual(fs.readdirSync(path.dirname(dir)), ['ca'])
})

test('a command waits for another one, and not for ever', t => {
  const dir = path.join(tempDir(t), 'ca')
  loadOrCreateCa(dir)
  withCaLock(dir, () => {
    t.throws(() => withCaLock(dir, () => t.fail(), 50), { instanceOf: UserError, message: /Another command/ })
  })
  t.is(
    withCaLock(dir, () => 7),
    7,
  )
})

test('the lock is not taken through a link', t => {
  const dir = path.join(tempDir(t), 'ca')
  loadOrCreateCa(dir)
  fs.writeFileSync(`${dir}.precious`, 'x', { mode: 0o644 })
  fs.symlinkSync(`${dir}.precious`, `${dir}.lock`)
  t.throws(() => withCaLock(dir, () => t.fail()), { instanceOf: UserError, message: /ELOOP/ })
  t.is(fs.statSync(`${dir}.precious`).mode & 0o777, 0o644)
})

test('a folder that cannot be made is one sentence', t => {
  const file = path.join(tempDir(t), 'file')
  fs.writeFileSync(file, '')
  t.throws(() => loadOrCreateCa(path.join(file, 'ca')), { instanceOf: UserError })
})
