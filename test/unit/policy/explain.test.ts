import test from 'ava'
import { UserError } from '../../../src/core/errors.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { explain, formatExplanation } from '../../../src/policy/explain.ts'

const TEXT = `version: 1
lists:
  games: { domains: [games.example] }
rules:
  - name: Banks stay closed
    # nobody looks in there
    domains: [bank.example]
    tier: pass

  - name: Games
    clients: [10.77.1.0/24]
    lists: [games]
    urls: [shop.example/checkout, bank.example/games]
    action: block
  - { name: There, destinations: [198.51.100.0/24], action: block }
`
const policy = compilePolicy(TEXT, { defaultTier: 'inspect', version: '12', readList: () => '' }).policy!
const ask = (url: string, more: { client?: string; dst?: string } = {}) =>
  explain(policy, { client: '10.77.1.9', at: 0, url, ...more })

test('says what would happen and which rule says so', t => {
  t.like(ask('https://www.games.example/x'), {
    verdict: 'block',
    decidedAt: 'connection',
    tier: 'inspect',
    policyVersion: '12',
  })
  t.like(ask('shop.example/checkout/1'), {
    verdict: 'block',
    decidedAt: 'request',
    url: 'https://shop.example/checkout/1',
  })
  t.like(ask('shop.example'), { verdict: 'allow', decidedAt: 'request' })
  t.like(ask('games.example', { client: '::ffff:10.78.1.9' }), { verdict: 'allow', client: '10.78.1.9' })
  t.is(ask('games.example').verdictBecause.ruleText, TEXT.split('\n').slice(9, 14).join('\n'))
})

test('a URL that no one will see cannot be blocked by URL', t => {
  t.like(ask('https://bank.example/games'), { verdict: 'allow', tier: 'pass', decidedAt: 'connection' })
  t.like(ask('http://bank.example/games'), { verdict: 'allow', decidedAt: 'connection' })
})

test('a destination counts when it is given, or is the host itself', t => {
  t.is(ask('https://a.example/').verdict, 'allow')
  t.is(ask('https://a.example/', { dst: '198.51.100.3' }).verdict, 'block')
  t.is(ask('https://198.51.100.3/').verdict, 'block')
  t.is(ask('http://[2001:db8::1]:8080/').verdict, 'allow')
})

test('a question without sense is refused in one sentence', t => {
  for (const url of ['', 'ftp://a.example/', 'https://', 'http://a b/', 'javascript:alert(1)//']) {
    t.throws(() => ask(url), { instanceOf: UserError }, url)
  }
  t.throws(() => ask('a.example', { client: 'year7' }), { instanceOf: UserError })
})

test('the answer for the terminal', t => {
  t.is(
    formatExplanation(ask('http://games.example/')),
    `client   10.77.1.9
url      http://games.example/
at       1970-01-01T00:00:00.000Z
policy   version 12

tier     inspect: decrypted and read
         no rule sets a tier: the default of the box

verdict  block, by the name alone, before any request is seen
         rule "Games", line 10, list "games" line 3
         |   - name: Games
         |     clients: [10.77.1.0/24]
         |     lists: [games]
         |     urls: [shop.example/checkout, bank.example/games]
         |     action: block
`,
  )
})
