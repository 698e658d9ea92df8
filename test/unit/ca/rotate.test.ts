import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { importCa } from '../../../ca/import.ts'
import { loadCas, readCas } from '../../../ca/load.ts'
import { cancelRotation, finishRotation, startRotation } from '../../../ca/rotate.ts'
import { UserError } from '../../../src/core/errors.ts'
import { Pki } from './openssl.ts'

const YEAR = 365 * 24 * 3600_000

test('next is offered, signs after the switch, and the old one stays listed without its key', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  const first = loadOrCreateCa(dir)
  t.deepEqual(startRotation(dir, {}), { newDevices: false, oldDevices: false })
  const during = loadCas(dir)
  t.is(during.current.public.sha256, first.public.sha256)
  t.not(during.next!.sha256, first.public.sha256)
  t.is(fs.statSync(path.join(dir, 'next/ca.key')).mode & 0o777, 0o600)
  t.is(fs.statSync(path.join(dir, 'next')).mode & 0o777, 0o700)
  t.is(loadOrCreateCa(dir).public.sha256, first.public.sha256)

  finishRotation(dir, {})
  const after = loadCas(dir)
  t.is(after.current.public.sha256, during.next!.sha256)
  t.is(after.next, null)
  t.deepEqual(
    after.previous.map(ca => ca.sha256),
    [first.public.sha256],
  )
  const old = first.key.export({ format: 'jwk' }).d as string
  t.false(
    everyFile(dir).some(file =>
      fs.readFileSync(file).includes(Buffer.from(old, 'base64url').toString('base64').slice(0, 20)),
    ),
  )
  t.deepEqual(fs.readdirSync(dir).sort(), ['ca.key', 'ca.pem', 'chain.pem', 'previous'])
  t.is(after.current.public.chainPem, '')
})

test('a second next, a switch or a cancel without one are refused and change nothing', t => {
  const dir = new Pki(t).at('ca')
  loadOrCreateCa(dir)
  const untouched = snapshot(dir)
  t.throws(() => finishRotation(dir, {}), { instanceOf: UserError, message: /No next CA/ })
  t.throws(() => cancelRotation(dir), { instanceOf: UserError, message: /No next CA/ })
  t.deepEqual(snapshot(dir), untouched)
  startRotation(dir, {})
  const during = snapshot(dir)
  t.throws(() => startRotation(dir, {}), { instanceOf: UserError, message: /already being rolled out/ })
  t.deepEqual(snapshot(dir), during)
  cancelRotation(dir)
  t.deepEqual(snapshot(dir), untouched)
})

for (const [from, to] of [
  ['p256', 'rsa2048'],
  ['rsa2048', 'p384'],
  ['p384', 'p256'],
] as const) {
  test(`cross: ${from} and ${to} stand in for each other, before and after the switch`, t => {
    const pki = new Pki(t)
    const dir = pki.at('ca')
    loadOrCreateCa(dir, { kind: from, pathLength: 1 })
    t.deepEqual(startRotation(dir, { kind: to, cross: true }), { newDevices: true, oldDevices: true })
    fs.copyFileSync(pki.at('ca/ca.pem'), pki.at('old.pem'))
    fs.copyFileSync(pki.at('ca/next/ca.pem'), pki.at('new.pem'))
    for (const signer of ['current', 'next now current']) {
      if (signer !== 'current') finishRotation(dir, {})
      fs.writeFileSync(pki.at('sent.pem'), loadCas(dir).current.public.chainPem)
      t.regex(pki.read('sent.pem'), /BEGIN CERTIFICATE/)
      const leaf = pki.leafBelow('ca/ca.pem', 'ca/ca.key', 'DNS:a.example')
      for (const trusted of ['old.pem', 'new.pem'])
        t.is(pki.verify(trusted, leaf, 'sent.pem'), '', `${signer}, ${trusted}`)
    }
    t.not(pki.verify('old.pem', pki.at('leaf.pem')), '', 'the cross certificate is what does it')
    // The certificate by the old CA is of no use once that has expired.
    t.is(loadCas(dir, { nowMs: Date.now() + 9 * YEAR }).current.public.chainPem !== '', true)
  })
}

test('cross below a path length of 0: the next one stands in, and nobody is told more', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  loadOrCreateCa(dir)
  t.deepEqual(startRotation(dir, { cross: true }), { newDevices: true, oldDevices: false })
  fs.writeFileSync(pki.at('sent.pem'), loadCas(dir).current.public.chainPem)
  const leaf = pki.leafBelow('ca/ca.pem', 'ca/ca.key', 'DNS:a.example')
  for (const trusted of ['ca/ca.pem', 'ca/next/ca.pem']) t.is(pki.verify(trusted, leaf, 'sent.pem'), '', trusted)
  cancelRotation(dir)
  t.is(loadCas(dir).current.public.chainPem, '', 'gone with the next one')
  startRotation(dir, { cross: true })
  finishRotation(dir, {})
  t.is(loadCas(dir).current.public.chainPem, '')
})

