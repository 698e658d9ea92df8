import test from 'ava'
import type { LearnedEntry, LearnedKind } from '../../../src/core/tls-policy.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { type LearnedLookup, overlay, refusalOf, type TlsFacts } from '../../../src/policy/overlay.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const policyOf = (text: string) =>
  compilePolicy(`version: 1\n${text}`, { defaultTier: 'inspect', version: '1', readList: () => '' }).policy!

const nothing: LearnedLookup = { lookup: () => null }
const learned = (kind: LearnedKind, client = '10.77.1.9'): LearnedLookup => ({
  lookup: (_client, host): LearnedEntry => ({
    id: '1',
    kind,
    client,
    host: kind === 'untrusting' ? '' : host,
    since: NOW,
    until: NOW + 1,
    retestAt: NOW + 1,
    failures: 3,
    devices: 1,
    evidence: [],
    state: 'active',
  }),
})

interface Case {
  rules?: string
  host?: string | null
  alpn?: string[]
  maxVersion?: number
  enrolling?: boolean
  certifiable?: boolean
  learned?: LearnedLookup
}

function decide({ rules = '', host = 'site.example', ...rest }: Case) {
  const policy = policyOf(rules)
  const facts: TlsFacts = {
    clientAddr: '10.77.1.9',
    dstAddr: '192.0.2.1',
    dstPort: 443,
    host,
    now: NOW,
    hello: { alpn: rest.alpn ?? ['h2', 'http/1.1'], maxVersion: rest.maxVersion ?? 0x0304, ja4: 't13d' },
    enrolling: rest.enrolling ?? false,
    certifiable: rest.certifiable ?? true,
  }
  return overlay(policy, policy.decideConnection(facts), facts, rest.learned ?? nothing)
}
const short = (one: Case) => {
  const { verdict, tier, reason, tierReason } = decide(one)
  return `${tier} ${tierReason.code} ${verdict} ${reason.code}`
}

const TABLE: [string, Case, string][] = [
  ['nothing against it', {}, 'inspect default allow default'],
  ['no ALPN is HTTP/1.1', { alpn: [] }, 'inspect default allow default'],
  ['TLS 1.1 at most', { maxVersion: 0x0302 }, 'names old-client block old-client'],
  ['TLS 1.1, let pass', { maxVersion: 0x0302, rules: 'tls: { oldClients: pass }' }, 'names old-client allow default'],
  ['TLS 1.2', { maxVersion: 0x0303 }, 'inspect default allow default'],
  ['other protocols only', { alpn: ['postgresql'] }, 'names alpn allow default'],
  ['acme-tls/1', { alpn: ['acme-tls/1'] }, 'names alpn allow default'],
  ['other protocols, refused', { alpn: ['smtp'], rules: 'tls: { notHttp: refuse }' }, 'names alpn block alpn'],
  ['GREASE and h2', { alpn: ['\x0a\x0a', 'h2'] }, 'inspect default allow default'],
  ['a name our CA may not certify', { certifiable: false }, 'names ca-limits allow default'],
  ['not even for a trial', { certifiable: false, enrolling: true }, 'names ca-limits allow default'],
  ['untrusting', { learned: learned('untrusting') }, 'names learned-untrusting allow default'],
  [
    'untrusting, refused',
    { learned: learned('untrusting'), rules: 'tls: { untrusting: refuse }' },
    'names learned-untrusting block learned-untrusting',
  ],
  ['pinned', { learned: learned('pinned') }, 'names learned-pinned allow default'],
  [
    'pinned, refused',
    { learned: learned('pinned', ''), rules: 'tls: { pinned: refuse }' },
    'names learned-pinned block learned-pinned',
  ],
  [
    'a client certificate is never a reason to refuse',
    { learned: learned('client-cert'), rules: 'tls: { pinned: refuse, untrusting: refuse }' },
    'names learned-client-cert allow default',
  ],
  ['without a name', { host: null, learned: learned('pinned') }, 'names learned-pinned allow default'],
  ['ECH name, pinned', { host: 'cloudflare-ech.com', learned: learned('pinned') }, 'inspect ech allow default'],
  [
    'ECH name, untrusting',
    { host: 'cloudflare-ech.com', learned: learned('untrusting') },
    'names learned-untrusting allow default',
  ],
  [
    'a rule that opens gives way',
    { learned: learned('pinned'), rules: 'rules: [{ name: X, tier: inspect }]' },
    'names learned-pinned allow default',
  ],
  [
    'unless it says never',
    { learned: learned('pinned'), rules: 'rules: [{ name: X, tier: inspect, learned: never }]' },
    'inspect rule allow default',
  ],
  [
    'never does not force what cannot be',
    { maxVersion: 0x0301, rules: 'rules: [{ name: X, tier: inspect, learned: never }]' },
    'names old-client block old-client',
  ],
  [
    'closed by a rule stays as it is',
    { maxVersion: 0x0301, alpn: ['smtp'], learned: learned('pinned'), rules: 'rules: [{ name: X, tier: pass }]' },
    'pass rule allow default',
  ],
  [
    'blocked stays blocked, without a page',
    { learned: learned('untrusting'), rules: 'rules: [{ name: X, action: block }]' },
    'names learned-untrusting block rule',
  ],
  [
    'enrolling opens whatever was learned and ruled',
    { enrolling: true, learned: learned('untrusting'), rules: 'rules: [{ name: X, tier: names }]' },
    'inspect enrolling allow default',
  ],
]

for (const [title, one, expected] of TABLE) test(title, t => t.is(short(one), expected))

test('a verdict that waited for the URL is given anew when the connection stays closed', t => {
  const rules = `rules:
  - { name: Lesson, urls: [video.example/history], action: allow }
  - { name: Video, domains: [video.example], action: block }
`
  t.is(decide({ host: 'video.example', rules }).verdict, 'allow')
  t.like(decide({ host: 'video.example', rules, learned: learned('pinned') }), {
    verdict: 'block',
    tier: 'names',
    reason: { rule: 'Video' },
  })
})

test('a refusal has the error of its reason', t => {
  const code = (one: Case) => refusalOf(decide(one)).code
  t.is(code({ maxVersion: 0x0301 }), 'client-tls-old')
  t.is(code({ alpn: ['smtp'], rules: 'tls: { notHttp: refuse }' }), 'client-tls')
  t.is(code({ learned: learned('pinned'), rules: 'tls: { pinned: refuse }' }), 'client-tls-distrust')
  t.is(code({ learned: learned('untrusting'), rules: 'tls: { untrusting: refuse }' }), 'client-tls-distrust')
  t.is(code({ learned: learned('pinned'), rules: 'rules: [{ name: X, action: block }]' }), 'policy-blocked')
})
