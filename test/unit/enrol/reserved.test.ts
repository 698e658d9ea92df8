import { randomBytes, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { INSTALL_GUIDES } from '../../../ca/guides.ts'
import type { Exchange, LocalReply, RequestHead } from '../../../src/core/exchange.ts'
import type { CaHandout } from '../../../src/core/handout.ts'
import { headerGet } from '../../../src/core/headers.ts'
import type { SharedFact } from '../../../src/core/ipc.ts'
import { Overrides } from '../../../src/enrol/override.ts'
import { guessPlatform } from '../../../src/enrol/platform.ts'
import { Proofs } from '../../../src/enrol/proof.ts'
import { Reserved } from '../../../src/enrol/reserved.ts'
import { StrictHosts } from '../../../src/enrol/strict-hosts.ts'
import { languageOf } from '../../../src/enrol/words.ts'
import { pageType } from '../../../src/http/pages/accept.ts'
import { makeHandout } from '../../../src/supervisor/handout.ts'
import { decision, exchange, policyThat } from '../filters/fixture.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-enrol-'))
const ca = loadOrCreateCa(path.join(dir, 'ca')).public
const next = loadOrCreateCa(path.join(dir, 'next')).public
fs.rmSync(dir, { recursive: true })
const one = makeHandout([ca])
const two = makeHandout([ca, next])
const BROWSER = ['Accept', 'text/html,*/*;q=0.8']

interface Bench {
  ask(request: Partial<RequestHead>, client?: string): Promise<LocalReply | null>
  shared: SharedFact[]
  now: { ms: number }
  last(): Exchange
}

function bench(handout: CaHandout = one, key = Buffer.alloc(32, 1), room = true): Bench {
  const shared: SharedFact[] = []
  const now = { ms: 5_000_000 }
  const sharing = {
    proofs: new Proofs(key),
    now: () => now.ms,
    share: async (fact: SharedFact) => {
      shared.push(fact)
      return room
    },
  }
  const overrides = new Overrides({ policy: () => policyThat(decision()), strict: new StrictHosts(), ...sharing })
  const reserved = new Reserved({ handout: () => handout, overrides, pageType, ...sharing })
  let last = exchange()
  return {
    shared,
    now,
    last: () => last,
    async ask(request, client = '10.77.1.9') {
      last = exchange({ scheme: 'http', host: 'any.example', port: 80, path: '/.well-known/weir/', ...request })
      Object.assign(last.conn, { clientAddr: client })
      return await reserved.answer(last)
    },
  }
}

test('only the reserved path and the reserved host are ours, and they are no visit to the host', async t => {
  const { ask, last } = bench()
  for (const wanted of [
    { path: '/' },
    { path: '/.well-known/weir' },
    { path: '/.well-known/weird' },
    { path: '/x/.well-known/weir/' },
    { path: '/.well-known/acme-challenge/x' },
    { host: 'xweir.internal', path: '/' },
  ])
    t.is(await ask(wanted), null, JSON.stringify(wanted))
  t.is(last().decision, null)
  for (const ours of [{}, { host: 'weir.internal', path: '/any/thing' }, { host: 'weir.internal', path: '*' }])
    t.is((await ask(ours))?.status, 200)
  t.like(last().decision, { verdict: 'allow', reason: { code: 'enrolling' } })
  t.is((await ask({ path: '/.well-known/weir/x' }))?.status, 404)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) t.is((await ask({ method }))?.status, 405)
})

