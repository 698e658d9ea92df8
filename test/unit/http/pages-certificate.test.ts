import test from 'ava'
import fc from 'fast-check'
import YAML from 'yaml'
import { NO_REASON } from '../../../src/core/decision.ts'
import { ERRORS, type ErrorCode, WeirError } from '../../../src/core/errors.ts'
import { headerGet } from '../../../src/core/headers.ts'
import { type ChainLink, OVERLOOKABLE } from '../../../src/core/tls-policy.ts'
import { blockPage, errorPage, type PageFacts } from '../../../src/http/pages.ts'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { exchange } from '../filters/fixture.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const CODES = (Object.keys(ERRORS) as ErrorCode[]).filter(code => code.startsWith('origin-cert-'))
const OFFER = '/.well-known/weir/override?leaf=1&proof=2'

function link(more: Partial<ChainLink> = {}): ChainLink {
  return {
    subject: 'CN=old.example',
    issuer: 'CN=Some Authority',
    names: ['old.example', 'www.old.example'],
    notBefore: Date.parse('2025-01-01T00:00:00Z'),
    notAfter: Date.parse('2026-01-01T00:00:00Z'),
    serial: '04:8f',
    key: 'EC P-256',
    signature: 'ecdsa-with-SHA256',
    fingerprint: 'ab'.repeat(32),
    fault: '',
    ...more,
  }
}

function page(
  code: ErrorCode,
  accept: string,
  chain: ChainLink[] | null,
  more: Partial<PageFacts> = {},
  override: string | null = null,
) {
  const error = new WeirError(code, 'Its time is over.')
  error.chain = chain
  const facts = {
    host: 'old.example',
    headers: ['accept', accept],
    time: NOW,
    reference: 'w1-7',
    reason: NO_REASON,
    ...more,
  }
  return errorPage(facts, error, { override, enrol: false })
}

const html = (...args: [ErrorCode, ChainLink[] | null, (Partial<PageFacts> | undefined)?, (string | null)?]) =>
  page(args[0], 'text/html', args[1], args[2], args[3] ?? null).body.toString()

test('for every refusal: 526, whose certificate it is and is not, and the chain to look at', t => {
  for (const code of CODES) {
    t.is(page(code, 'text/html', [link()]).status, 526, code)
    const text = html(code, [link({ fault: 'Expired here.' }), link({ subject: 'CN=Some Authority' })])
    for (const part of [
      'lies with the web site',
      'the gateway’s own',
      'The chain of certificates (2)',
      'class="wrong">Expired here.<',
      'CN=Some Authority',
      'old.example, www.old.example',
      '2026-01-01 00:00:00 UTC',
      'ab'.repeat(32),
      code,
    ])
      t.true(text.includes(part), `${code}: ${part}`)
    t.false(/undefined|Something went wrong/.test(text), code)
  }
  t.is(page('origin-client-cert', 'text/html', null).status, 502)
  t.regex(html('origin-client-cert', null), /Try again\. From the second time on/)
  t.false(html('origin-client-cert', null).includes('<table'))
})

test('programs get the chain as text or as JSON', t => {
  const chain = [link({ fault: 'Expired here.' }), link()]
  const text = page('origin-cert-expired', '*/*', chain).body.toString()
  t.regex(text, /^The certificate of this web site is out of date$/m)
  t.regex(text, /^ {2}Wrong here {3}Expired here\.$/m)
  const json = JSON.parse(page('origin-cert-expired', 'application/json', chain).body.toString())
  t.like(json, { error: 'origin-cert-expired', fault: 'origin', status: 526 })
  t.deepEqual(json.chain[0].names, ['old.example', 'www.old.example'])
  t.is(json.chain[0].fault, 'Expired here.')
  t.false('chain' in JSON.parse(page('origin-tls', 'application/json', null).body.toString()))
})

