import test from 'ava'
import fc from 'fast-check'
import { type CompileOptions, compilePolicy } from '../../../src/policy/compile.ts'
import { explain, formatExplanation } from '../../../src/policy/explain.ts'
import { readListText } from '../../../src/policy/list-text.ts'
import { NEVER_DECRYPT } from '../../../src/policy/never-decrypt.ts'
import { parseUntil } from '../../../src/policy/tls-schema.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const DAY = 86_400_000

const compile = (text: string, options: Partial<CompileOptions> = {}) =>
  compilePolicy(text, { defaultTier: 'inspect', version: '1', readList: () => '', ...options })
const policy = (text: string, options: Partial<CompileOptions> = {}) => {
  const result = compile(text, options)
  if (result.policy === null) throw new Error(JSON.stringify(result.problems))
  return result.policy
}
const decide = (
  of: ReturnType<typeof policy>,
  host: string | null,
  more: { closed?: boolean; dstAddr?: string } = {},
) => of.decideConnection({ clientAddr: '10.77.1.9', dstAddr: '192.0.2.1', dstPort: 443, host, now: NOW, ...more })

test('every default of the tls part holds where the document says nothing', t => {
  const defaults = {
    revocation: 'soft',
    override: 'never',
    oldClients: 'refuse',
    notHttp: 'relay',
    untrusting: 'names',
    pinned: 'names',
    neverDecrypt: 'default',
  }
  for (const text of ['version: 1\n', 'version: 1\ntls:\n', 'version: 1\ntls: {}\nexceptions: []\n']) {
    t.deepEqual({ ...policy(text).tls }, { ...defaults } as never, text)
  }
  const strict = policy('version: 1\ntls: { revocation: hard, untrusting: refuse, neverDecrypt: none }\n').tls
  t.deepEqual({ ...strict }, { ...defaults, revocation: 'hard', untrusting: 'refuse', neverDecrypt: 'none' } as never)
})

test('all mistakes of tls, exceptions and learned are told at once, each with its line and advice', t => {
  const { policy: none, problems } = compile(`version: 1
tls:
  revocation: strict
  oldclients: pass
  notHttp: relay
exceptions:
  - host: "*.old.example"
    allow: [expired, weak-key]
    until: 31.1.2027
    reason: ""
  - host: =exact.example
    allow: []
    until: 2027-02-30
  - { host: fine.example, allow: [name], until: 2027-01-31, reason: the shop's own box }
rules:
  - name: Open
    tier: names
    learned: never
  - name: Open
    tier: inspect
    learned: sometimes
`)
  t.is(none, null)
  t.deepEqual(
    problems.map(({ line, key }) => `${line} ${key}`),
    [
      '3 tls.revocation',
      '4 tls.oldclients',
      '7 exceptions[0].host',
      '8 exceptions[0].allow[1]',
      '9 exceptions[0].until',
      '10 exceptions[0].reason',
      '11 exceptions[1].host',
      '11 exceptions[1].reason',
      '12 exceptions[1].allow',
      '13 exceptions[1].until',
      '18 rules[0].learned',
      '21 rules[1].learned',
    ],
  )
  const told = problems.map(problem => problem.message).join('\n')
  t.regex(told, /Did you mean "oldClients"\?/)
  t.regex(told, /Write "old\.example"/)
  t.regex(told, /such as 2027-01-31/)
  t.regex(told, /needs "tier: inspect"/)
})

test('an exception holds for its host and all below it until its time is over; the nearest wins', t => {
  const of = policy(`version: 1
exceptions:
  - { host: example.org, allow: [expired], until: 2027-01-31, reason: certificate of the supplier }
  - { host: Old.Example.ORG., allow: [old-tls, weak], until: 2026-12-24T18:00+01:00, reason: a printer }
  - { host: 192.0.2.7, allow: [name, untrusted], until: 2027-01-31, reason: the camera }
  - { host: "2001:db8:0::7", allow: [name], until: 2027-01-31, reason: the camera }
`)
  const at = (host: string, now = NOW) => of.exceptionFor(host, now)?.line ?? null
  t.is(at('example.org'), 3)
  t.is(at('a.b.EXAMPLE.org.'), 3)
  t.is(at('myexample.org'), null)
  t.is(at('org'), null)
  t.is(at('x.old.example.org'), 4)
  t.is(at('192.0.2.7'), 5)
  t.is(at('1.192.0.2.7'), null, 'not an address, and nothing is above one')
  t.is(at('2.7'), null)
  t.is(at('2001:db8::7'), 6)
  const christmas = Date.parse('2026-12-24T17:00:00Z')
  t.is(at('old.example.org', christmas - 1), 4)
  t.is(at('old.example.org', christmas), 3, 'as if it were not there: the host above it still holds')
  const over = Date.parse('2027-02-01T00:00:00Z')
  t.is(at('example.org', over - 1), 3, 'the last day is included')
  t.is(at('example.org', over), null)
  const found = of.exceptionFor('old.example.org', NOW)
  t.deepEqual([...(found?.allow ?? [])], ['old-tls', 'weak'])
  t.is(found?.reason, 'a printer')
  t.is(found?.only, null)
  t.deepEqual(
    of.exceptions.map(exception => exception.line),
    [3, 4, 5, 6],
  )
})

