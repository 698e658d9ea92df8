import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { UserError } from '../../../src/core/errors.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { DEFAULT_POLICY, PolicyHistory } from '../../../src/policy/history.ts'

const dirs: string[] = []
function freshDir(): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-policy-'))
  dirs.push(dir)
  return path.join(dir, 'policy')
}
test.after.always(() => {
  for (const dir of dirs) fs.rmSync(dir, { recursive: true, force: true })
})

test('the first start takes the given text, or a default that is a policy', t => {
  const given = new PolicyHistory(freshDir())
  t.is(given.current(), null)
  t.is(given.currentOrImport('version: 1\n', 'setup').text, 'version: 1\n')
  t.is(given.currentOrImport('version: 1 # other\n', 'setup').text, 'version: 1\n')
  const fresh = new PolicyHistory(freshDir())
  t.like(fresh.currentOrImport(null, 'setup'), { n: 1, text: DEFAULT_POLICY, who: 'setup' })
  t.deepEqual(compilePolicy(DEFAULT_POLICY, { defaultTier: 'pass', version: '1', readList: () => '' }).problems, [])
})

test('versions are kept to the byte, also over a restart; a rollback is a new version', t => {
  const dir = freshDir()
  const history = new PolicyHistory(dir)
  history.import('a\r\nb', 'ann', 'first')
  history.import('a\nc\n', 'bob', 'second')
  t.is(history.import('a\nc\n', 'bob', 'again').n, 2)
  t.like(history.rollback(1, 'ann'), { n: 3, text: 'a\r\nb', note: 'rollback to version 1' })
  const again = new PolicyHistory(dir)
  t.like(again.current(), { n: 3, text: 'a\r\nb', who: 'ann' })
  t.deepEqual(
    again.list().map(one => `${one.n} ${one.who} ${one.note}`),
    ['3 ann rollback to version 1', '2 bob second', '1 ann first'],
  )
  t.true(Math.abs(again.list()[0]!.time - Date.now()) < 60_000)
  t.throws(() => again.get(9), { instanceOf: UserError, message: /no policy version 9/ })
  t.throws(() => again.rollback(9, 'ann'), { instanceOf: UserError })
  t.is(again.diff(1, 3), '')
  t.regex(again.diff(1, 2), /^--- version 1\n\+\+\+ version 2\n@@/)
})

test('only the owner may read, and nothing half-written stays', t => {
  const dir = freshDir()
  new PolicyHistory(dir).import('version: 1\n', 'ann', '')
  t.is(fs.statSync(dir).mode & 0o777, 0o700)
  t.deepEqual(fs.readdirSync(dir).sort(), ['0001.json', '0001.yaml'])
  for (const file of fs.readdirSync(dir)) t.is(fs.statSync(path.join(dir, file)).mode & 0o777, 0o600)
})

test('damage to the words about a version does not cost the version', t => {
  const dir = freshDir()
  const history = new PolicyHistory(dir)
  history.import('one', 'ann', '')
  history.import('two', 'ann', '')
  fs.writeFileSync(path.join(dir, '0001.json'), '{"time":')
  fs.rmSync(path.join(dir, '0002.json'))
  fs.writeFileSync(path.join(dir, 'notes.txt'), 'not ours')
  fs.writeFileSync(path.join(dir, '0003.yaml.99.tmp'), 'half')
  t.like(history.current(), { n: 2, text: 'two', who: '' })
  t.is(history.list().length, 2)
  t.is(history.import('three', 'ann', '').n, 3)
})

test('two writers never share a number', t => {
  const dir = freshDir()
  const history = new PolicyHistory(dir)
  history.import('one', 'ann', '')
  // Another process has reserved the next number and not yet written its document
  fs.writeFileSync(path.join(dir, '0002.json'), '{"time":1,"who":"bob","note":""}')
  t.is(history.import('three', 'ann', '').n, 3)
  fs.writeFileSync(path.join(dir, '0002.yaml'), 'two')
  t.like(history.get(2), { text: 'two', who: 'bob' })
  t.like(history.current(), { n: 3, text: 'three' })
})

test('the last 200 stay, a number is never used again, and no document is larger than its cap', t => {
  const dir = freshDir()
  const history = new PolicyHistory(dir)
  for (let i = 1; i <= 203; i++) history.import(`# ${i}`, 'ann', '')
  t.is(history.list().length, 200)
  t.is(history.list().at(-1)!.n, 4)
  t.is(fs.readdirSync(dir).length, 400)
  t.is(history.import('x', 'ann', 'n'.repeat(9999)).note.length, 500)
  t.throws(() => history.import('x'.repeat((1 << 20) + 1), 'ann', ''), { instanceOf: UserError })
  t.is(history.current()!.n, 204)
})
