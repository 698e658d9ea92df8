import { generateKeyPairSync } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { SecureContext } from 'node:tls'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import type { WeirError } from '../../../src/core/errors.ts'
import { GROUPS, LeafContexts, type LeafContextsOptions, type RequestLeaf } from '../../../src/tls/contexts.ts'
import type { LeafKind } from '../../../src/tls/leaf-key.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'

const DAY = 24 * 3600_000
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-contexts-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))
const ca = loadOrCreateCa(path.join(dir, 'ca'))

function setup(options: Partial<LeafContextsOptions> = {}) {
  const asked: string[] = []
  const held: (() => void)[] = []
  let hold = false
  let now = Date.now()
  const requestLeaf: RequestLeaf = (name, spki, done) => {
    asked.push(name)
    const answer = () => done(null, mintLeaf(ca.key, ca.public, name, spki, now))
    if (hold) held.push(answer)
    else answer()
  }
  const contexts = new LeafContexts({ requestLeaf, ticketKeys: Buffer.alloc(48, 1), now: () => now, ...options })
  return {
    contexts,
    asked,
    hold: () => (hold = true),
    release: () => {
      for (const answer of held.splice(0)) answer()
    },
    at: (ms: number) => (now = ms),
  }
}

interface Got {
  error: WeirError | null
  context: SecureContext | null
  calls: number
}

function get(contexts: LeafContexts, name: string, kind?: LeafKind): Got {
  const got: Got = { error: null, context: null, calls: 0 }
  contexts.get(name, (error, context) => Object.assign(got, { error, context, calls: got.calls + 1 }), kind)
  return got
}

test('a name is minted once and then answered at once', t => {
  const { contexts, asked } = setup()
  const first = get(contexts, 'a.example')
  const second = get(contexts, 'a.example')
  t.truthy(first.context)
  t.is(second.context, first.context)
  t.is(second.calls, 1)
  t.not(get(contexts, 'b.example').context, first.context)
  t.deepEqual(asked, ['a.example', 'b.example'])
  t.true(GROUPS.startsWith('*X25519MLKEM768:*X25519:'))
})

test('requests for one name share a mint', t => {
  const { contexts, asked, hold, release } = setup()
  hold()
  const got = [get(contexts, 'a.example'), get(contexts, 'a.example'), get(contexts, 'a.example')]
  t.deepEqual(asked, ['a.example'])
  t.deepEqual(
    got.map(one => one.calls),
    [0, 0, 0],
  )
  release()
  t.deepEqual(
    got.map(one => one.calls),
    [1, 1, 1],
  )
  t.is(contexts.pending, 0)
})

test('the caps hold: contexts, names pending, waiters of a name', t => {
  const few = setup({ maxContexts: 3 })
  for (let i = 0; i < 10; i++) get(few.contexts, `h${i}.example`)
  t.is(few.contexts.size, 3)
  get(few.contexts, 'h9.example')
  t.is(few.asked.length, 10)
  get(few.contexts, 'h0.example')
  t.is(few.asked.length, 11)

  const slow = setup({ maxPending: 2, maxWaitersPerName: 2 })
  slow.hold()
  get(slow.contexts, 'a.example')
  get(slow.contexts, 'a.example')
  t.is(get(slow.contexts, 'a.example').error?.code, 'self-overloaded')
  get(slow.contexts, 'b.example')
  t.is(get(slow.contexts, 'c.example').error?.code, 'self-overloaded')
  t.is(slow.contexts.pending, 2)
  slow.release()
  t.truthy(get(slow.contexts, 'a.example').context)
})

test('one client that makes up names leaves room for the others', t => {
  const { contexts, hold, release } = setup({ maxPending: 8, maxPendingPerClient: 3 })
  const codes: (string | undefined)[] = []
  const ask = (name: string, client: string) => contexts.get(name, error => codes.push(error?.code), 'ecdsa', client)
  hold()
  for (let i = 0; i < 5; i++) ask(`h${i}.example`, '10.0.0.1')
  t.deepEqual(codes, ['self-overloaded', 'self-overloaded'])
  ask('a.example', '10.0.0.2')
  ask('h0.example', '10.0.0.1')
  t.is(codes.length, 2)
  release()
  t.deepEqual(codes.slice(2), [undefined, undefined, undefined, undefined, undefined])
  for (let i = 5; i < 8; i++) ask(`h${i}.example`, '10.0.0.1')
  t.is(codes.length, 7, 'its room is there again')
  t.is(contexts.pending, 3)
})

test('a leaf is renewed before it ends, and when the clock was set back before it began', t => {
  const { contexts, asked, at } = setup()
  const start = Date.now()
  const first = get(contexts, 'a.example').context
  at(start + 40 * DAY)
  t.is(get(contexts, 'a.example').context, first)
  at(start + 42.5 * DAY)
  t.not(get(contexts, 'a.example').context, first)
  t.is(asked.length, 2)
  at(start - DAY)
  get(contexts, 'a.example')
  t.is(asked.length, 3)
})

test('no answer, a refusal, a useless answer: self-mint, and the next request asks again', async t => {
  const silent = setup({ mintMs: 20 })
  silent.hold()
  const late = get(silent.contexts, 'a.example')
  await new Promise(resolve => setTimeout(resolve, 60))
  t.is(late.error?.code, 'self-mint')
  silent.release()
  t.is(late.calls, 1)
  t.is(silent.contexts.size, 0)
  t.is(silent.contexts.pending, 0)

  const refusing = setup({ requestLeaf: (_name, _spki, done) => done('no', null) })
  t.is(get(refusing.contexts, 'a.example').error?.code, 'self-mint')
  const broken = setup({
    requestLeaf: (name, _spki, done) => done(null, { name, certPem: 'x', notBefore: 0, notAfter: 1 }),
  })
  t.is(get(broken.contexts, 'a.example').error?.code, 'self-mint')
  t.is(broken.contexts.size, 0)

  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = publicKey.export({ type: 'spki', format: 'der' })
  let key = other
  const mixed = setup({
    requestLeaf: (name, spki, done) =>
      done(null, mintLeaf(ca.key, ca.public, name, key === other ? other : spki, Date.now())),
  })
  t.is(get(mixed.contexts, 'a.example').error?.code, 'self-mint', 'a certificate of a key that is not ours')
  key = Buffer.alloc(0)
  t.truthy(get(mixed.contexts, 'a.example').context, 'which did no harm to the key')
})

test('the RSA key is made once, for the first who needs it; its leaves are kept beside the others', async t => {
  const { contexts, asked } = setup({ maxPending: 2 })
  const usual = get(contexts, 'a.example')
  const first = get(contexts, 'a.example', 'rsa')
  const second = get(contexts, 'b.example', 'rsa')
  const sameName = get(contexts, 'a.example', 'rsa')
  t.is(get(contexts, 'c.example', 'rsa').error?.code, 'self-overloaded', 'those that wait for it are bounded')
  t.deepEqual(asked, ['a.example'], 'nobody waits for it in the loop')
  while (contexts.pending > 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.truthy(first.context)
  t.is(sameName.context, first.context)
  t.truthy(second.context)
  t.not(first.context, usual.context)
  t.is(get(contexts, 'a.example').context, usual.context)
  t.is(get(contexts, 'd.example', 'rsa').calls, 1)
})

test('names that can never be certified are not asked for', t => {
  const { contexts, asked } = setup()
  for (const name of ['*.example', 'a b', '', 'A.example', 'nul\0.example'])
    t.is(get(contexts, name).error?.code, 'self-mint')
  t.deepEqual(asked, [])
})
