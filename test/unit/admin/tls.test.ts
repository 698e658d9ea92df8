import test from 'ava'
import type { ExceptionsAnswer, LearnedAnswer, TrustAnswer } from '../../../src/admin/api.ts'
import { caProblems, deviceProblems, ending, pinned } from '../../../src/admin/tls-problems.ts'
import { exceptionsWithUse, findLearned, trustOf, withUse } from '../../../src/admin/tls-use.ts'
import type { LearnedEntry } from '../../../src/core/tls-policy.ts'
import { compileFilter, parseFilter } from '../../../src/store/filter-language.ts'
import type { TlsUse } from '../../../src/store/tls-summary.ts'
import { startBox } from './box.ts'

const DAY = 86_400_000

function entry(part: Partial<LearnedEntry> = {}): LearnedEntry {
  return {
    id: 'a1',
    kind: 'pinned',
    client: '',
    host: 'api.bank.example',
    since: 1000,
    until: 2000,
    retestAt: 1500,
    failures: 6,
    devices: 3,
    evidence: [{ time: 900, client: '10.0.0.1', host: 'api.bank.example', outcome: 'unknown-ca', ja4: 't13' }],
    state: 'active',
    ...part,
  }
}

function use(part: Partial<TlsUse> = {}): TlsUse {
  return { since: 5000, refused: [], seen: [], exceptions: [], more: false, ...part }
}

function refused(client: string, host: string, count: number, first = 6000, last = 7000): TlsUse['refused'][number] {
  return { client, host, count, first, last, outcome: 'unknown-ca' }
}

test('learned: the list, one search through it, and a bound that tells how many there are', async t => {
  const entries = Array.from({ length: 250 }, (_, i) => entry({ id: `e${i}`, host: `h${i}.example`, since: i }))
  const box = await startBox(t, { calls: { 'learned.list': () => entries } })
  const cookie = await box.signIn()
  const ask = async (q: string): Promise<LearnedAnswer> =>
    (await (await box.get(`/api/v1/tls/learned?q=${q}`, cookie)).json()) as LearnedAnswer
  const all = await ask('')
  t.is(all.total, 250)
  t.is(all.entries.length, 200)
  t.like(all.entries[0], { id: 'e249', evidence: [{ outcome: 'unknown-ca' }], refused: { count: 0 } })
  t.deepEqual(
    (await ask('H17.')).entries.map(one => one.host),
    ['h17.example'],
  )
  t.is((await box.get(`/api/v1/tls/learned?q=${'x'.repeat(300)}`, cookie)).status, 422)
  t.is((await box.get('/api/v1/tls/learned')).status, 401)
})

test('learned: dismissed last, newest first', t => {
  const list = [
    entry({ id: '1', since: 1 }),
    entry({ id: '2', since: 9, state: 'dismissed' }),
    entry({ id: '3', since: 5 }),
  ]
  t.deepEqual(
    findLearned(list, '').map(one => one.id),
    ['3', '1', '2'],
  )
})

test('learned: a change goes to the supervisor with who asked for it; what is gone is 404', async t => {
  const box = await startBox(t, {
    calls: {
      'learned.do': params => (params as { id: string }).id === 'a/1',
      'learned.export': () => ({ yaml: '- name: x\n' }),
    },
  })
  const cookie = await box.signIn()
  t.is((await box.post('/api/v1/tls/learned/a%2F1', { do: 'dismiss' }, { cookie })).status, 200)
  t.deepEqual(box.asked.at(-1), ['learned.do', { id: 'a/1', do: 'dismiss', user: 'admin' }])
  t.is((await box.post('/api/v1/tls/learned/other', { do: 'restore' }, { cookie })).status, 404)
  t.is((await box.post('/api/v1/tls/learned/a%2F1', { do: 'explode' }, { cookie })).status, 422)
  const foreign = { cookie, origin: 'http://evil.example' }
  t.is((await box.post('/api/v1/tls/learned/a%2F1', { do: 'remove' }, foreign)).status, 403)
  t.is((await box.post('/api/v1/tls/learned/a%2F1', { do: 'remove' })).status, 401)
  const file = await box.get('/api/v1/tls/learned/export', cookie)
  t.is(await file.text(), '- name: x\n')
  t.regex(file.headers.get('content-disposition')!, /attachment; filename="weir-learned\.yaml"/)
})

test('a conclusion counts the refusals it is about: of a name at all clients, of a client at all names', t => {
  const known = use({
    refused: [
      refused('10.0.0.1', 'api.bank.example', 4),
      refused('10.0.0.2', 'api.bank.example', 3),
      refused('10.0.0.1', 'b.example', 2),
    ],
  })
  const [name, device, both, group] = withUse(
    [
      entry(),
      entry({ kind: 'untrusting', host: '', client: '10.0.0.1' }),
      entry({ client: '10.0.0.2' }),
      entry({ client: 'year7' }),
    ],
    known,
  )
  t.like(name, { refused: { count: 7 }, refusedDevices: 2 })
  t.like(device, { refused: { count: 6 }, refusedDevices: 1 })
  t.like(both, { refused: { count: 3 }, refusedDevices: 1 })
  t.like(group, { refused: { count: 7 } }, 'the log knows no groups: the link and the count are about the name')
  t.regex(device!.refused.q, /^client:="10\.0\.0\.1" handshake:unknown-ca,.* after:5000$/)
})