test('an exception far ahead is refused when it is brought in, and never at a start, when the clock may be wrong', t => {
  const text = `version: 1
exceptions:
  - { host: a.example, allow: [name], until: 2028-11-22, reason: x }
  - { host: b.example, allow: [name], until: 2029-01-01, reason: x }
  - { host: A.example, allow: [name], until: 2027-01-01, reason: x }
`
  const imported = compile(text, { importedAt: NOW }).problems
  t.deepEqual(
    imported.map(({ line, key }) => [line, key]),
    [
      [4, 'exceptions.1.until'],
      [5, 'exceptions.2.host'],
    ],
  )
  t.deepEqual(
    compile(text).problems.map(({ line }) => line),
    [5],
  )
  t.is(compile(text.replace('A.example', 'c.example')).policy?.exceptionFor('b.example', 0)?.line, 4)
})

test('the last day and the moment are read as RFC 3339 writes them', t => {
  t.is(parseUntil('2027-01-31'), Date.parse('2027-02-01T00:00:00Z'))
  t.is(parseUntil('2028-02-29'), Date.parse('2028-03-01T00:00:00Z'))
  t.is(parseUntil('2027-01-31T18:00Z'), Date.parse('2027-01-31T18:00:00Z'))
  t.is(parseUntil('2027-01-31 18:00:30+02:00'), Date.parse('2027-01-31T16:00:30Z'))
  t.is(parseUntil('2027-01-31T18:00'), Date.parse('2027-01-31T18:00:00Z'))
  for (const bad of [
    '',
    '2027',
    '2027-1-1',
    '2027-02-29',
    '2027-04-31',
    '2027-13-01',
    '2027-01-31T25:00',
    '31.01.2027',
    'never',
  ]) {
    t.is(parseUntil(bad), null, bad)
  }
})

test('shipped names are closed only where no rule gives a tier, and the reason names the line of the list', t => {
  const plain = policy('version: 1\n')
  const lines = NEVER_DECRYPT.split('\n')
  for (const host of [
    'push.apple.com',
    '17-courier.push.apple.com',
    'www.gstatic.com',
    'fe3.delivery.mp.microsoft.com',
  ]) {
    const { tier, tierReason, verdict } = decide(plain, host)
    t.is(tier, 'names', host)
    t.is(verdict, 'allow')
    t.is(tierReason.code, 'never-decrypt')
    t.true(host.endsWith(lines[tierReason.listLine - 1]!.split(/\s/)[0]!), host)
  }
  t.is(decide(plain, 'www.apple.com').tier, 'inspect')
  t.is(decide(plain, 'storage.googleapis.com').tier, 'inspect', 'anybody can put anything there')
  t.is(decide(policy('version: 1\ntls: { neverDecrypt: none }\n'), 'push.apple.com').tier, 'inspect')
  const ruled = policy(
    'version: 1\nrules: [{ name: All, domains: [apple.com], tier: inspect }, { name: R, action: block }]\n',
  )
  t.like(decide(ruled, 'push.apple.com'), { tier: 'inspect', verdict: 'block', tierReason: { code: 'rule' } })
  t.is(decide(policy('version: 1\n', { defaultTier: 'pass' }), 'push.apple.com').tierReason.code, 'default')
})

