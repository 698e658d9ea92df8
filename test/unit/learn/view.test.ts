import test from 'ava'
import type { LearnedEntry } from '../../../src/core/tls-policy.ts'
import { forWorkers, LearnedView } from '../../../src/learn/view.ts'
import { DAY, HOUR, MINUTE, START } from './network.ts'

const entry = (more: Partial<LearnedEntry>): LearnedEntry => {
  const one: LearnedEntry = {
    id: '',
    kind: 'pinned',
    client: '',
    host: 'api.example',
    since: START,
    until: START + 30 * DAY,
    retestAt: START + DAY,
    failures: 3,
    devices: 1,
    evidence: [{ time: START, client: '10.0.0.1', host: 'api.example', outcome: 'unknown-ca', ja4: 'app' }],
    state: 'active',
    ...more,
  }
  return { ...one, id: `${one.kind} ${one.client} ${one.host}` }
}
const viewOf = (...entries: LearnedEntry[]) => {
  const view = new LearnedView(client => (client.startsWith('10.77.1.') ? ['year7', 'all'] : []))
  view.load(entries)
  return view
}

test('the narrowest conclusion is found: device, group, everybody; names are whole', t => {
  const view = viewOf(
    entry({ client: '10.77.1.9' }),
    entry({ client: 'year7' }),
    entry({ client: '' }),
    entry({ client: 'all', host: 'other.example' }),
    entry({ client: 'fd77::1', host: 'six.example' }),
  )
  const scope = (client: string, host: string) => view.lookup(client, host, 'x', START)?.client ?? null
  t.is(scope('10.77.1.9', 'api.example'), '10.77.1.9')
  t.is(scope('10.77.1.8', 'api.example'), 'year7')
  t.is(scope('10.0.0.1', 'api.example'), '')
  t.is(scope('10.77.1.8', 'other.example'), 'all')
  t.is(scope('10.0.0.1', 'other.example'), null)
  t.is(scope('fd77::1', 'six.example'), 'fd77::1')
  t.is(scope('10.0.0.1', 'www.api.example'), null)
  t.is(scope('10.0.0.1', 'example'), null)
})

test('one connection of the app that failed is the re-test; the others stay closed meanwhile', t => {
  const view = viewOf(entry({ client: '10.0.0.1' }))
  const at = (now: number, ja4 = 'app') => view.lookup('10.0.0.1', 'api.example', ja4, now) !== null
  t.true(at(START + DAY - 1))
  t.true(at(START + DAY, 'browser'))
  t.false(at(START + DAY))
  for (let i = 1; i < 10; i++) t.true(at(START + DAY + i * MINUTE - 1))
  t.false(at(START + DAY + 10 * MINUTE), 'nothing was heard of it: once more')
  // Another message with the same entry does not make a new re-test of it, a renewed one waits for its own
  view.load([entry({ client: '10.0.0.1' })])
  t.true(at(START + DAY + 11 * MINUTE))
  view.load([entry({ client: '10.0.0.1', retestAt: START + 3 * DAY })])
  t.true(at(START + 2 * DAY))
  t.false(at(START + 3 * DAY))
})

test('a device without trust is tried by time, or by an app not heard of, but not with a name that fails anyway', t => {
  const device = entry({ kind: 'untrusting', client: '10.0.0.1', host: '' })
  const view = viewOf(device, entry({ client: '10.0.0.1', host: 'pinned.example' }))
  const at = (now: number, host: string, ja4: string) => view.lookup('10.0.0.1', host, ja4, now)?.kind ?? null
  t.is(at(START, 'a.example', 'app'), 'untrusting')
  t.is(at(START, 'pinned.example', 'new'), 'untrusting')
  t.is(at(START, 'a.example', 'new'), null)
  t.is(at(START + 1, 'b.example', 'newer'), 'untrusting', 'one at a time')
  t.is(at(START + HOUR, 'b.example', 'newer'), null)
  t.is(at(START + 2 * DAY, 'pinned.example', 'app'), 'untrusting')
  t.is(at(START + 2 * DAY, 'a.example', 'app'), null)
  t.is(view.lookup('10.0.0.2', 'a.example', 'app', START), null)
})

test('what is over holds no more, and a dismissal for one device stands before what holds for all', t => {
  const view = viewOf(entry({ client: '' }), entry({ client: '10.0.0.1', state: 'dismissed' }))
  t.is(view.lookup('10.0.0.1', 'api.example', 'x', START), null)
  t.false(view.covers('10.0.0.1', 'api.example', START))
  t.is(view.lookup('10.0.0.2', 'api.example', 'x', START)?.client, '')
  t.is(view.lookup('10.0.0.2', 'api.example', 'x', START + 30 * DAY), null)
  t.true(view.covers('10.0.0.2', 'api.example', START + 2 * DAY), 'also while it is tried')
  const both = viewOf(
    entry({ client: '10.0.0.1', kind: 'client-cert' }),
    entry({ client: '10.0.0.1', state: 'dismissed' }),
  )
  t.is(both.lookup('10.0.0.1', 'api.example', 'x', START)?.kind, 'client-cert')
})

test('workers get one piece of evidence for each app', t => {
  const seen = { time: START, client: '10.0.0.1', host: 'api.example', outcome: 'unknown-ca' as const }
  const full = entry({ evidence: ['a', 'b', 'a', 'a', ''].map(ja4 => ({ ...seen, ja4 })) })
  t.deepEqual(
    forWorkers([full])[0]?.evidence.map(event => event.ja4),
    ['a', 'b', ''],
  )
  t.is(full.evidence.length, 5)
})