test('an exception counts what is below its host, without what has an exception of its own', t => {
  const facts = { allow: ['expired' as const], until: 9, reason: 'r', line: 3, client: '' }
  const [outer, inner] = exceptionsWithUse(
    [
      { ...facts, host: 'school.example' },
      { ...facts, host: 'old.school.example' },
    ],
    use({
      exceptions: [
        { host: 'school.example', count: 1 },
        { host: 'a.school.example', count: 2 },
        { host: 'x.old.school.example', count: 4 },
        { host: 'notschool.example', count: 8 },
      ],
    }),
  )
  t.is(outer!.used.count, 3)
  t.is(outer!.used.q, 'host:"school.example" -host:"old.school.example" exception:yes after:5000')
  t.is(inner!.used.count, 4)
})

test('who trusts us: success counts more than one app that refuses, and what was learned more than an old success', t => {
  const { devices } = trustOf(
    use({
      seen: [
        { client: '10.0.0.1', time: 9000, host: 'a.example' },
        { client: '10.0.0.2', time: 0, host: '' },
        { client: '10.0.0.3', time: 0, host: '' },
        { client: '10.0.0.4', time: 5500, host: 'a.example' },
      ],
      refused: [
        refused('10.0.0.1', 'pinned.example', 2),
        refused('10.0.0.2', 'a.example', 3, 6000, 7000),
        refused('10.0.0.2', 'b.example', 1, 5100, 8000),
        refused('10.0.0.4', 'b.example', 5),
      ],
    }),
    [entry({ kind: 'untrusting', client: '10.0.0.4', host: '' })],
  )
  t.deepEqual(
    devices.map(({ client, trusts }) => [client, trusts]),
    [
      ['10.0.0.2', false],
      ['10.0.0.4', false],
      ['10.0.0.3', null],
      ['10.0.0.1', true],
    ],
  )
  t.like(devices[0], { at: 8000, host: 'b.example', refused: { count: 4 }, refusedSince: 5100, learned: false })
  t.like(devices[1], { learned: true })
  t.like(devices[2], { at: 0, outcome: '', refusedSince: 0 })
  t.like(devices[3], { at: 9000, outcome: 'trusted', refused: { count: 2 } })
})

test('what needs a person: each kind once, with its count and the tab that tells more', t => {
  const now = 1_800_000_000_000
  const device = (trusts: boolean | null, refusedSince: number) => ({ trusts, refusedSince })
  t.like(deviceProblems([device(false, now - 10), device(false, now - 2 * DAY), device(true, now)], now - DAY), [
    { code: 'devices-untrusting', count: 2, fresh: 1, tab: 'devices' },
  ])
  t.deepEqual(deviceProblems([device(null, 0)], now), [])
  t.like(pinned([entry(), entry({ client: '10.0.0.1' }), entry({ host: 'b.example', state: 'dismissed' })]), [
    { code: 'names-pinned', count: 1, tab: 'learned' },
  ])
  const exception = { allow: [], reason: '', client: '' }
  t.like(
    ending(
      [
        { ...exception, host: 'far.example', line: 1, until: now + 8 * DAY },
        { ...exception, host: 'near.example', line: 2, until: now + 6.5 * DAY },
        { ...exception, host: 'over.example', line: 3, until: now - 1 },
        { ...exception, host: 'click.example', line: 0, until: now + 1 },
      ],
      now,
    ),
    [{ code: 'exception-ends', subject: 'near.example', count: 7, tab: 'bypass' }],
  )
  t.deepEqual(caProblems(now + 61 * DAY, null, now), [])
  t.like(caProblems(now + 30.5 * DAY, null, now), [{ code: 'ca-expires', count: 30, severity: 'warning' }])
  t.like(caProblems(now - DAY, null, now), [{ code: 'ca-expires', count: 0, severity: 'error' }])
})

test('without the supervisor the dashboard is there, and so is the CA this process began with', async t => {
  const box = await startBox(t, { missing: ['learned.list', 'ca.state', 'tls.exceptions'] })
  const cookie = await box.signIn()
  t.is((await box.get('/api/v1/summary', cookie)).status, 200)
  t.is((await box.get('/api/v1/ca')).status, 200)
  t.is((await box.get('/api/v1/tls/exceptions', cookie)).status, 503)
})

test('every filter made for a link is one the log understands', t => {
  const hostile = 'a" b\\c.example'
  const known = use({ since: Date.now(), seen: [{ client: hostile, time: 0, host: '' }] })
  const links = [
    ...withUse([entry({ host: hostile }), entry({ host: '', client: 'fd77::1' })], known).map(one => one.refused.q),
    ...trustOf(known, []).devices.map(one => one.refused.q),
    ...exceptionsWithUse([{ host: 'a.example', allow: [], until: 1, reason: '', line: 1, client: '' }], known).map(
      one => one.used.q,
    ),
  ]
  for (const q of links) {
    const filter = parseFilter(q)
    for (const kind of ['exchange', 'connection'] as const) t.truthy(compileFilter(filter, kind).sql, q)
  }
  t.is(links.length, 4)
})

test('exceptions, devices and names never opened are answered as the supervisor tells them', async t => {
  const exception = { host: 'old.example', allow: ['expired'], until: 9, reason: 'r', line: 4, client: '' }
  const never = { inForce: false, entries: [{ host: 'push.apple.com', reason: 'push', line: 12 }] }
  const box = await startBox(t, {
    calls: { 'tls.exceptions': () => [exception], 'tls.never-decrypt': () => never },
  })
  const cookie = await box.signIn()
  const get = async (path: string): Promise<unknown> => (await box.get(`/api/v1/tls/${path}`, cookie)).json()
  t.like(((await get('exceptions')) as ExceptionsAnswer).exceptions[0], { ...exception, used: { count: 0 } })
  t.deepEqual(await get('never-decrypt'), never)
  t.deepEqual(((await get('trust')) as TrustAnswer).devices, [])
  for (const path of ['exceptions', 'never-decrypt', 'trust', 'learned/export'])
    t.is((await box.get(`/api/v1/tls/${path}`)).status, 401, path)
})
