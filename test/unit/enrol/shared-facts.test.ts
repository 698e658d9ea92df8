import test from 'ava'
import fc from 'fast-check'
import type { SharedFact } from '../../../src/core/ipc.ts'
import type { TlsException } from '../../../src/core/tls-policy.ts'
import { type ClickPolicy, FACT_MS, isSharedFact, SharedFacts } from '../../../src/enrol/shared-facts.ts'

const HOUR = 3_600_000
const LEAF = 'ab'.repeat(32)

function override(more: Partial<SharedFact & { kind: 'override' }> = {}): SharedFact {
  return {
    kind: 'override',
    client: '10.0.0.1',
    host: 'old.example',
    fingerprint: LEAF,
    allow: ['expired'],
    until: HOUR,
    ...more,
  }
}

function enrolling(client: string, host: string, until = 60_000): SharedFact {
  return { kind: 'enrolling', client, host, until }
}

test('an override holds for its client, host and certificate, and ends', t => {
  const facts = new SharedFacts()
  t.true(facts.add(override(), 0))
  t.like(facts.overrideFor('10.0.0.1', 'old.example', 0), {
    host: 'old.example',
    until: HOUR,
    line: 0,
    only: { client: '10.0.0.1', fingerprint: LEAF },
  })
  t.deepEqual([...facts.overrideFor('10.0.0.1', 'old.example', HOUR - 1)!.allow], ['expired'])
  for (const [client, host, now] of [
    ['10.0.0.2', 'old.example', 0],
    ['10.0.0.1', 'www.old.example', 0],
    ['10.0.0.1', 'old.example', HOUR],
  ] as const)
    t.is(facts.overrideFor(client, host, now), null)
  t.false(facts.enrolling('10.0.0.1', 'old.example', 0), 'the kinds are apart')
})

test('a second click about the same certificate adds to the first, about another replaces it', t => {
  const facts = new SharedFacts()
  facts.add(override(), 0)
  facts.add(override({ allow: ['name'] }), 1)
  t.deepEqual([...facts.overrideFor('10.0.0.1', 'old.example', 2)!.allow], ['expired', 'name'])
  facts.add(override({ allow: ['weak'], fingerprint: 'cd'.repeat(32) }), 3)
  t.deepEqual([...facts.overrideFor('10.0.0.1', 'old.example', 4)!.allow], ['weak'])
  facts.add(override({ allow: ['name'], fingerprint: 'cd'.repeat(32), until: 3 * HOUR }), HOUR + 3)
  t.deepEqual([...facts.overrideFor('10.0.0.1', 'old.example', HOUR + 4)!.allow], ['name'], 'the first is over')
})

function says(exception: TlsException | null, override: 'allow' | 'never' = 'allow'): ClickPolicy {
  return { exceptionFor: () => exception, tls: { override } }
}

test('what policy overlooks stays overlooked beside a click, and never longer than either', t => {
  const facts = new SharedFacts()
  const byPolicy = { host: 'example', allow: new Set(['weak'] as const), until: 500, reason: 'x', line: 7, only: null }
  t.is(facts.exceptionFor(says(null), '10.0.0.1', 'old.example', 0), null)
  t.is(facts.exceptionFor(says(byPolicy), '10.0.0.1', 'old.example', 0), byPolicy)
  facts.add(override(), 0)
  const both = facts.exceptionFor(says(byPolicy), '10.0.0.1', 'old.example', 0)!
  t.deepEqual([...both.allow].sort(), ['expired', 'weak'])
  t.like(both, { until: 500, only: { client: '10.0.0.1', fingerprint: LEAF } })
  const alone = facts.exceptionFor(says(null), '10.0.0.1', 'old.example', 0)
  t.is(
    alone,
    facts.exceptionFor(says(null), '10.0.0.1', 'old.example', 1),
    'one object, so that connections are shared',
  )
})

test('a click counts no more once policy forbids clicking', t => {
  const facts = new SharedFacts()
  facts.add(override(), 0)
  t.truthy(facts.exceptionFor(says(null), '10.0.0.1', 'old.example', 1))
  t.is(facts.exceptionFor(says(null, 'never'), '10.0.0.1', 'old.example', 1), null)
})

