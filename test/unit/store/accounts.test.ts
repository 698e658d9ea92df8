import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { accountCalls } from '../../../src/admin/calls.ts'
import { UserError } from '../../../src/core/errors.ts'
import { Accounts } from '../../../src/store/accounts.ts'
import { hashPassword, hashPasswordSync, verifyPassword } from '../../../src/store/password.ts'
import { tempDir } from './rows.ts'

function open(t: { teardown(fn: () => void): void }, now?: () => number) {
  const { dir, remove } = tempDir()
  const file = path.join(dir, 'admin.db')
  const accounts = new Accounts(file, now)
  t.teardown(() => {
    accounts.close()
    remove()
  })
  return { file, accounts }
}

test('the first admin: a random password, told once', async t => {
  const { accounts, file } = open(t)
  const first = accounts.ensureFirstAdmin()!
  t.regex(first.password, /^[\w-]{16}$/)
  t.is(accounts.ensureFirstAdmin(), null)
  const user = accounts.findUser(first.user)!
  t.true(user.mustChangePassword)
  t.true(await verifyPassword(first.password, user.hash))
  t.false(await verifyPassword(`${first.password}x`, user.hash))
  t.is(fs.statSync(file).mode & 0o777, 0o600)
})

test('passwords: salted, PHC form, and a missing or broken hash is just wrong', async t => {
  const hash = await hashPassword('pässword')
  t.regex(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  t.not(hash, hashPasswordSync('pässword'))
  t.true(await verifyPassword('pa\u0308ssword', hash))
  for (const broken of [null, '', 'x', '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA']) {
    t.false(await verifyPassword('pässword', broken))
  }
})

test('tokens are not in the file; sessions are bounded per user and end', t => {
  let now = 1e12
  const { accounts, file } = open(t, () => now)
  accounts.ensureFirstAdmin()
  const tokens = Array.from({ length: 25 }, () => {
    now += 1
    return accounts.createSession('admin', '10.0.0.1').token
  })
  t.is(new Set(tokens).size, 25)
  t.is(tokens.filter(token => accounts.findSession(token) !== null).length, 20)
  t.is(accounts.findSession(tokens[0]!), null)
  const bytes = Buffer.concat(
    ['', '-wal'].map(suffix => (fs.existsSync(file + suffix) ? fs.readFileSync(file + suffix) : Buffer.alloc(0))),
  )
  t.false(tokens.some(token => bytes.includes(token)))
  // Kept alive each six hours, it still ends after two weeks.
  const token = tokens[24]!
  for (let hours = 0; hours < 14 * 24; hours += 6) {
    t.not(accounts.findSession(token), null, `${hours} h`)
    now += 6 * 3_600_000
  }
  t.is(accounts.findSession(token), null)
  t.throws(() => accounts.createSession('nobody', ''))
})

test('accounts that cannot be opened: one sentence, nothing overwritten', t => {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  const file = path.join(dir, 'admin.db')
  fs.writeFileSync(file, 'no database '.repeat(500))
  t.throws(() => new Accounts(file), { instanceOf: UserError, message: /admin\.db cannot be opened/ })
  t.true(fs.readFileSync(file, 'utf8').startsWith('no database'))
})

test('calls from the admin process are checked before they are believed', t => {
  const { accounts } = open(t)
  accounts.ensureFirstAdmin()
  const calls = accountCalls(accounts)
  t.like(calls['user.find']!({ name: 'admin' }), { name: 'admin', role: 'admin' })
  for (const [method, params] of [
    ['user.find', { name: 5 }],
    ['user.find', null],
    ['session.create', { user: 'admin' }],
    ['user.password', { user: 'admin', hash: 'x'.repeat(1000), keepToken: null }],
  ] as const) {
    t.throws(() => calls[method]!(params), undefined, method)
  }
})