test('every entry of the shipped list is a name, has its reason beside it and stands once', t => {
  const seen = new Set<string>()
  const counts = readListText(NEVER_DECRYPT, name => {
    t.false(seen.has(name), name)
    seen.add(name)
    return true
  })
  t.is(counts.skipped, 0, `line ${counts.firstSkipped}`)
  t.true(counts.entries > 150)
  for (const line of NEVER_DECRYPT.split('\n')) {
    if (line !== '' && !line.startsWith('#')) t.regex(line, /^=?[a-z0-9.-]+ +# \S/)
  }
})

test('the public name of ECH is opened although a list closes it, but not against a rule that names it or the client', t => {
  const text = (rule: string) =>
    `version: 1\nlists: { cdn: { domains: [cloudflare-ech.com, cdn.example] } }\nrules:\n  - ${rule}\n`
  const ask = (rule: string, tier: 'inspect' | 'names' = 'inspect', host = 'cloudflare-ech.com') =>
    decide(policy(text(rule), { defaultTier: tier }), host)
  t.like(ask('{ name: Cdn, lists: [cdn], tier: names }'), { tier: 'inspect', tierReason: { code: 'ech' } })
  t.is(ask('{ name: Cdn, lists: [cdn], tier: names }', 'inspect', 'cdn.example').tier, 'names')
  t.like(ask('{ name: Own, domains: [cloudflare-ech.com], tier: names }'), {
    tier: 'names',
    tierReason: { code: 'rule' },
  })
  t.is(ask('{ name: Phones, clients: [10.77.1.0/24], tier: names }').tier, 'names')
  t.is(ask('{ name: Cdn, lists: [cdn], tier: names }', 'names').tier, 'names', 'a box that opens nothing opens nothing')
  t.like(ask('{ name: Other, domains: [x.example], tier: pass }'), { tier: 'inspect', tierReason: { code: 'ech' } })
})

test('a rule can forbid that anything learned closes what it opens', t => {
  const of = policy('version: 1\nrules: [{ name: X, domains: [x.example], tier: inspect, learned: never }]\n')
  t.is(decide(of, 'x.example').learned, 'never')
  t.is(decide(of, 'y.example').learned, undefined)
})

test('closed from the start, a verdict cannot wait for a URL', t => {
  const of = policy(`version: 1
rules:
  - { name: Lesson, urls: [video.example/history], action: allow }
  - { name: Video, domains: [video.example], action: block }
`)
  t.is(decide(of, 'video.example').verdict, 'allow')
  t.is(decide(of, 'video.example', { closed: true }).verdict, 'block')
})

test('groups of an address, in the order of the document', t => {
  const of = policy(`version: 1
groups:
  staff: { clients: [10.77.9.0/24, "fd77:9::/64"] }
  year7: { clients: [10.77.1.0/24] }
  all: { clients: [10.0.0.0/8] }
`)
  t.deepEqual(of.groupsOf('10.77.1.9'), ['year7', 'all'])
  t.deepEqual(of.groupsOf('fd77:9::1'), ['staff'])
  t.deepEqual(of.groupsOf('192.0.2.1'), [])
  t.deepEqual(of.groupsOf('nonsense'), [])
  t.deepEqual(policy('version: 1\n').groupsOf('10.77.1.9'), [])
})

test('explain tells the exception, the shipped list and ECH', t => {
  const of = policy(`version: 1
exceptions:
  - { host: old.example, allow: [expired, old-tls], until: 2027-01-31, reason: the timetable server }
`)
  const ask = (url: string, at = NOW) => explain(of, { client: '10.77.1.9', url, at })
  t.is(ask('https://www.old.example/').exception?.line, 3)
  t.is(ask('http://www.old.example/').exception, null)
  t.is(ask('https://www.old.example/', NOW + 365 * DAY).exception, null)
  t.regex(formatExplanation(ask('old.example')), /expired, old-tls is overlooked until 2027-02-01T00:00:00.000Z/)
  t.regex(formatExplanation(ask('old.example')), /line 3: the timetable server/)
  t.regex(
    formatExplanation(ask('push.apple.com')),
    /never-decrypt\.txt line \d+\n {9}\| push\.apple\.com # push notifications/,
  )
  t.regex(formatExplanation(ask('cloudflare-ech.com')), /Encrypted Client Hello/)
})

test('whatever stands in the tls part and the exceptions is taken or told, never thrown', t => {
  const key = fc.constantFrom(
    'revocation',
    'override',
    'oldClients',
    'pinned',
    'neverDecrypt',
    'host',
    'allow',
    'until',
    'reason',
  )
  const value = fc.oneof(
    fc.constantFrom(
      'hard',
      'refuse',
      'old.example',
      '2027-01-31',
      'expired',
      '=x',
      '*.x',
      '9999-99-99',
      '2027-01-31T18:00+99:99',
    ),
    fc.jsonValue(),
    fc.array(fc.constantFrom('expired', 'weak', 'name', 'nothing')),
  )
  const part = fc.dictionary(key, value, { maxKeys: 5 })
  const document = fc.record(
    {
      version: fc.constant(1),
      tls: fc.oneof(part, value),
      exceptions: fc.oneof(fc.array(part, { maxLength: 3 }), value),
    },
    { requiredKeys: ['version'] },
  )
  fc.assert(
    fc.property(document, fc.nat(4e12), (one, importedAt) => {
      const result = compile(JSON.stringify(one), { importedAt })
      t.is(result.policy === null, result.problems.length > 0)
      result.policy?.exceptionFor('a.old.example', NOW)
      for (const { line, message } of result.problems)
        t.true(line >= 1 && message.length > 0 && message.length < 500, message)
    }),
    { numRuns: 500 },
  )
})
