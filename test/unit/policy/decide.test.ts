import test from 'ava'
import fc from 'fast-check'
import type { Decision } from '../../../src/core/decision.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import type { CompiledPolicy } from '../../../src/policy/decide.ts'
import { canonicalPath } from '../../../src/policy/names.ts'

function policyOf(
  text: string,
  lists: Record<string, string> = {},
  defaultTier: 'inspect' | 'names' | 'pass' = 'inspect',
): CompiledPolicy {
  const { policy, problems } = compilePolicy(text, { defaultTier, version: '1', readList: file => lists[file]! })
  if (policy === null) throw new Error(problems.map(one => `${one.line} ${one.key} ${one.message}`).join('\n'))
  return policy
}

interface Ask {
  client?: string
  dst?: string
  port?: number
  host?: string | null
}

function connect(policy: CompiledPolicy, ask: Ask = {}): Decision {
  const { client = '10.77.1.9', dst = '192.0.2.1', port = 443, host = 'www.example' } = ask
  return policy.decideConnection({ clientAddr: client, dstAddr: dst, dstPort: port, host, now: 0 })
}

function request(policy: CompiledPolicy, url: string, ask: Ask = {}): Decision {
  const { client = '10.77.1.9', dst = '192.0.2.1', port = 443 } = ask
  const slash = url.indexOf('/')
  return policy.decideRequest({
    clientAddr: client,
    dstAddr: dst,
    dstPort: port,
    host: url.slice(0, slash),
    now: 0,
    scheme: 'https',
    path: url.slice(slash),
  })
}

const SCHOOL = `version: 1
groups:
  year7: { clients: [10.77.1.0/24, "fd77:1::/64"] }
  staff: { clients: [10.77.9.0/24] }
lists:
  games:
    domains:
      - games.example
      - play.games.example
  ads: { file: ads.txt }
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: pass
  - name: Staff
    clients: [staff]
    action: allow
  - name: Games
    clients: [year7, 10.9.0.1]
    lists: [ads, games]
    urls: [shop.example/checkout]
    action: block
  - name: Mail
    ports: [25, 465-587]
    action: block
  - name: That network
    destinations: [198.51.100.0/24]
    action: block
    tier: names
`
const school = policyOf(SCHOOL, { 'ads.txt': '# ads\n\nads.example\n=one.tracker.example\n' })

test('rules decide by client, name, list, port and destination, and say by which line', t => {
  const rule = (name: string, line: number) => ({ code: 'rule', rule: name, line, list: null, listLine: 0 })
  const list = (name: string, listLine: number) => ({ code: 'list', rule: 'Games', line: 18, list: name, listLine })
  t.like(connect(school, { host: 'x.bank.example' }), {
    verdict: 'allow',
    tier: 'pass',
    tierReason: rule('Banks stay closed', 12),
  })
  t.like(connect(school, { host: 'mybank.example' }), { verdict: 'allow', tier: 'inspect' })
  t.like(connect(school, { host: 'games.example' }), { verdict: 'block', reason: list('games', 8) })
  t.like(connect(school, { host: 'a.play.games.example' }), { verdict: 'block', reason: list('games', 9) })
  t.like(connect(school, { host: 'cdn.ads.example' }), { verdict: 'block', reason: list('ads', 3) })
  t.like(connect(school, { host: 'one.tracker.example' }), { verdict: 'block', reason: list('ads', 4) })
  t.like(connect(school, { host: 'x.one.tracker.example' }), { verdict: 'allow' })
  t.like(connect(school, { host: 'games.example', client: 'fd77:1::9' }), { verdict: 'block' })
  t.like(connect(school, { host: 'games.example', client: '10.9.0.1' }), { verdict: 'block' })
  t.like(connect(school, { host: 'games.example', client: '10.9.0.2' }), { verdict: 'allow' })
  t.like(connect(school, { host: 'games.example', client: '10.77.9.3' }), {
    verdict: 'allow',
    reason: rule('Staff', 15),
  })
  t.like(connect(school, { port: 500 }), { verdict: 'block', reason: rule('Mail', 23) })
  t.like(connect(school, { port: 464 }), { verdict: 'allow' })
  t.like(connect(school, { dst: '198.51.100.7' }), {
    verdict: 'block',
    tier: 'names',
    reason: rule('That network', 26),
  })
})

test('a URL only decides once it is known', t => {
  t.like(connect(school, { host: 'shop.example' }), { verdict: 'allow', reason: { code: 'default' } })
  t.like(request(school, 'www.shop.example/checkout/pay?x'), {
    verdict: 'block',
    reason: { code: 'rule', rule: 'Games' },
  })
  t.like(request(school, 'shop.example/%63heckout'), { verdict: 'block' })
  t.like(request(school, 'shop.example/checkouts'), { verdict: 'allow' })
  t.like(request(school, 'games.example/x'), { verdict: 'block', reason: { code: 'list' } })
})