test('the exception to paste is a policy document that does what it says, and is there only where one is possible', t => {
  for (const code of CODES) {
    const yaml = /<pre[^>]*>([^<]*)<\/pre>/.exec(html(code, [link()]))?.[1]?.replaceAll('&quot;', '"')
    t.is(yaml !== undefined, code in OVERLOOKABLE, code)
    if (yaml === undefined) continue
    t.deepEqual(YAML.parse(yaml).exceptions[0].allow, [OVERLOOKABLE[code]])
    const { policy, problems } = compilePolicy(`version: 1\n${yaml}\n`, {
      defaultTier: 'inspect',
      version: '1',
      readList: () => '',
    })
    t.deepEqual(problems, [])
    t.true(policy!.exceptionFor('old.example', NOW)!.allow.has(OVERLOOKABLE[code]!))
    t.is(policy!.exceptionFor('old.example', NOW + 32 * 86_400_000), null)
  }
  for (const host of ['2001:db8::1', '192.0.2.1', 'xn--bcher-kva.example', 'a_b.example']) {
    const yaml = /<pre[^>]*>([^<]*)<\/pre>/
      .exec(html('origin-cert-name', null, { host }))![1]!
      .replaceAll('&quot;', '"')
    t.is(YAML.parse(yaml).exceptions[0].host, host)
  }
})

test('the form is on the page only when one is offered, cannot be framed, and is for browsers alone', t => {
  const without = page('origin-cert-expired', 'text/html', [link()])
  t.false(without.body.toString().includes('<form'))
  t.regex(headerGet(without.headers, 'content-security-policy')!, /form-action 'none'/)
  const withForm = page('origin-cert-expired', 'text/html', [link()], {}, OFFER)
  t.true(
    withForm.body.toString().includes('<form method="post" action="/.well-known/weir/override?leaf=1&amp;proof=2">'),
  )
  t.regex(headerGet(withForm.headers, 'content-security-policy')!, /form-action 'self'; frame-ancestors 'none'/)
  t.true(withForm.body.toString().includes('name="referrer" content="same-origin"'))
  for (const accept of ['*/*', 'application/json'])
    t.false(page('origin-cert-expired', accept, [link()], {}, OFFER).body.includes('override'))
})

test('a device that does not trust us is shown the way to do so', t => {
  for (const enrol of [true, false]) {
    const ex = exchange({ scheme: 'http', headers: ['Accept', 'text/html'] })
    const link = 'href="/.well-known/weir/"'
    t.is(blockPage(ex, { override: null, enrol }).body.toString().includes(link), enrol)
    t.is(
      errorPage(ex, new WeirError('origin-timeout'), { override: null, enrol }).body.toString().includes(link),
      enrol,
    )
  }
})

test('an old server gets an exception for its old TLS, by an admin alone', t => {
  const yaml = /<pre[^>]*>([^<]*)<\/pre>/.exec(html('origin-tls', null))![1]!
  t.regex(yaml, /allow: \[old-tls\]/)
})

test('hostile certificates: no markup, no hidden characters, no page without end', t => {
  const wild = fc
    .tuple(
      fc.string({ unit: 'binary', maxLength: 500 }),
      fc.constantFrom('<script>alert(1)</script>', '"><img src=x>', "' onload=x", '\u202e', '\r\n\x1b[2J', '&lt;'),
    )
    .map(parts => parts.join(''))
  const time = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -8.64e15, 8.65e15))
  const links = fc.array(
    fc.record({
      subject: wild,
      issuer: wild,
      names: fc.array(wild, { maxLength: 60 }),
      notBefore: time,
      notAfter: time,
      serial: wild,
      key: wild,
      signature: wild,
      fingerprint: wild,
      fault: wild,
    }),
    { minLength: 1, maxLength: 14 },
  )
  const tags = /^(<\/?(table|caption|tr|td|th|details|summary|div|p)( (class="(fault|wrong|hex)"|scope="row"))?>)*$/
  fc.assert(
    fc.property(links, chain => {
      const text = html('origin-cert-invalid', chain)
      const block = text.slice(text.indexOf('<details>'), text.lastIndexOf('<details>'))
      t.regex(block.replace(/[^<>]+(?=<)/g, ''), tags)
      t.false(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(text))
      t.true(text.length < 80_000)
      const json = page('origin-cert-invalid', 'application/json', chain).body
      t.true(JSON.parse(json.toString()).chain.length <= 10)
      const plain = page('origin-cert-invalid', '*/*', chain).body.toString()
      t.false(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(plain))
      t.true(plain.length < 60_000)
    }),
    { numRuns: 60 },
  )
})