test('no fact lasts longer than its kind may, whatever it says', t => {
  const facts = new SharedFacts()
  for (const until of [Number.MAX_VALUE, 10 * HOUR]) {
    facts.add(override({ until }), 0)
    facts.add(enrolling('a', 'h', until), 0)
    t.is(facts.overrideFor('10.0.0.1', 'old.example', FACT_MS.override), null)
    t.true(facts.enrolling('a', 'h', FACT_MS.enrolling - 1))
    t.false(facts.enrolling('a', 'h', FACT_MS.enrolling))
  }
  t.false(facts.add(enrolling('a', 'other', 5), 5))
  t.false(facts.add(enrolling('a', 'other', Number.NaN), 5))
  t.false(facts.enrolling('a', 'other', 0))
})

test('caps: a client has its share, all have theirs, and what is over makes room', t => {
  const facts = new SharedFacts({ max: 10, maxPerClient: 4 })
  const add = (client: string, n: number, now = 0) => facts.add(enrolling(client, `h${n}`, now + 1000), now)
  t.deepEqual(
    [0, 1, 2, 3, 4].map(n => add('a', n)),
    [true, true, true, true, false],
  )
  t.true(add('a', 0, 1), 'one that is known may be renewed')
  for (let n = 0; n < 4; n++) t.true(add('b', n))
  t.deepEqual([add('c', 0), add('c', 1), add('c', 2)], [true, true, false])
  t.is(facts.size, 10)
  t.false(add('d', 0, 500))
  t.true(add('d', 0, 2000))
  t.is(facts.size, 1)
  for (let n = 0; n < 100_000; n++) add(`x${n}`, n, 2001)
  t.is(facts.size, 10)
})

test('what is known need not be told again, what is new must be', t => {
  const facts = new SharedFacts()
  t.false(facts.knows(override(), 0))
  facts.add(override(), 0)
  t.true(facts.knows(override({ until: HOUR + 1000 }), 1000), 'a second later')
  t.false(facts.knows(override({ until: HOUR + 600_000 }), 600_000), 'ten minutes later')
  t.false(facts.knows(override({ allow: ['name'] }), 0))
  t.false(facts.knows(override({ fingerprint: 'cd'.repeat(32) }), 0))
  t.false(facts.knows(override({ client: '10.0.0.2' }), 0))
  t.false(facts.knows(override(), HOUR), 'over')
  facts.add(enrolling('a', 'h'), 0)
  t.true(facts.knows(enrolling('a', 'h'), 0))
  t.false(facts.knows(enrolling('a', 'other'), 0))
})

test('all: what is in force, for a worker that starts later', t => {
  const facts = new SharedFacts()
  facts.add(override(), 0)
  facts.add(enrolling('a', 'h', 10), 0)
  const later = new SharedFacts()
  for (const fact of facts.all(10)) later.add(fact, 10)
  t.is(later.size, 1)
  t.deepEqual(later.overrideFor('10.0.0.1', 'old.example', 10), facts.overrideFor('10.0.0.1', 'old.example', 10))
})

test('only what has the shape and the bounds of a fact is one', t => {
  t.true(isSharedFact(override()))
  t.true(isSharedFact(enrolling('a', 'h')))
  const wrong: unknown[] = [
    null,
    'x',
    {},
    { ...override(), kind: 'x' },
    { ...override(), client: '' },
    { ...override(), client: 5 },
    { ...override(), host: 'h'.repeat(254) },
    { ...override(), until: Number.POSITIVE_INFINITY },
    { ...override(), until: '5' },
    { ...override(), fingerprint: LEAF.slice(1) },
    { ...override(), fingerprint: LEAF.toUpperCase() },
    { ...override(), allow: 'expired' },
    { ...override(), allow: ['old-tls'] },
    { ...override(), allow: ['revoked'] },
    { ...override(), allow: Array(5).fill('name') },
  ]
  for (const value of wrong) t.false(isSharedFact(value), JSON.stringify(value))
  fc.assert(fc.property(fc.anything(), value => t.false(isSharedFact(value))))
})