test('an expired cross certificate is not sent any more', t => {
  const dir = new Pki(t).at('ca')
  loadOrCreateCa(dir, { pathLength: 1, years: 1 })
  startRotation(dir, { cross: true, years: 10 })
  finishRotation(dir, {})
  t.not(loadCas(dir).current.public.chainPem, '')
  t.is(loadCas(dir, { nowMs: Date.now() + 2 * YEAR }).current.public.chainPem, '')
})

test('cut short after any step, the switch is whole for readers and completed by the next command', t => {
  const pki = new Pki(t)
  // The steps of the switch, one by one, as they leave the folder when the machine stops there.
  const steps: ((dir: string) => void)[] = [
    dir => fs.renameSync(path.join(dir, 'next/ca.key'), path.join(dir, 'ca.key')),
    dir => fs.renameSync(path.join(dir, 'next/chain.pem'), path.join(dir, 'chain.pem')),
    dir => fs.renameSync(path.join(dir, 'next/ca.pem'), path.join(dir, 'ca.pem')),
    dir => fs.rmSync(path.join(dir, 'next/cross.pem')),
    dir => fs.rmdirSync(path.join(dir, 'next')),
  ]
  for (let done = 1; done <= steps.length; done++) {
    const dir = pki.at(`ca${done}`)
    loadOrCreateCa(dir, { pathLength: 1 })
    startRotation(dir, { cross: true })
    const { next } = loadCas(dir)
    for (const step of steps.slice(0, done)) step(dir)
    const before = snapshot(dir)
    const cas = loadCas(dir)
    t.is(cas.current.public.sha256, next!.sha256, `after step ${done}`)
    t.is(cas.current.public.chainPem, next!.chainPem, `after step ${done}`)
    t.is(cas.next, null)
    t.deepEqual(snapshot(dir), before, 'reading changes nothing')
    startRotation(dir, {})
    t.is(loadCas(dir).current.public.sha256, next!.sha256)
    t.not(loadCas(dir).next!.sha256, next!.sha256)
  }
})

test('what a crash left over is removed by the next command, and looked past until then', t => {
  const dir = new Pki(t).at('ca')
  const { sha256 } = loadOrCreateCa(dir).public
  for (const name of ['next.new-0123456789ab', 'next.gone-0123456789ab']) {
    fs.mkdirSync(path.join(dir, name))
    fs.writeFileSync(path.join(dir, name, 'ca.key'), 'half')
  }
  fs.writeFileSync(path.join(dir, 'ca.key.new-0123456789ab'), 'half')
  t.is(loadCas(dir).current.public.sha256, sha256)
  startRotation(dir, {})
  t.deepEqual(fs.readdirSync(dir).sort(), ['ca.key', 'ca.pem', 'next'])
})

test('a next one that cannot be used is told, does not stop the current one, and is not switched to', t => {
  const dir = new Pki(t).at('ca')
  loadOrCreateCa(dir)
  startRotation(dir, { nowMs: Date.now() - 20 * YEAR })
  const cas = loadCas(dir)
  t.is(cas.next, null)
  t.regex(cas.warnings.join(), /expired on/)
  t.throws(() => finishRotation(dir, {}), { instanceOf: UserError, message: /expired on/ })
  const other = new Pki(t).at('ca')
  loadOrCreateCa(other)
  fs.copyFileSync(path.join(other, 'ca.key'), path.join(dir, 'next/ca.key'))
  t.throws(() => finishRotation(dir, {}), { instanceOf: UserError, message: /do not belong together/ })
  t.is(readCas(dir).current.sha256, cas.current.public.sha256)
})

test('a CA that has expired signs nothing, is still shown, and can be rotated away from', t => {
  const dir = new Pki(t).at('ca')
  const { sha256 } = loadOrCreateCa(dir, { years: 1 }).public
  const nowMs = Date.now() + 2 * YEAR
  t.throws(() => loadCas(dir, { nowMs }), { instanceOf: UserError, message: /expired on.*weir ca rotate/ })
  t.is(readCas(dir, nowMs).current.sha256, sha256)
  t.regex(readCas(dir, nowMs).warnings.join(), /expired on/)
  startRotation(dir, { nowMs })
  finishRotation(dir, { nowMs })
  t.not(loadCas(dir, { nowMs }).current.public.sha256, sha256)
})

