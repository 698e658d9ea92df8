import test from 'ava'
import { compilePolicy } from '../../../src/policy/compile.ts'

const compile = (text: string) => compilePolicy(text, { defaultTier: 'inspect', version: '1', readList: () => '' })
const headers = (part: string) => {
  const { policy, problems } = compile(`version: 1\n${part}\n`)
  if (policy === null) throw new Error(JSON.stringify(problems))
  return policy.headers
}

test('by default nothing is told of clients, and Via has the pseudonym', t => {
  for (const part of ['', 'headers:', 'headers: {}', 'headers: { forwarded: remove, via: pseudonym }']) {
    const policy = headers(part)
    t.is(policy.via, 'pseudonym', part)
    t.is(policy.forwarded('www.example'), 'remove', part)
  }
})

test('a mode without hosts holds for all, with hosts for these and what is under them', t => {
  for (const mode of ['keep', 'set'] as const) {
    t.is(headers(`headers: { forwarded: ${mode} }`).forwarded('any.example'), mode)
    const some = headers(
      `headers: { forwarded: ${mode}, forwardedTo: [Intranet.example, =one.example, 192.0.2.7, "2001:DB8::7", bücher.example] }`,
    )
    const told = ['intranet.example', 'a.b.intranet.example', 'one.example', '192.0.2.7', '2001:db8::7']
    for (const host of [...told, 'xn--bcher-kva.example']) t.is(some.forwarded(host), mode, host)
    const others = ['example', 'notintranet.example', 'a.one.example', '1.192.0.2.7', '192.0.2.70', '']
    for (const host of others) t.is(some.forwarded(host), 'remove', host)
  }
  const both = headers('headers: { forwarded: set, forwardedTo: [a.example, =a.example] }')
  t.is(both.forwarded('b.a.example'), 'set')
  t.is(headers('headers: { via: none }').via, 'none')
  t.is(headers('headers: { via: full }').via, 'full')
})

test('all mistakes of headers are told at once, each with its line and advice', t => {
  const { policy, problems } = compile(`version: 1
headers:
  forwarded: sett
  forwardedto: [a.example]
  via: hidden
rules:
`)
  t.is(policy, null)
  t.deepEqual(
    problems.map(({ line, key }) => `${line} ${key}`),
    ['3 headers.forwarded', '4 headers.forwardedto', '5 headers.via'],
  )
  t.regex(problems[0]!.message, /remove or keep or set\. Did you mean "set"\?/)
  t.regex(problems[1]!.message, /Did you mean "forwardedTo"\?/)
  const more = compile(`version: 1
headers:
  via: none
  forwardedTo:
    - https://a.example/x
    - "*.b.example"
`)
  t.deepEqual(
    more.problems.map(({ line, key }) => `${line} ${key}`),
    ['5 headers.forwardedTo[0]', '5 headers.forwardedTo', '6 headers.forwardedTo[1]'],
  )
  const told = more.problems.map(problem => problem.message).join('\n')
  t.regex(told, /it needs "forwarded: set" or "forwarded: keep" beside it/)
  t.regex(told, /Write "b\.example"/)
  for (const [part, line] of [
    ['headers: yes', 2],
    ['headers:\n  forwarded: set\n  forwardedTo: []', 4],
    ['headers:\n  forwarded: remove\n  forwardedTo: [a.example]', 4],
    [`headers:\n  forwarded: set\n  forwardedTo: [${Array.from({ length: 501 }, (_, i) => `a${i}.example`)}]`, 4],
  ] as const) {
    const { problems: one } = compile(`version: 1\n${part}\n`)
    t.is(one.length, 1, part.slice(0, 80))
    t.is(one[0]!.line, line, part.slice(0, 80))
  }
})
