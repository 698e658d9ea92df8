import fs from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { type CompileOptions, type CompileResult, compilePolicy } from '../../../src/policy/compile.ts'
import { LIMITS } from '../../../src/policy/schema.ts'

function compile(text: string, options: Partial<CompileOptions> = {}): CompileResult {
  return compilePolicy(text, { defaultTier: 'inspect', version: '7', readList: missing, ...options })
}

function missing(file: string): string {
  throw Object.assign(new Error(`no such file: ${file}`), { code: 'ENOENT' })
}

function told(text: string, options: Partial<CompileOptions> = {}): string[] {
  const { policy, problems } = compile(text, options)
  return policy === null ? problems.map(one => `${one.line} ${one.key}: ${one.message}`) : []
}

test('every mistake is told at once, with line, key and advice', t => {
  const problems = told(`versio: 1
groups:
  year7: { clients: [10.77.1.5/24, fd77:1::/64] }
lists:
  games: { domains: [games.example, "*.play.example"], file: x }
rules:
  - name: Banks
    domians: [bank.example]
    teir: pass
  - name: Games
    clients: [yeer7, 10.9.0.1]
    lists: [game]
    urls: [shop.example]
    action: blok
  - action: block
    ports: [0, 10-5, 80]
    tier: pass
    urls: [a.example/x]
default: { action: allow, tier: pass }
`)
  const expected = [
    /^1 version: is missing/,
    /^1 versio: unknown key\. Did you mean "version"/,
    /^3 groups\.year7\.clients\[0\]: .*10\.77\.1\.0\/24/,
    /^5 lists\.games\.domains\[1\]: .*"play\.example"/,
    /^5 lists\.games: needs either "domains" or "file"/,
    /^7 rules\[0\]: decides nothing/,
    /^8 rules\[0\]\.domians: unknown key\. Did you mean "domains"/,
    /^9 rules\[0\]\.teir: unknown key\. Did you mean "tier"/,
    /^11 rules\[1\]\.clients\[0\]: There is no group "yeer7"\. Did you mean "year7"/,
    /^12 rules\[1\]\.lists\[0\]: There is no list "game"\. Did you mean "games"/,
    /^13 rules\[1\]\.urls\[0\]: .*"domains"/,
    /^14 rules\[1\]\.action: .*Did you mean "block"/,
    /^15 rules\[2\]\.name: is missing/,
    /^16 rules\[2\]\.ports\[0\]: must be a port/,
    /^16 rules\[2\]\.ports\[1\]: must be a port/,
    /^17 rules\[2\]\.tier: cannot depend on a URL/,
    /^19 default\.tier: unknown key/,
  ]
  t.is(problems.length, expected.length, problems.join('\n'))
  for (const [i, pattern] of expected.entries()) t.regex(problems[i]!, pattern)
})