test('a previous one that comes back from a backup is current only', t => {
  const pki = new Pki(t)
  const dir = pki.at('ca')
  const first = loadOrCreateCa(dir)
  const bytes = Buffer.from(pki.read('ca/ca.pem') + pki.read('ca/ca.key'))
  startRotation(dir, {})
  finishRotation(dir, {})
  const second = loadCas(dir).current.public
  importCa(dir, [{ name: 'backup', bytes }], null, { asNext: true })
  finishRotation(dir, {})
  const { current, previous } = loadCas(dir)
  t.is(current.public.sha256, first.public.sha256)
  t.deepEqual(
    previous.map(ca => ca.sha256),
    [second.sha256],
  )
})

test('previous ones that have expired are forgotten at the switch; one that is damaged is told', t => {
  const dir = new Pki(t).at('ca')
  const first = loadOrCreateCa(dir, { years: 1 })
  startRotation(dir, { years: 5 })
  finishRotation(dir, {})
  fs.writeFileSync(path.join(dir, 'previous', `${'0'.repeat(64)}.pem`), 'nothing')
  const cas = loadCas(dir)
  t.deepEqual(
    cas.previous.map(ca => ca.sha256),
    [first.public.sha256],
  )
  t.regex(cas.warnings.join(), /holds no certificate/)
  fs.rmSync(path.join(dir, 'previous', `${'0'.repeat(64)}.pem`))
  const nowMs = Date.now() + 2 * YEAR
  startRotation(dir, { nowMs })
  finishRotation(dir, { nowMs })
  t.deepEqual(
    loadCas(dir, { nowMs }).previous.map(ca => ca.sha256),
    [cas.current.public.sha256],
  )
})

test('processes that rotate and processes that read at once: every reader has a whole CA, every command wins or is refused', async t => {
  const dir = new Pki(t).at('ca')
  loadOrCreateCa(dir)
  const rotating = `
    import { startRotation, finishRotation } from ${JSON.stringify(path.resolve('ca/rotate.ts'))}
    let done = 0
    for (let i = 0; i < 25; i++) {
      for (const step of [() => startRotation(process.argv[1], { cross: true, pathLength: 1 }), () => finishRotation(process.argv[1], {})]) {
        try { step(); done++ } catch (error) { if (error.name !== 'UserError') throw error }
      }
    }
    console.log(done)`
  const reading = `
    import { loadCas } from ${JSON.stringify(path.resolve('ca/load.ts'))}
    for (let i = 0; i < 300; i++) loadCas(process.argv[1])
    console.log('read')`
  const runs = await Promise.all([rotating, rotating, reading, reading].map(script => run(script, dir)))
  t.deepEqual(
    runs.map(({ error }) => error),
    ['', '', '', ''],
  )
  t.true(Number(runs[0]!.out) + Number(runs[1]!.out) >= 25)
  t.notThrows(() => loadCas(dir))
})

test('killed at any moment, a whole CA is left, and the next command goes on from there', async t => {
  const dir = new Pki(t).at('ca')
  loadOrCreateCa(dir, { pathLength: 1 })
  const rotating = `
    import { startRotation, finishRotation, cancelRotation } from ${JSON.stringify(path.resolve('ca/rotate.ts'))}
    const steps = [dir => startRotation(dir, { cross: true }), cancelRotation, dir => startRotation(dir, { cross: true }), dir => finishRotation(dir, {})]
    console.log('ready')
    for (let i = 0; ; i++) try { steps[i % 4](process.argv[1]) } catch (error) { if (error.name !== 'UserError') throw error }`
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', rotating, dir])
    await once(child.stdout, 'data')
    await setTimeout(Math.random() * 40)
    child.kill('SIGKILL')
    await once(child, 'close')
    const { current, warnings } = loadCas(dir)
    t.deepEqual(warnings, [])
    t.true(new X509Certificate(current.public.certPem).checkPrivateKey(current.key))
    if (loadCas(dir).next !== null) cancelRotation(dir)
    startRotation(dir, {})
    cancelRotation(dir)
    const names = fs.readdirSync(dir).filter(name => !['ca.key', 'ca.pem', 'chain.pem', 'previous'].includes(name))
    t.deepEqual(names, [], 'nothing is left over')
  }
})

function run(script: string, dir: string): Promise<{ out: string; error: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir])
    let out = ''
    let error = ''
    child.stdout.on('data', chunk => (out += chunk))
    child.stderr.on('data', chunk => (error += chunk))
    child.on('close', () => resolve({ out: out.trim(), error }))
  })
}

function everyFile(dir: string): string[] {
  return fs
    .readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
}

function snapshot(dir: string): string[] {
  return everyFile(dir)
    .map(file => `${path.relative(dir, file)} ${fs.readFileSync(file, 'latin1')}`)
    .sort()
}