test('an allowed URL above a blocked name leaves the connection open, if its requests will be seen', t => {
  const text = (tier: string) => `version: 1
rules:
  - { name: Lesson, urls: [video.example/lesson], action: allow }
  - { name: Video, domains: [video.example], action: block }
  - { name: Tier, action: allow, tier: ${tier} }
`
  const inspect = policyOf(text('inspect'))
  t.like(connect(inspect, { host: 'video.example' }), { verdict: 'allow', reason: { rule: 'Lesson' } })
  t.like(request(inspect, 'video.example/lesson/1'), { verdict: 'allow', reason: { rule: 'Lesson' } })
  t.like(request(inspect, 'video.example/other'), { verdict: 'block', reason: { rule: 'Video' } })
  t.like(connect(policyOf(text('names')), { host: 'video.example' }), { verdict: 'block', reason: { rule: 'Video' } })
})

test('without a name the destination address is asked, and an address has no parent domains', t => {
  const policy = policyOf(`version: 1
rules:
  - { name: Address, domains: [192.0.2.1, "2001:DB8:0::1"], action: block }
  - { name: Odd, domains: ["2.1", "0.2.1"], action: block }
`)
  t.like(connect(policy, { host: null }), { verdict: 'block', reason: { rule: 'Address' } })
  t.like(connect(policy, { host: null, dst: '198.0.2.1' }), { verdict: 'allow' })
  t.like(connect(policy, { host: null, dst: '2001:db8::1' }), { verdict: 'block' })
  t.like(connect(policy, { host: '2001:db8:0:0::1' }), { verdict: 'block' })
})

test('the first rule that sets a thing sets it, action and tier apart', t => {
  const policy = policyOf(`version: 1
rules:
  - { name: One, domains: [a.example], tier: names }
  - { name: Two, domains: [a.example], tier: pass, action: block }
  - { name: Three, action: allow }
default: { action: block }
`)
  t.like(connect(policy, { host: 'a.example' }), {
    verdict: 'block',
    tier: 'names',
    reason: { rule: 'Two' },
    tierReason: { rule: 'One' },
  })
  t.like(connect(policy, { host: 'b.example' }), { verdict: 'allow', tier: 'inspect', reason: { rule: 'Three' } })
  t.like(connect(policyOf('version: 1\ndefault: { action: block }')), {
    verdict: 'block',
    reason: { code: 'default', line: 2 },
  })
})

// ── against the words of the documentation, said as slowly as they can be ─────────────────────────────────────────────

const labels = fc.constantFrom('a', 'b', 'c', 'example')
const host = fc.array(labels, { minLength: 1, maxLength: 3 }).map(parts => parts.join('.'))
const pattern = fc.tuple(fc.constantFrom('', '='), host).map(parts => parts.join(''))
const client = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', 'fd00::1')
const urlPath = fc.constantFrom('/', '/x', '/x/y', '/xy', '/%78', '/z/../x?q')
const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 })
const ruleShape = fc
  .record(
    {
      clients: some(fc.constantFrom('10.0.0.1', '10.0.0.0/24', 'fd00::/8', 'ten')),
      ports: some(fc.constantFrom(80, 443, '400-500')),
      domains: some(pattern),
      lists: some(fc.constantFrom('one', 'two')),
      urls: some(fc.tuple(pattern, fc.constantFrom('/', '/x', '/x/y')).map(parts => parts.join(''))),
      action: fc.constantFrom('allow', 'block'),
      tier: fc.constantFrom('inspect', 'names', 'pass'),
    },
    { requiredKeys: [] },
  )
  .filter(
    rule =>
      (rule.action !== undefined || rule.tier !== undefined) && !(rule.urls !== undefined && rule.tier !== undefined),
  )
const documentShape = fc.record({
  one: some(pattern),
  two: some(pattern),
  rules: fc.array(ruleShape, { maxLength: 40 }),
})
type Shape = typeof documentShape extends fc.Arbitrary<infer T> ? T : never
type RuleShape = Shape['rules'][number]

function covers(text: string, name: string): boolean {
  return text.startsWith('=') ? name === text.slice(1) : name === text || name.endsWith(`.${text}`)
}

function matches(shape: Shape, rule: RuleShape, from: string, port: number, name: string, path: string): boolean {
  const inClients = (text: string) =>
    text === from ||
    (text === 'fd00::/8'
      ? from.startsWith('fd')
      : text === 'ten'
        ? from.startsWith('10.')
        : text === '10.0.0.0/24' && from.startsWith('10.0.0.'))
  if (rule.clients !== undefined && !rule.clients.some(inClients)) return false
  if (
    rule.ports !== undefined &&
    !rule.ports.some(one => one === port || (one === '400-500' && port >= 400 && port <= 500))
  )
    return false
  if (rule.domains === undefined && rule.lists === undefined && rule.urls === undefined) return true
  if (rule.domains?.some(text => covers(text, name))) return true
  if (rule.lists?.some(list => shape[list as 'one' | 'two'].some(text => covers(text, name)))) return true
  return (rule.urls ?? []).some(url => {
    const slash = url.indexOf('/')
    const prefix = url.slice(slash).replace(/\/$/, '')
    const clean = canonicalPath(path)
    return covers(url.slice(0, slash), name) && (clean === prefix || clean.startsWith(`${prefix}/`))
  })
}

