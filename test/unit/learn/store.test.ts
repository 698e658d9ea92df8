import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import type { LearnedEntry } from '../../../src/core/tls-policy.ts'
import { LearnedStore, learnedText, readLearned } from '../../../src/learn/store.ts'
import { LearnedView } from '../../../src/learn/view.ts'
import { Network, trusting, withoutCa } from './network.ts'

function some(): LearnedEntry[] {
  const net = new Network()
  for (const site of ['a.example', 'b.example', 'c.example']) net.connect('10.0.0.1', site, withoutCa)
  net.connect('fd77::1', 'news.example', trusting)
  for (let i = 0; i < 4; i++) net.connect('fd77::1', 'api.example', withoutCa, 'app')
  net.connect('10.0.0.3', 'mtls.example', () => 'client-cert-wanted')
  net.learner.dismiss(net.learner.entries()[2]!.id)
  return net.learner.entries()
}

function folder(t: { teardown(fn: () => void): void }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-learn-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  const file = path.join(dir, 'learned.json')
  const warnings: string[] = []
  const store = (delayMs = 0) => new LearnedStore({ file, warn: message => warnings.push(message), delayMs })
  return { dir, file, warnings, store }
}

test('what is saved is what is loaded, and only the owner may read it', t => {
  const { dir, file, warnings, store } = folder(t)
  const entries = some()
  t.is(entries.length, 3)
  t.deepEqual(store().load(), [])
  const first = store()
  first.save(entries)
  first.flush()
  t.deepEqual(store().load(), entries)
  t.is(fs.statSync(file).mode & 0o777, 0o600)
  t.deepEqual(fs.readdirSync(dir), ['learned.json'])
  t.deepEqual(warnings, [])
})

test('many saves are one write, of the last', async t => {
  const { file, store } = folder(t)
  const one = store(50)
  const entries = some()
  for (let i = 0; i < 100; i++) one.save(entries.slice(0, 1))
  one.save(entries)
  t.false(fs.existsSync(file))
  while (!fs.existsSync(file)) await new Promise(resolve => setTimeout(resolve, 10))
  t.is(store().load().length, 3)
  const { ino } = fs.statSync(file)
  one.flush()
  t.is(fs.statSync(file).ino, ino, 'nothing waits, nothing is written')
})

test('a file that makes no sense is set aside, one with some bad entries keeps the good', t => {
  const { dir, file, warnings, store } = folder(t)
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"version":1}',
    '{"version":2,"entries":[]}',
    '{"version":1,"entries":{}}',
    '\0',
  ]) {
    fs.writeFileSync(file, text)
    t.deepEqual(store().load(), [], text)
    t.deepEqual(fs.readdirSync(dir), ['learned.json.broken'], text)
    t.is(fs.readFileSync(`${file}.broken`, 'utf8'), text)
  }
  t.is(warnings.length, 8)
  fs.writeFileSync(file, '')
  fs.truncateSync(file, 33 * 1024 * 1024)
  t.deepEqual(store().load(), [])
  t.regex(warnings.at(-1)!, /is too large; it was set aside/)
  const entries = some()
  fs.writeFileSync(file, learnedText([{ ...entries[0]!, host: 'no host' }, ...entries.slice(1)]))
  t.deepEqual(store().load(), entries.slice(1))
  t.true(fs.existsSync(`${file}.broken`))
  t.regex(warnings.at(-1)!, /1 entries that make no sense; it was set aside/)
})

test('a directory in its place, or a place that cannot be written, ends nothing', t => {
  const { dir, file, warnings, store } = folder(t)
  fs.mkdirSync(file)
  t.deepEqual(store().load(), [])
  const one = store()
  one.save(some())
  one.flush()
  t.is(warnings.length, 2)
  const gone = new LearnedStore({
    file: path.join(dir, 'no', 'such', 'place.json'),
    warn: message => warnings.push(message),
  })
  gone.save(some())
  gone.flush()
  t.regex(warnings[2]!, /ENOENT/)
})

test('entries that would spare too much are not taken from a file', t => {
  const good = some()[0]!
  const bad: Partial<LearnedEntry>[] = [
    { kind: 'untrusting', client: '', host: '' },
    { kind: 'untrusting', client: 'year7', host: '' },
    { kind: 'pinned', client: '10.0.0.1', host: '' },
    { client: '10.0.0.1; tier: pass' },
    { state: 'paused' as never },
    { until: -1 },
    { until: 1.5 },
    { evidence: Array.from({ length: 11 }, () => good.evidence[0]!) },
  ]
  for (const one of bad) {
    const found = readLearned(learnedText([{ ...good, ...one }]))
    t.deepEqual(found, { entries: [], bad: 1 }, JSON.stringify(one))
  }
  const renamed = readLearned(learnedText([{ ...good, id: '../../etc' }])).entries
  t.is(renamed?.[0]?.id, good.id, 'the id follows from what it says')
})

test('whatever is in the file, loading ends well and gives only what the rest can work with', t => {
  const text = learnedText(some())
  const mutated = fc
    .tuple(fc.nat(text.length - 1), fc.nat(40), fc.string({ unit: 'binary', maxLength: 20 }))
    .map(([at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop))
  const shaped = fc
    .record({
      version: fc.constant(1),
      entries: fc.array(
        fc.dictionary(
          fc.constantFrom(
            'kind',
            'client',
            'host',
            'since',
            'until',
            'retestAt',
            'evidence',
            'state',
            'failures',
            'devices',
          ),
          fc.jsonValue(),
        ),
      ),
    })
    .map(value => JSON.stringify(value))
  fc.assert(
    fc.property(fc.oneof(mutated, shaped, fc.json(), fc.string()), input => {
      const { entries } = readLearned(input)
      const net = new Network(() => [], entries ?? [])
      net.connect('10.0.0.1', 'a.example', withoutCa)
      const view = new LearnedView(() => [])
      view.load(net.learner.entries())
      view.lookup('10.0.0.1', 'a.example', '', net.time)
      net.learner.exportRules()
      t.true(readLearned(learnedText(net.learner.entries())).bad === 0)
    }),
    { numRuns: 2000 },
  )
})
