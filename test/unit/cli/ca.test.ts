import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import test from 'ava'
import { Pki } from '../ca/openssl.ts'

/** `weir ca …` as a process; no terminal unless `script` gives it one. */
function weir(pki: Pki, words: string[], env: Record<string, string> = {}) {
  if (!fs.existsSync(pki.at('weir.yaml'))) fs.writeFileSync(pki.at('weir.yaml'), 'stateDir: state\n')
  const run = spawnSync(process.execPath, ['src/cli.ts', 'ca', ...words, '-c', pki.at('weir.yaml')], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    // A session of its own has no terminal to ask.
    ...{ detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { code: run.status, out: run.stdout, error: run.stderr }
}

const PASS = { PASS: 'correct horse battery' }

test('show makes the CA on first use and tells all of its public side', t => {
  const pki = new Pki(t)
  const { code, out } = weir(pki, ['show'])
  t.is(code, 0)
  const print = (digest: string) =>
    pki
      .openssl('x509', '-in', 'state/ca/ca.pem', '-noout', '-fingerprint', `-${digest}`)
      .split('=')[1]!
      .trim()
      .toLowerCase()
  t.true(out.includes(`sha-256:   ${print('sha256')}\n`))
  t.true(out.includes(`sha-1:     ${print('sha1')}\n`))
  t.regex(out, /^subject: {3}Weir CA /m)
  t.regex(out, /^kind: {6}ECDSA P-256, made on this box$/m)
  t.regex(out, /^below it: {2}no further CAs$/m)
  t.regex(out, /^certifies: every name and address$/m)
  t.regex(out, /^key file: {2}not encrypted$/m)
  t.is(weir(pki, ['show']).out, out)
})

test('create takes its shape from the configuration and refuses to replace', t => {
  const pki = new Pki(t)
  fs.writeFileSync(
    pki.at('weir.yaml'),
    'stateDir: state\ntls: {ca: {kind: rsa2048, name: School Gateway, permitted: [school.example, 10.0.0.0/8], excluded: [x.school.example]}}\n',
  )
  const { code, out } = weir(pki, ['create'])
  t.is(code, 0)
  t.regex(out, /subject: {3}School Gateway\nkind: {6}RSA 2048/)
  t.regex(out, /certifies: school\.example, 10\.0\.0\.0\/8\nnever: {5}x\.school\.example\n/)
  const before = pki.read('state/ca/ca.pem')
  const again = weir(pki, ['create'])
  t.is(again.code, 1)
  t.regex(again.error, /already holds a CA/)
  t.is(pki.read('state/ca/ca.pem'), before)
})

test('mistakes in tls.ca are told with their key', t => {
  const pki = new Pki(t)
  for (const [value, key] of [
    ['{kind: dsa}', 'tls.ca.kind'],
    ['{permitted: [UPPER.example]}', 'tls.ca.permitted'],
    ['{excluded: [10.0.0.0/33]}', 'tls.ca.excluded'],
    ['{pathLength: -1}', 'tls.ca.pathLength'],
    ['{passphraseFile: nowhere}', 'tls.ca.passphraseFile'],
  ]) {
    fs.writeFileSync(pki.at('weir.yaml'), `stateDir: state\ntls: {ca: ${value}}\n`)
    const { code, error } = weir(pki, ['show'])
    t.is(code, 1, key)
    t.true(error.includes(key!), `${key}: ${error}`)
  }
  t.false(fs.existsSync(pki.at('state')))
})

test('encrypt, use, back up, restore, decrypt: passphrases from variables and files, never from the command line', t => {
  const pki = new Pki(t)
  weir(pki, ['create'])
  t.regex(weir(pki, ['encrypt', '--passphrase-env', 'PASS'], { PASS: 'short' }).error, /too short/)
  const done = weir(pki, ['encrypt', '--passphrase-env', 'PASS'], PASS)
  t.is(done.code, 0, done.error)
  t.regex(done.out, /key file: {2}encrypted/)
  t.is(weir(pki, ['show']).code, 0, 'the public side needs no passphrase')

  const asked = weir(pki, ['rotate', '--cross'])
  t.is(asked.code, 1)
  t.regex(asked.error, /no terminal/)
  t.is(
    weir(pki, ['backup', pki.at('b.p12'), '--passphrase-env', 'OTHER', '--key-passphrase-env', 'PASS'], {
      ...PASS,
      OTHER: 'another horse battery',
    }).code,
    0,
  )
  t.regex(pki.openssl('pkcs12', '-in', 'b.p12', '-passin', 'pass:another horse battery', '-nodes'), /PRIVATE KEY/)

  fs.writeFileSync(pki.at('other.yaml'), 'stateDir: restored\n')
  fs.writeFileSync(pki.at('word'), 'another horse battery\n', { mode: 0o600 })
  const restored = weir(pki, [
    'import',
    pki.at('b.p12'),
    '--passphrase-file',
    pki.at('word'),
    '-c',
    pki.at('other.yaml'),
  ])
  t.is(fs.existsSync(pki.at('restored')), false, 'the last -c counts')
  t.is(restored.code, 1)
  fs.renameSync(pki.at('other.yaml'), pki.at('weir.yaml'))
  const second = weir(pki, ['import', pki.at('b.p12'), '--passphrase-file', pki.at('word')])
  t.is(second.code, 0, second.error)
  t.is(pki.read('restored/ca/ca.pem'), pki.read('state/ca/ca.pem'))
  fs.chmodSync(pki.at('word'), 0o644)
  t.regex(weir(pki, ['encrypt', '--passphrase-file', pki.at('word')]).error, /chmod 600/)
  t.is(weir(pki, ['encrypt', '--passphrase-env', 'PASS'], PASS).code, 0)
  t.is(weir(pki, ['decrypt', '--passphrase-env', 'PASS'], { PASS: 'wrong horse battery' }).code, 1)
  t.is(weir(pki, ['decrypt', '--passphrase-env', 'PASS'], PASS).code, 0)
  t.regex(pki.read('restored/ca/ca.key'), /BEGIN PRIVATE KEY/)
})

test('rotate, finish, cancel, and exports of the next one', t => {
  const pki = new Pki(t)
  weir(pki, ['create'])
  t.regex(weir(pki, ['export', '--next']).error, /No next CA/)
  t.regex(weir(pki, ['rotate']).out, /next: {6}being rolled out/)
  const next = weir(pki, ['export', '--next']).out
  t.is(next, pki.read('state/ca/next/ca.pem'))
  t.is(weir(pki, ['rotate', '--cancel']).code, 0)
  t.is(weir(pki, ['rotate', '--finish']).code, 1)
  weir(pki, ['rotate'])
  const done = weir(pki, ['rotate', '--finish'])
  t.regex(done.out, /previous: {2}no longer signs/)
  t.is(weir(pki, ['rotate', '--finish', '--cancel']).code, 2)
  t.is(weir(pki, ['rotate', 'now']).code, 2)
  t.is(weir(pki, ['constructor']).code, 2)
  t.is(weir(pki, ['import']).code, 2)
  t.is(weir(pki, ['backup']).code, 2)
})

test('without a CA, commands that need one say so in one sentence and make nothing', t => {
  const pki = new Pki(t)
  for (const words of [
    ['rotate'],
    ['rotate', '--cancel'],
    ['rotate', '--finish'],
    ['decrypt'],
    ['backup', pki.at('b.p12')],
  ]) {
    const { code, error } = weir(pki, words)
    t.is(code, 1, words.join())
    t.is(error.split('\n').length, 2, error)
    t.regex(error, /no CA in|No next CA/i, words.join())
  }
  t.false(fs.existsSync(pki.at('state/ca')))
  t.false(fs.existsSync(pki.at('b.p12')))
  t.regex(weir(pki, ['export', '--out', pki.at('none/x')]).error, /cannot be written \(ENOENT\)/)
})

test('a passphrase typed on the terminal is not shown, and is taken as typed', async t => {
  const pki = new Pki(t)
  weir(pki, ['create'])
  const typed = await onTerminal(pki, 'encrypt', ['correct horse bx\x7fattery\r', 'correct horse battery\r'])
  t.regex(typed, /New passphrase of the CA key: \r?\n/)
  t.notRegex(typed, /horse/)
  t.regex(typed, /Encrypted\./)
  t.is(weir(pki, ['decrypt', '--passphrase-env', 'PASS'], PASS).code, 0)
  t.regex(await onTerminal(pki, 'encrypt', ['correct horse battery\r', 'correct horse buttery\r']), /not the same/)
  t.regex(await onTerminal(pki, 'encrypt', ['correct\x03']), /Given up/)
  t.regex(pki.read('state/ca/ca.key'), /BEGIN PRIVATE KEY/)
})

/** Runs it under script(1), which gives it a terminal; each answer is typed when its question has come. */
function onTerminal(pki: Pki, verb: string, answers: string[]): Promise<string> {
  const command = `${process.execPath} src/cli.ts ca ${verb} -c ${pki.at('weir.yaml')}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  return new Promise(resolve => {
    let shown = ''
    let asked = 0
    child.stdout.on('data', chunk => {
      shown += chunk
      while (asked < answers.length && shown.split(/: /).length - 1 > asked) child.stdin.write(answers[asked++]!)
    })
    child.on('close', () => resolve(shown))
  })
}