test('several URLs on one name in one rule all count', t => {
  const policy = policyOf(
    'version: 1\nrules:\n  - name: A\n    urls: [shop.example/x/y, shop.example/z, =shop.example/]\n    action: block',
  )
  for (const path of ['/x/y', '/z/1', '/']) t.is(request(policy, `shop.example${path}`).verdict, 'block', path)
  t.is(request(policy, 'www.shop.example/z').verdict, 'block')
  t.is(request(policy, 'www.shop.example/').verdict, 'allow')
})

test('any document decides as its words say', t => {
  fc.assert(
    fc.property(documentShape, some(fc.tuple(client, host, fc.constantFrom(80, 443), urlPath)), (shape, asks) => {
      const text = JSON.stringify({
        version: 1,
        groups: { ten: { clients: ['10.0.0.0/8'] } },
        lists: { one: { domains: shape.one }, two: { domains: shape.two } },
        rules: shape.rules.map((rule, i) => ({ name: `r${i}`, ...rule })),
      })
      const policy = policyOf(text)
      for (const [from, name, port, path] of asks) {
        const hit = (rule: RuleShape) => matches(shape, rule, from, port, name, path)
        const byAction = shape.rules.findIndex(rule => rule.action !== undefined && hit(rule))
        const byTier = shape.rules.findIndex(rule => rule.tier !== undefined && hit(rule))
        const got = request(policy, name + path, { client: from, port })
        t.is(got.verdict, byAction < 0 ? 'allow' : shape.rules[byAction]!.action!)
        t.is(got.reason.rule, byAction < 0 ? null : `r${byAction}`)
        t.is(got.tier, byTier < 0 ? 'inspect' : shape.rules[byTier]!.tier!)
        t.is(got.tierReason.rule, byTier < 0 ? null : `r${byTier}`)
        // What the connection refuses, no request on it could have been allowed to do; and the tier is already final
        const first = connect(policy, { client: from, port, host: name })
        t.is(first.tier, got.tier)
        if (first.verdict === 'block' && first.tier === 'inspect') t.is(got.verdict, 'block')
      }
    }),
    { numRuns: 400 },
  )
  t.pass()
})

test('hostile facts never make it throw', t => {
  const wild = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(wild, wild, wild, wild, (from, dst, name, path) => {
      school.decideConnection({ clientAddr: from, dstAddr: dst, dstPort: 443, host: name, now: 0 })
      school.decideConnection({ clientAddr: from, dstAddr: dst, dstPort: 443, host: null, now: 0 })
      school.decideRequest({ clientAddr: from, dstAddr: dst, dstPort: 0, host: name, now: 0, scheme: 'http', path })
      school.decideRequest({
        clientAddr: from,
        dstAddr: dst,
        dstPort: 0,
        host: 'shop.example',
        now: 0,
        scheme: 'http',
        path,
      })
    }),
  )
  t.pass()
})

test('the cost of a decision (figures printed)', t => {
  const list = Array.from({ length: 200_000 }, (_, i) => `site${i}.ads${i % 5000}.example`).join('\n')
  const before = process.memoryUsage().rss
  const start = performance.now()
  const policy = policyOf(SCHOOL, { 'ads.txt': list })
  const compileMs = performance.now() - start
  const rounds = 50_000
  const timed = (run: () => Decision) => {
    for (let i = 0; i < 5000; i++) run()
    const begin = performance.now()
    for (let i = 0; i < rounds; i++) run()
    return ((performance.now() - begin) / rounds) * 1e6
  }
  const plain = timed(() => request(policy, 'www.news.example/a/b?c=d'))
  const listed = timed(() => request(policy, 'www.site77.ads77.example/x'))
  const url = timed(() => request(policy, 'shop.example/%63heckout'))
  t.log(
    `200000 entries: compiled in ${compileMs.toFixed(0)} ms, ${(policy.indexBytes / policy.listEntries).toFixed(1)} bytes each, rss +` +
      `${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0)} MiB; decideRequest ${plain.toFixed(0)} ns free, ${listed.toFixed(0)} ns on a list, ${url.toFixed(0)} ns by URL`,
  )
  t.like(request(policy, 'www.site77.ads77.example/x'), { verdict: 'block', reason: { list: 'ads', listLine: 78 } })
})