test('the page in the form and the language the client reads', async t => {
  const { ask } = bench()
  const english = (await ask({ headers: BROWSER }))!
  t.is(headerGet(english.headers, 'content-type'), 'text/html; charset=utf-8')
  t.regex(english.body.toString(), /<html lang="en">.*Set this device up/s)
  const german = (await ask({ headers: [...BROWSER, 'Accept-Language', 'de-AT,de;q=0.9,en;q=0.5'] }))!
  t.regex(german.body.toString(), /<html lang="de">.*Dieses Gerät/s)
  const text = (await ask({}))!
  t.is(headerGet(text.headers, 'content-type'), 'text/plain; charset=utf-8')
  t.true(text.body.toString().includes('http://any.example/.well-known/weir/ca.pem'))
  const json = JSON.parse((await ask({ headers: ['Accept', 'application/json'] }))!.body.toString())
  t.is(json.trusted, null)
  t.is(json.authorities[0].sha256, ca.sha256)
})

test('the page loads nothing but its own script, keeps nothing, and is framed by nobody', async t => {
  const { ask } = bench()
  const { headers, body } = (await ask({ headers: BROWSER }))!
  t.is(headerGet(headers, 'cache-control'), 'no-store')
  t.is(headerGet(headers, 'set-cookie'), null)
  const csp = headerGet(headers, 'content-security-policy')!
  t.regex(
    csp,
    /default-src 'none'.*script-src 'self';.*connect-src 'self' https:\/\/any\.example;.*frame-ancestors 'none'/,
  )
  t.deepEqual(body.toString().match(/<script[^>]*>/g), ['<script src="/.well-known/weir/trust.js" defer>'])
  t.false(/\son\w+=|<img|<iframe/.test(body.toString()))
  const script = (await ask({ path: '/.well-known/weir/trust.js' }))!
  t.is(headerGet(script.headers, 'content-type'), 'text/javascript; charset=utf-8')
  t.is(headerGet(script.headers, 'x-content-type-options'), 'nosniff')
})

test('every guide is there, the one of the device at hand first and open', async t => {
  const { ask } = bench()
  const html = (await ask({
    headers: [...BROWSER, 'User-Agent', 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)'],
  }))!.body.toString()
  const ids = [...html.matchAll(/<details name="platform" id="([a-z-]+)"( open)?/g)].map(
    ([, id, open]) => `${id}${open ?? ''}`,
  )
  t.is(ids[0], 'ios open')
  t.deepEqual([...ids].sort(), INSTALL_GUIDES.map(({ id }) => (id === 'ios' ? 'ios open' : id)).sort())
  t.true(html.includes(ca.sha256.toUpperCase().slice(0, 2)))
})

test('files: the right type, the right bytes, the next authority only while there is one', async t => {
  const types = {
    pem: 'application/x-pem-file',
    der: 'application/x-x509-ca-cert',
    p12: 'application/x-pkcs12',
    mobileconfig: 'application/x-apple-aspen-config',
  }
  const { ask } = bench(two)
  for (const [format, type] of Object.entries(types)) {
    const reply = (await ask({ path: `/.well-known/weir/ca.${format}?x=1` }))!
    t.is(reply.status, 200, format)
    t.is(headerGet(reply.headers, 'content-type'), type)
    t.regex(headerGet(reply.headers, 'content-disposition')!, /^(attachment|inline); filename="weir-ca\.\w+"$/)
    t.false(reply.body.includes('PRIVATE'))
  }
  const pem = async (name: string, from = ask) =>
    new X509Certificate((await from({ path: `/.well-known/weir/${name}.pem` }))!.body).fingerprint256
  t.is((await pem('ca')).replaceAll(':', '').toLowerCase(), ca.sha256)
  t.is((await pem('next')).replaceAll(':', '').toLowerCase(), next.sha256)
  t.true((await ask({ headers: BROWSER }))!.body.toString().includes('/.well-known/weir/next.pem'))
  t.is((await bench(one).ask({ path: '/.well-known/weir/next.pem' }))!.status, 404)
  t.false((await bench(one).ask({ headers: BROWSER }))!.body.toString().includes('next.pem'))
  for (const name of ['ca.key', 'ca.', 'ca', 'CA.pem', '../ca.pem', 'ca.pem/'])
    t.is((await ask({ path: `/.well-known/weir/${name}` }))!.status, 404, name)
})

