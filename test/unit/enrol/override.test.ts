import { createHash, randomBytes } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import type { HelloFacts } from '../../../src/core/conn.ts'
import { ERRORS, type ErrorCode, WeirError } from '../../../src/core/errors.ts'
import type { Exchange, LocalReply, RequestHead, UpstreamInfo } from '../../../src/core/exchange.ts'
import { headerGet } from '../../../src/core/headers.ts'
import type { SharedFact } from '../../../src/core/ipc.ts'
import type { ChainLink } from '../../../src/core/tls-policy.ts'
import { OVERRIDE_PATH, Overrides } from '../../../src/enrol/override.ts'
import { Proofs } from '../../../src/enrol/proof.ts'
import { StrictHosts } from '../../../src/enrol/strict-hosts.ts'
import { decision, exchange, policyThat } from '../filters/fixture.ts'

const LEAF = createHash('sha256').update('leaf').digest('hex')
const OVERRIDABLE = ['origin-cert-expired', 'origin-cert-name', 'origin-cert-untrusted', 'origin-cert-weak']
const key = randomBytes(32)

interface Bench {
  overrides: Overrides
  strict: StrictHosts
  shared: SharedFact[]
  now: { ms: number }
}

function bench(override: 'allow' | 'never' = 'allow', secret = key, room = true): Bench {
  const shared: SharedFact[] = []
  const now = { ms: 1_000_000 }
  const policy = policyThat(decision())
  const strict = new StrictHosts()
  const overrides = new Overrides({
    policy: () => ({ ...policy, tls: { ...policy.tls, override } }),
    proofs: new Proofs(secret),
    strict,
    share: async fact => {
      shared.push(fact)
      return room
    },
    now: () => now.ms,
  })
  return { overrides, strict, shared, now }
}

function failed(code: ErrorCode, fingerprint = LEAF): WeirError {
  const error = new WeirError(code)
  error.chain = [{ fingerprint } as ChainLink]
  return error
}

/** As `exchange`, from a client that named the host in its hello. */
function from(clientAddr: string, sni: string | null, request: Partial<RequestHead> = {}): Exchange {
  const ex = exchange({ host: sni ?? '192.0.2.1', ...request })
  Object.assign(ex.conn, { clientAddr, hello: sni === null ? null : ({ sni } as HelloFacts) })
  return ex
}

const OWN = ['Origin', 'https://old.example', 'Sec-Fetch-Site', 'same-origin']

function send(path: string, more: Partial<RequestHead> = {}, client = '10.77.1.9', host = 'old.example'): Exchange {
  return from(client, host, { method: 'POST', path, headers: OWN, ...more })
}

test('a click is shared as a fact and leads back to where it was asked for', async t => {
  for (const code of OVERRIDABLE as ErrorCode[]) {
    const { overrides, shared, now } = bench()
    const path = overrides.offer(from('10.77.1.9', 'old.example', { path: '/a?b=c&d=%2F#x' }), failed(code))!
    t.true(path.startsWith(`${OVERRIDE_PATH}?`), code)
    const reply = await overrides.accept(send(path))
    t.is(reply.status, 303)
    t.is(headerGet(reply.headers, 'location'), 'https://old.example/a?b=c&d=%2F#x')
    t.is(headerGet(reply.headers, 'cache-control'), 'no-store')
    t.deepEqual(shared, [
      {
        kind: 'override',
        client: '10.77.1.9',
        host: 'old.example',
        fingerprint: LEAF,
        allow: [code.slice('origin-cert-'.length)],
        until: now.ms + 3_600_000,
      } as SharedFact,
    ])
  }
})

test('it is offered for nothing else, by no policy that does not allow it, and only where the page is seen', t => {
  const ex = () => from('10.77.1.9', 'old.example')
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    t.is(bench().overrides.offer(ex(), failed(code)) !== null, OVERRIDABLE.includes(code), code)
    t.is(bench('never').overrides.offer(ex(), failed(code)), null, code)
  }
  const { overrides } = bench()
  t.is(overrides.offer(ex(), new WeirError('origin-cert-expired')), null, 'no certificate is known')
  for (const request of [{ method: 'POST' }, { scheme: 'http' as const }])
    t.is(overrides.offer(from('10.77.1.9', 'old.example', request), failed('origin-cert-expired')), null)
})

test('without a name in the hello it is about the address', async t => {
  const { overrides, shared } = bench()
  const path = overrides.offer(from('10.77.1.9', null), failed('origin-cert-name'))!
  const ex = from('10.77.1.9', null, { method: 'POST', path, headers: ['Origin', 'https://192.0.2.1'] })
  t.is((await overrides.accept(ex)).status, 303)
  t.like(shared[0], { host: '192.0.2.1' })
})