test('one mistake each', t => {
  const table: [string, RegExp][] = [
    ['', /begins with "version: 1"/],
    ['[]', /begins with "version: 1"/],
    ['version: 2', /must be 1/],
    ['version: 1\nrules: {}', /must be a list of rules/],
    ['version: 1\nrules: [5]', /begins with "- name/],
    ['version: 1\nrules:\n  - { name: x, action: block, domains: a.example }', /must be a list, such as/],
    ['version: 1\nrules:\n  - { name: x, action: block, domains: [] }', /is empty/],
    ['version: 1\nrules:\n  - { name: x, action: block, domains: [1.5] }', /quotes/],
    ['version: 1\nrules:\n  - { name: x, action: block, clients: [fd00::] }', /quotes/],
    ['version: 1\nrules:\n  - { name: x, action: block, destinations: [year7] }', /no IP address/],
    ['version: 1\ngroups: { 9a: { clients: [10.0.0.1] } }', /letter/],
    ['version: 1\nversion: 1', /unique/],
    ['version: 1\nrules: [', /./],
    ['version: 1\nlists: { a: { file: ads.txt } }', /ads\.txt cannot be read \(ENOENT\)/],
  ]
  for (const [text, pattern] of table) {
    const problems = told(text)
    t.is(problems.length >= 1, true, text)
    t.true(
      problems.some(line => pattern.test(line)),
      `${text}\n${problems.join('\n')}`,
    )
  }
})

test('an empty key means none, and the smallest document allows everything', t => {
  const { policy } = compile('version: 1\nrules:\n  # nothing yet\nlists:\ngroups:\ndefault:\n')
  const decision = policy!.decideConnection({
    clientAddr: '10.0.0.1',
    dstAddr: '192.0.2.1',
    dstPort: 443,
    host: 'a.example',
    now: 0,
  })
  t.is(decision.verdict, 'allow')
  t.is(decision.tier, 'inspect')
  t.is(decision.reason.code, 'default')
  t.is(policy!.version, '7')
})

test('the caps hold: bytes, rules, mistakes, list entries', t => {
  t.regex(told(`# ${'x'.repeat(LIMITS.documentBytes)}`)[0]!, /larger than 1 MiB/)
  const rules = Array.from({ length: LIMITS.rules + 1 }, () => '  - {name: r, action: allow}').join('\n')
  t.regex(told(`version: 1\nrules:\n${rules}`)[0]!, /more than 2000 rules/)
  const wrong = Array.from({ length: 150 }, () => '  - {name: r}').join('\n')
  const problems = told(`version: 1\nrules:\n${wrong}`)
  t.is(problems.length, LIMITS.problems + 1)
  t.regex(problems.at(-1)!, /and 50 more/)
  const long = 'a.example\n'.repeat(LIMITS.listEntries + 1)
  t.regex(told('version: 1\nlists: { a: { file: x } }', { readList: () => long })[0]!, /more than 6000000 entries/)
})

test('YAML that unfolds or nests without end is refused, not run', t => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (let i = 0; i < 9; i++) {
    const [from, to] = ['abcdefghij'[i], 'abcdefghij'[i + 1]]
    bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join()}]`)
  }
  t.regex(told(bomb.join('\n'))[0]!, /alias/i)
  t.true(told('['.repeat(200_000)).length > 0)
})

test('a list file that is no list refuses the policy; single bad lines are counted', t => {
  const text = 'version: 1\nlists: { ads: { file: ads.txt } }'
  t.regex(told(text, { readList: () => '<html>\n<body>Not found</body>\n' })[0]!, /no list of domains: 2 lines/)
  const { lists } = compile(text, { readList: () => '# ads\na.example\n0.0.0.0 b.example c.example\n???\n' })
  t.deepEqual(lists, [{ name: 'ads', file: 'ads.txt', entries: 3, skipped: 1, firstSkipped: 4 }])
})

test('no bytes make it throw', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      const { policy, problems } = compile(Buffer.from(bytes).toString('latin1'))
      t.true(policy !== null || problems.length > 0)
    }),
  )
  const word = fc.constantFrom(
    'version',
    'rules',
    'name',
    'groups',
    'lists',
    'clients',
    '__proto__',
    'constructor',
    'a.example',
    ' ',
    '1',
  )
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      word,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(word, tie('tree')),
    ),
  }))
  fc.assert(
    fc.property(fc.dictionary(word, tree), document => {
      const { policy, problems } = compile(JSON.stringify(document))
      t.true(policy !== null || problems.length > 0)
      for (const problem of problems) t.true(problem.line >= 1 && problem.message !== '')
    }),
  )
})

test('the worked example of the documentation compiles', t => {
  const text = fs.readFileSync(new URL('../../../docs/policy.example.yaml', import.meta.url), 'utf8')
  t.deepEqual(told(text, { readList: () => 'ads.example\n' }), [])
  t.true(compile(text, { readList: () => 'ads.example\n' }).policy!.rules.length > 3)
})