// ── the trial ──────────────────────────────────────────────────────────────────────────────────────────────────────

const OWN = [...BROWSER, 'Origin', 'http://any.example']

async function tryPath({ ask }: Bench, request: Partial<RequestHead> = {}, client?: string): Promise<string> {
  const html = (await ask({ headers: BROWSER, ...request }, client))!.body.toString()
  return /action="([^"]+)"/.exec(html)![1]!.replaceAll('&amp;', '&')
}

test('to look at the page changes nothing; its button has the device tried', async t => {
  const box = bench()
  const path = await tryPath(box)
  t.is(box.shared.length, 0)
  const reply = (await box.ask({ method: 'POST', path, headers: OWN }))!
  t.is(reply.status, 303)
  t.is(headerGet(reply.headers, 'location'), 'https://any.example/.well-known/weir/')
  const scripted = (await box.ask({
    method: 'POST',
    path,
    headers: ['Accept', '*/*', 'Origin', 'http://any.example'],
  }))!
  t.is(scripted.status, 204, 'the script is not led on')
  t.is(box.shared.length, 2)
  box.shared.pop()
  t.deepEqual(box.shared, [{ kind: 'enrolling', client: '10.77.1.9', host: 'any.example', until: box.now.ms + 30_000 }])
})

test('nobody else can have a device tried', async t => {
  const box = bench()
  const path = await tryPath(box)
  const foreign = await tryPath(bench(one, randomBytes(32)))
  const elsewhere = await tryPath(box, { host: 'bank.example' })
  const table: Record<string, [Partial<RequestHead>, number, string?]> = {
    GET: [{ path, headers: OWN }, 405],
    'another client': [{ method: 'POST', path, headers: OWN }, 403, '10.77.1.10'],
    'another host': [{ method: 'POST', path, host: 'bank.example', headers: ['Origin', 'http://bank.example'] }, 403],
    'of another host': [{ method: 'POST', path: elsewhere, headers: OWN }, 403],
    'another key': [{ method: 'POST', path: foreign, headers: OWN }, 403],
    'no proof': [{ method: 'POST', path: '/.well-known/weir/try', headers: OWN }, 403],
    'another site': [{ method: 'POST', path, headers: ['Origin', 'http://evil.example'] }, 403],
    'no origin': [{ method: 'POST', path, headers: [] }, 403],
    'as made': [{ method: 'POST', path, headers: OWN }, 303],
  }
  for (const [what, [request, status, client]] of Object.entries(table))
    t.is((await box.ask(request, client))!.status, status, what)
  t.is(box.shared.length, 1)
  box.now.ms += 15 * 60_000
  t.is((await box.ask({ method: 'POST', path, headers: OWN }))!.status, 403, 'too late')
  const full = bench(one, undefined, false)
  t.is((await full.ask({ method: 'POST', path: await tryPath(full), headers: OWN }))!.status, 503)
})

test('the answer of the trial: over https, and readable for the page of the same host alone', async t => {
  const { ask } = bench()
  const trusted = (origin: string | null, more: Partial<RequestHead> = {}) =>
    ask({
      scheme: 'https',
      port: 443,
      path: '/.well-known/weir/trusted',
      headers: origin === null ? [] : ['Origin', origin],
      ...more,
    })
  const reply = (await trusted('http://any.example'))!
  t.is(reply.body.toString(), `weir ${ca.sha256}\n`)
  t.is(headerGet(reply.headers, 'access-control-allow-origin'), 'http://any.example')
  t.is(headerGet(reply.headers, 'cache-control'), 'no-store')
  t.is(
    headerGet((await trusted('http://any.example:8080'))!.headers, 'access-control-allow-origin'),
    'http://any.example:8080',
  )
  const v6 = (await trusted('http://[2001:db8::1]', { host: '2001:db8::1' }))!
  t.is(headerGet(v6.headers, 'access-control-allow-origin'), 'http://[2001:db8::1]')
  for (const origin of [
    null,
    'null',
    'https://any.example',
    'http://any.example.evil.example',
    'http://any.example:x',
    'http://evil.example',
  ])
    t.is(headerGet((await trusted(origin))!.headers, 'access-control-allow-origin'), null, String(origin))
  t.is((await trusted(null, { scheme: 'http', port: 80 }))!.status, 404)
})

