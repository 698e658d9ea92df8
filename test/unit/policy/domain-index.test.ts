import test from 'ava'
import fc from 'fast-check'
import { type DomainIndex, DomainIndexBuilder, Hits } from '../../../src/policy/domain-index.ts'

interface Entry {
  name: string
  exact: boolean
  source: number
}

function built(entries: readonly Entry[], seed = 1): DomainIndex {
  const builder = new DomainIndexBuilder(seed)
  entries.forEach((entry, i) => {
    builder.add(entry.name, entry.exact, entry.source, i + 1)
  })
  return builder.build()
}

function found(index: DomainIndex, host: string): string[] {
  const hits = new Hits()
  index.lookup(host, hits)
  return Array.from({ length: hits.count }, (_, i) => `${hits.sources[i]}:${hits.lines[i]}`).sort()
}

/** The words of the documentation, as slowly as they can be said. */
function naive(entries: readonly Entry[], host: string): string[] {
  const name = host.toLowerCase().replace(/\.+$/, '')
  const seen = new Set<string>()
  const out: string[] = []
  entries.forEach((entry, i) => {
    const covers = entry.exact ? name === entry.name : name === entry.name || name.endsWith(`.${entry.name}`)
    const key = JSON.stringify(entry)
    if (!covers || seen.has(key)) return
    seen.add(key)
    out.push(`${entry.source}:${i + 1}`)
  })
  return out.sort()
}

const label = fc.constantFrom('a', 'b', 'ab', 'ba', 'example', 'x-1', 'www')
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
const entry = fc.record({ name, exact: fc.boolean(), source: fc.integer({ min: 0, max: 0x7fff }) })

test('finds exactly what the naive matcher finds, whatever the seed', t => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 60 }),
      fc.array(name, { maxLength: 20 }),
      fc.integer(),
      (entries, hosts, seed) => {
        const index = built(entries, seed)
        for (const host of [...hosts, ...entries.map(one => one.name), ...entries.map(one => `sub.${one.name}`)]) {
          t.deepEqual(found(index, host), naive(entries, host))
          t.deepEqual(found(index, `${host.toUpperCase()}.`), naive(entries, host))
        }
      },
    ),
  )
  t.pass()
})

test('suffixes match by label, exact entries only themselves', t => {
  const index = built([
    { name: 'bank.example', exact: false, source: 1 },
    { name: 'www.shop.example', exact: true, source: 2 },
  ])
  t.deepEqual(found(index, 'bank.example'), ['1:1'])
  t.deepEqual(found(index, 'x.y.bank.example'), ['1:1'])
  t.deepEqual(found(index, 'mybank.example'), [])
  t.deepEqual(found(index, 'example'), [])
  t.deepEqual(found(index, 'bank.example.org'), [])
  t.deepEqual(found(index, 'www.shop.example'), ['2:2'])
  t.deepEqual(found(index, 'x.www.shop.example'), [])
})

test('an over-long host is still covered by its parent, and no host makes it throw', t => {
  const index = built([{ name: 'bank.example', exact: false, source: 1 }])
  t.deepEqual(found(index, `${'a.'.repeat(40_000)}bank.example`), ['1:1'])
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), host => {
      const hits = new Hits()
      index.lookup(host, hits)
      index.lookupWhole(host, hits)
      t.true(hits.count <= 1)
    }),
  )
})

test('lines and sources survive at the edges of their width', t => {
  const builder = new DomainIndexBuilder(7)
  builder.add('a.example', false, 0x7fff, 0xffffffff)
  builder.add('a.example', true, 0, 0)
  t.deepEqual(found(builder.build(), 'a.example'), ['0:0', '32767:4294967295'])
})

test('a large list stays small and quick (figures printed)', t => {
  const count = 200_000
  const names = Array.from({ length: count }, (_, i) => `host-${i.toString(36)}.site${i % 977}.example`)
  const start = performance.now()
  const builder = new DomainIndexBuilder(3)
  names.forEach((one, i) => {
    builder.add(one, false, 1, i + 1)
  })
  const index = builder.build()
  const buildMs = performance.now() - start
  const hits = new Hits()
  const timed = (hosts: string[]) => {
    const begin = performance.now()
    for (const host of hosts) index.lookup(host, hits)
    return ((performance.now() - begin) / hosts.length) * 1e6
  }
  const present = names.filter((_, i) => i % 4 === 0).map(one => `www.${one}`)
  const absent = present.map(one => `${one}.org`)
  timed(present)
  const text = names.reduce((sum, one) => sum + one.length, 0)
  t.log(
    `${count} names of ${(text / count).toFixed(1)} characters: ${(index.bytes / count).toFixed(1)} bytes each, built in ${buildMs.toFixed(0)} ms, ` +
      `lookup ${timed(present).toFixed(0)} ns found, ${timed(absent).toFixed(0)} ns not found`,
  )
  t.is(index.entries, count)
  t.deepEqual(found(index, `www.${names[777]}`), ['1:778'])
})