test('what is sent by others, for others, changed, too late or from elsewhere is refused', async t => {
  const made = bench().overrides.offer(from('10.77.1.9', 'old.example'), failed('origin-cert-expired'))!
  const otherKey = bench('allow', randomBytes(32)).overrides
  const changed = (name: string, value: string) => {
    const query = new URLSearchParams(made.slice(OVERRIDE_PATH.length + 1))
    query.set(name, value)
    return send(`${OVERRIDE_PATH}?${query}`)
  }
  const header = (...headers: string[]) => send(made, { headers })
  const forged = otherKey.offer(from('10.77.1.9', 'old.example'), failed('origin-cert-expired'))!
  const table: Record<string, [Exchange, number]> = {
    'as made': [send(made), 303],
    GET: [send(made, { method: 'GET' }), 405],
    'another client': [send(made, {}, '10.77.1.10'), 403],
    'another host': [send(made, { headers: ['Origin', 'https://b.example'] }, '10.77.1.9', 'b.example'), 403],
    'plain HTTP': [send(made, { scheme: 'http', headers: ['Origin', 'http://old.example'] }), 403],
    'another key': [send(forged), 403],
    'no proof': [changed('proof', ''), 403],
    'half a proof': [changed('proof', 'AAAA'), 403],
    'another certificate': [changed('leaf', 'cd'.repeat(32)), 403],
    'another fault': [changed('allow', 'name'), 403],
    'no known fault': [changed('allow', 'old-tls'), 403],
    'another path': [changed('back', '//evil.example/'), 403],
    'a later end': [changed('until', '99999999999999'), 403],
    nothing: [send(OVERRIDE_PATH), 403],
    'cross-site': [header('Sec-Fetch-Site', 'cross-site', 'Origin', 'https://old.example'), 403],
    'same-site': [header('Sec-Fetch-Site', 'same-site'), 403],
    'another origin': [header('Origin', 'https://evil.example'), 403],
    'an origin that begins alike': [header('Origin', 'https://old.example.evil.example'), 403],
    'a plain origin': [header('Origin', 'http://old.example'), 403],
    'an opaque origin': [header('Origin', 'null'), 403],
    'no origin at all': [header(), 403],
    'an old browser': [header('origin', 'https://old.example'), 303],
  }
  for (const [what, [ex, status]] of Object.entries(table)) {
    const { overrides, shared } = bench()
    const reply = await overrides.accept(ex)
    t.is(reply.status, status, what)
    t.is(shared.length, status === 303 ? 1 : 0, what)
  }
  const never = bench('never')
  t.is((await never.overrides.accept(send(made))).status, 403)
  t.is(never.shared.length, 0)
})

test('a form that lay open too long leads back to a new page, and opens nothing', async t => {
  const { overrides, shared, now } = bench()
  const path = overrides.offer(from('10.77.1.9', 'old.example', { path: '/x' }), failed('origin-cert-weak'))!
  now.ms += 10 * 60_000
  const reply = await overrides.accept(send(path))
  t.is(headerGet(reply.headers, 'location'), 'https://old.example/x')
  t.is(shared.length, 0)
})

test('a host that forbids clicks gets no form, and one that was made before it said so is refused', async t => {
  const { overrides, strict, shared, now } = bench()
  const path = overrides.offer(from('10.77.1.9', 'old.example'), failed('origin-cert-expired'))!
  const ex = from('10.77.1.9', 'old.example')
  ex.upstream = { exception: '' } as UpstreamInfo
  const headers = ['Strict-Transport-Security', 'max-age=100']
  ex.response = { status: 200, reason: '', headers, version: 11, bodyLength: 0 }
  strict.note(ex, now.ms)
  t.is(overrides.offer(from('10.77.1.9', 'old.example'), failed('origin-cert-expired')), null)
  t.is((await overrides.accept(send(path))).status, 403)
  t.is(shared.length, 0)
  now.ms += 100_000
  t.is((await overrides.accept(send(path))).status, 303, 'until it no longer does')
})

test('without room it is told', async t => {
  const { overrides } = bench('allow', key, false)
  const path = overrides.offer(from('10.77.1.9', 'old.example'), failed('origin-cert-weak'))!
  t.is((await overrides.accept(send(path))).status, 503)
})

test('every path leads back to the host it came from, and to nowhere else', async t => {
  const { overrides } = bench()
  const wild = fc
    .string({ unit: 'binary-ascii', maxLength: 3000 })
    .map(text => `/${text.replace(/[\x00-\x20\x7f]/g, '')}`)
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(wild, fc.constantFrom('//evil.example', '/\\evil.example', '/@evil', '/.')),
      async path => {
        const offered = overrides.offer(from('10.77.1.9', 'old.example', { path }), failed('origin-cert-weak'))!
        t.true(offered.length < 10_000)
        const reply: LocalReply = await overrides.accept(send(offered))
        const location = headerGet(reply.headers, 'location')!
        t.is(location, `https://old.example${path.length > 2000 ? '/' : path}`)
        t.is(new URL(location).origin, 'https://old.example')
      },
    ),
  )
})

test('a proof speaks for one list of words and one purpose', t => {
  const proofs = new Proofs(key)
  const proof = proofs.make('try', ['a', 'b'])
  t.is(proof.length, 43)
  t.true(proofs.holds(proof, 'try', ['a', 'b']))
  t.false(proofs.holds(proof, 'override', ['a', 'b']))
  for (const parts of [['ab', ''], ['a'], ['a', 'b', ''], ['a","b']]) t.false(proofs.holds(proof, 'try', parts))
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => t.false(proofs.holds(text, 'try', ['a', 'b']))))
})