test('who reads the page over https has the answer', async t => {
  const { ask } = bench()
  const html = (await ask({ scheme: 'https', port: 443, headers: BROWSER }))!.body.toString()
  t.regex(html, /data-state="yes"/)
  t.false(html.includes('<script') || html.includes('<form'))
})

// ── hints ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('languages and platforms are guessed from hints of any shape', t => {
  const languages: [string | null, string][] = [
    [null, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['DE-ch', 'de'],
    ['en-GB,en;q=0.9,de;q=0.8', 'en'],
    ['fr,de;q=0.3', 'de'],
    ['de;q=0', 'en'],
    ['de;q=0.5,en;q=0.6', 'en'],
    ['den', 'en'],
    [`${'x,'.repeat(100_000)}de`, 'en'],
  ]
  for (const [header, language] of languages) t.is(languageOf(header), language as 'en', String(header).slice(0, 40))
  const platforms: [string | null, string][] = [
    [null, ''],
    ['curl/8.0', ''],
    ['Mozilla/5.0 (Linux; Android 16; Pixel)', 'android'],
    ['Mozilla/5.0 (X11; CrOS x86_64 16000)', 'chromeos'],
    ['Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0', 'windows'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'firefox'],
    ['Mozilla/5.0 (X11; Linux x86_64) Chrome/150', 'linux'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X)', 'macos'],
  ]
  for (const [header, id] of platforms) t.is(guessPlatform(header), id, String(header))
  const ids = new Set(['', ...INSTALL_GUIDES.map(guide => guide.id)])
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), header => {
      t.true(ids.has(guessPlatform(header)))
      t.true(['en', 'de'].includes(languageOf(header)))
    }),
  )
})

test('nothing of a request becomes markup', async t => {
  const { ask } = bench()
  const shape = (html: string) => html.replace(/until=\d+|proof=[\w-]+/g, '').replaceAll(/any\.example/g, '')
  const right = shape((await ask({ headers: BROWSER }))!.body.toString())
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async text => {
      const wild = `<script>"'${text}`
      const headers = [...BROWSER, 'User-Agent', wild, 'Accept-Language', wild, 'Referer', wild, 'Cookie', wild]
      const reply = (await ask({ headers, path: `/.well-known/weir/?${text}<script>` }))!
      if (!/Android|iP|CrOS|Windows|Mac|Firefox|Linux|de/.test(text)) t.is(shape(reply.body.toString()), right)
      t.true(reply.body.length < 40_000)
    }),
  )
})

test('whatever is asked below the reserved path is answered, and opens nothing', async t => {
  const box = bench()
  const names = fc.constantFrom('', 'try', 'trusted', 'override', 'ca.', 'next.', 'trust.js', '../', '%2e%2e/')
  const text = fc.string({ unit: 'binary-ascii', maxLength: 300 })
  const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'x')
  await fc.assert(
    fc.asyncProperty(names, text, methods, fc.boolean(), async (name, rest, method, secure) => {
      const scheme = secure ? 'https' : 'http'
      const headers = ['Origin', `${scheme}://any.example${secure ? ':80' : ''}`]
      const reply = (await box.ask({ path: `/.well-known/weir/${name}?${rest}`, method, scheme, headers }))!
      t.true([200, 403, 404, 405].includes(reply.status), String(reply.status))
      const bare = (await box.ask({ path: `/.well-known/weir/${name}${rest}`, method, scheme, headers }))!
      t.true([200, 403, 404, 405].includes(bare.status), String(bare.status))
    }),
  )
  t.is(box.shared.length, 0)
})
