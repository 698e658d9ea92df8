import test from 'ava'
import { rulesText } from '../../../src/learn/rules.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { HOUR, Network, trusting, withoutCa } from './network.ts'

test('conclusions become rules that the policy takes, and that do the same', t => {
  const net = new Network(() => ['year7'])
  for (let i = 1; i <= 3; i++) net.connect(`10.77.1.${i}`, 'news.example', trusting)
  net.time += HOUR
  for (let i = 1; i <= 3; i++) for (let n = 0; n < 3; n++) net.connect(`10.77.1.${i}`, 'api.example', withoutCa, 'app')
  for (const host of ['a.example', 'b.example', 'c.example']) net.connect('10.77.1.9', host, withoutCa)
  net.connect('10.77.1.8', '192.0.2.7', () => 'client-cert-wanted')
  const rules = net.learner.exportRules()
  const indented = rules.replace(/^/gm, '  ').trimEnd()
  const { policy, problems } = compilePolicy(
    `version: 1\ngroups: { year7: { clients: [10.77.1.0/24] } }\nrules:\n${indented}\n`,
    { defaultTier: 'inspect', version: '1', readList: () => '' },
  )
  t.deepEqual(problems, [])
  const tier = (clientAddr: string, host: string) =>
    policy!.decideConnection({ clientAddr, dstAddr: '192.0.2.1', dstPort: 443, host, now: 0 }).tier
  t.is(tier('10.77.1.77', 'api.example'), 'names', 'the group')
  t.is(tier('10.77.1.77', 'www.api.example'), 'inspect', 'that name alone')
  t.is(tier('10.99.1.1', 'api.example'), 'inspect')
  t.is(tier('10.77.1.9', 'z.example'), 'names')
  t.is(tier('10.77.1.8', '192.0.2.7'), 'names')
  const group = net.learner.entries().find(entry => entry.client === 'year7')!
  t.is(
    net.learner.permanent(group.id),
    `- name: api.example turns our certificate down
  clients:
    - year7
  domains:
    - =api.example
  tier: names
`,
  )
  t.is(net.learner.permanent('nonsense'), null)
})

test('the longest name fits into the name of a rule; nothing is nothing', t => {
  const net = new Network()
  const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.example`
  net.connect('10.0.0.1', host, () => 'client-cert-wanted')
  const { problems } = compilePolicy(`version: 1\nrules:\n${rulesText(net.learner.entries())}`, {
    defaultTier: 'inspect',
    version: '1',
    readList: () => '',
  })
  t.deepEqual(problems, [])
  t.is(rulesText([]), '')
})
