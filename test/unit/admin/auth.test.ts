import test from 'ava'
import { SignInLimiter } from '../../../src/admin/rate-limit.ts'
import { startBox } from './box.ts'

test('sign in, be someone, sign out; the cookie is HttpOnly, Strict and for the session', async t => {
  const box = await startBox(t)
  const response = await box.post('/api/v1/session', { user: box.user, password: box.password })
  t.is(response.status, 200)
  const cookie = response.headers.getSetCookie()[0]!
  t.regex(cookie, /^weir_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  const token = cookie.split(';')[0]!
  t.like(await (await box.get('/api/v1/session', token)).json(), {
    user: 'admin',
    role: 'admin',
    mustChangePassword: true,
  })
  const out = await fetch(`${box.base}/api/v1/session`, { method: 'DELETE', headers: { cookie: token } })
  t.is(out.status, 200)
  t.is((await box.get('/api/v1/session', token)).status, 401)
})

test('without a session every route but the open ones is 401', async t => {
  const box = await startBox(t)
  for (const path of [
    'session',
    'summary',
    'traffic',
    'exchanges',
    'exchanges/1',
    'connections',
    'live',
    'status',
    'policy',
    'explain',
    'nonsense',
  ]) {
    const response = await box.get(`/api/v1/${path}`)
    t.is(response.status, 401, path)
    t.like(await response.json(), { error: { code: 'sign-in' } })
  }
  t.is((await box.post('/api/v1/policy', { text: '' })).status, 401)
  t.is((await box.post('/api/v1/cache/purge', { host: null })).status, 401)
  for (const path of ['ca', 'ca/cert.pem', 'ca/cert.der', 'ca/cert.p12', 'ca/cert.mobileconfig', 'openapi.json']) {
    t.is((await box.get(`/api/v1/${path}`)).status, 200, path)
  }
  t.is((await box.get('/api/v1/session', `weir_session=${'x'.repeat(43)}`)).status, 401)
  t.is((await box.get('/api/v1/session', `weir_session=${'x'.repeat(5000)}`)).status, 401)
})

test('wrong user and wrong password get the same answer, and too many of them a pause', async t => {
  const box = await startBox(t)
  const wrong = async (user: string): Promise<unknown> => {
    const response = await box.post('/api/v1/session', { user, password: 'wrong password' })
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    return { status: response.status, code: error.code, message: error.message }
  }
  t.deepEqual(await wrong('admin'), await wrong('nobody'))
  for (let i = 0; i < 8; i++) await wrong('nobody')
  const refused = await box.post('/api/v1/session', { user: box.user, password: box.password })
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 200)
})

test('writes from another site are refused, whatever they carry', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `${box.base}.evil.example` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: box.base },
  ]) {
    const response = await box.post('/api/v1/cache/purge', { host: null }, { cookie, ...headers })
    t.is(response.status, 403, JSON.stringify(headers))
  }
  t.is(box.asked.length, 0)
  const own = { cookie, origin: box.base, 'sec-fetch-site': 'same-origin' }
  t.is((await box.post('/api/v1/cache/purge', { host: null }, own)).status, 200)
})

test('a new password ends the other sessions and the old password', async t => {
  const box = await startBox(t)
  const [mine, other] = [await box.signIn(), await box.signIn()]
  const change = (current: string, next: string) =>
    box.post('/api/v1/session/password', { current, next }, { cookie: mine })
  t.is((await change('not it at all', 'a new long password')).status, 401)
  t.is((await change(box.password, 'short')).status, 422)
  t.is((await change(box.password, 'a new long password')).status, 200)
  t.like(await (await box.get('/api/v1/session', mine)).json(), { mustChangePassword: false })
  t.is((await box.get('/api/v1/session', other)).status, 401)
  t.is((await box.post('/api/v1/session', { user: 'admin', password: box.password })).status, 401)
})

test('a session ends after twelve idle hours', async t => {
  let now = Date.now()
  const box = await startBox(t, { now: () => now })
  const cookie = await box.signIn()
  now += 11 * 3_600_000
  t.is((await box.get('/api/v1/session', cookie)).status, 200)
  now += 11 * 3_600_000
  t.is((await box.get('/api/v1/session', cookie)).status, 200)
  now += 12 * 3_600_000
  t.is((await box.get('/api/v1/session', cookie)).status, 401)
})

test('a bearer token works for scripts and for metrics, and can be taken back', async t => {
  const box = await startBox(t)
  const authorization = `Bearer ${box.accounts.createBearer('monitoring', 'admin')}`
  t.is((await box.get('/api/v1/status', '', { authorization })).status, 200)
  t.true(box.accounts.deleteBearer('monitoring'))
  t.is((await box.get('/api/v1/status', '', { authorization })).status, 401)
})

test('the limiter counts per address and per user, forgets in time, and its memory is bounded', t => {
  let now = 0
  const limiter = new SignInLimiter(() => now)
  const fail = (addr: string, user: string): number => {
    const wait = limiter.begin(addr, user)
    if (wait === 0) limiter.end(addr, user, false)
    return wait
  }
  for (let i = 0; i < 10; i++) t.is(fail('a', `user${i}`), 0)
  t.is(fail('a', 'other'), 300)
  for (let i = 0; i < 50; i++) t.is(fail(`b${i}`, 'admin'), 0)
  t.is(fail('c', 'admin'), 300)
  now += 300_000
  t.is(fail('a', 'admin'), 0)
  for (let i = 0; i < 30_000; i++) fail(`flood${i}`, `flood${i}`)
  const windows = (limiter as unknown as { windows: { size: number } }).windows
  t.is(windows.size, 10_000)
  // Two hashes at a time.
  t.is(limiter.begin('x', 'x'), 0)
  t.is(limiter.begin('y', 'y'), 0)
  t.is(limiter.begin('z', 'z'), 1)
})
