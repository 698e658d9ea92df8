import test from 'ava'
import fc from 'fast-check'
import { NO_REASON } from '../../../src/core/decision.ts'
import { ERRORS, type ErrorCode, WeirError } from '../../../src/core/errors.ts'
import type { LocalReply } from '../../../src/core/exchange.ts'
import { headerGet } from '../../../src/core/headers.ts'
import { type PageType, pageType } from '../../../src/http/pages/accept.ts'
import { blockPage, errorPage, type PageFacts } from '../../../src/http/pages.ts'
import { decision, exchange } from '../filters/fixture.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
const LISTED = { code: 'list' as const, rule: 'Games & "co"', line: 18, list: 'games', listLine: 77 }

function blocked(accept: string): LocalReply {
  const ex = exchange({ host: 'games.example', headers: ['Accept', accept] })
  ex.decision = decision({ verdict: 'block', reason: LISTED })
  return blockPage(ex)
}

function facts(more: Partial<PageFacts> = {}): PageFacts {
  return { host: 'a.example', headers: ['accept', BROWSER], time: 0, reference: 'w1-7', reason: NO_REASON, ...more }
}

test('the block page says host, rule, list line and reference, in the form the client reads', t => {
  const html = blocked(BROWSER).body.toString()
  for (const part of [
    'games.example',
    'Games &amp; &quot;co&quot; (line 18)',
    'games (line 77)',
    'w1-7',
    '1970-01-01',
  ]) {
    t.true(html.includes(part), part)
  }
  const text = blocked('*/*').body.toString()
  for (const part of ['games.example', 'Games & "co" (line 18)', 'games (line 77)', 'w1-7'])
    t.true(text.includes(part), part)
  t.like(JSON.parse(blocked('application/json').body.toString()), {
    error: 'policy-blocked',
    fault: 'policy',
    status: 403,
    host: 'games.example',
    rule: 'Games & "co"',
    line: 18,
    list: 'games',
    listLine: 77,
    time: '1970-01-01T00:00:02.000Z',
    reference: 'w1-7',
  })
})

test('head fields: typed, never stored, never sniffed, nothing may load', t => {
  const { status, headers } = blocked(BROWSER)
  t.is(status, 403)
  t.is(headerGet(headers, 'content-type'), 'text/html; charset=utf-8')
  t.is(headerGet(headers, 'cache-control'), 'no-store')
  t.is(headerGet(headers, 'x-content-type-options'), 'nosniff')
  t.regex(headerGet(headers, 'content-security-policy')!, /^default-src 'none'; style-src 'unsafe-inline'/)
  t.is(headerGet(headers, 'content-length'), null)
  t.is(headerGet(headers, 'retry-after'), null)
  t.is(headerGet(errorPage(facts(), new WeirError('self-overloaded')).headers, 'retry-after'), '5')
})

test('every error has a whole page, with a status and its fault', t => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const page = errorPage(facts(), new WeirError(code, 'Detail here.'))
    t.true(page.status >= 400 && page.status < 600, code)
    const html = page.body.toString()
    t.true(html.startsWith('<!doctype html>') && html.endsWith('</html>\n'), code)
    t.true(html.includes('Detail here.') && html.includes(`class="${ERRORS[code].fault}"`), code)
    t.false(/<script|<img|<link|https?:|undefined/.test(html), code)
  }
})

test('a rule is named only where the policy is the cause', t => {
  const reason = { ...LISTED, rule: 'Some rule' }
  t.false(errorPage(facts({ reason }), new WeirError('origin-timeout')).body.toString().includes('Some rule'))
})

test('nothing from the network becomes markup, in any form or length', t => {
  const wild = fc.string({ unit: 'binary', maxLength: 400 })
  const marked = fc
    .tuple(wild, fc.constantFrom('<script>alert(1)</script>', '"><img src=x>', "' onload=x", '&lt;', '\u202e'))
    .map(parts => parts.join(''))
  const shape = errorPage(facts(), new WeirError('policy-blocked', 'x'))
    .body.toString()
    .replace(/>[^<]*</g, '><')
  fc.assert(
    fc.property(marked, marked, marked, (host, detail, rule) => {
      const reason = { ...LISTED, rule, list: rule }
      const html = errorPage(
        facts({ host: `h${host}`, reason }),
        new WeirError('policy-blocked', `d${detail}`),
      ).body.toString()
      const bare = html.replace(/>[^<]*</g, '><')
      t.is(bare.replace('<dt></dt><dd></dd><dt></dt><dd></dd>', ''), shape)
      t.false(/[\u202a-\u202e\u2066-\u2069]/.test(html))
      t.true(html.length < 12_000)
      const json = errorPage(
        facts({ host, reason, headers: ['accept', 'application/json'] }),
        new WeirError('policy-blocked', detail),
      )
      t.is(typeof JSON.parse(json.body.toString()), 'object')
      const text = errorPage(
        facts({ host, reason, headers: [] }),
        new WeirError('policy-blocked', detail),
      ).body.toString()
      t.false(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(text))
    }),
  )
})

test('Accept chooses the form', t => {
  const table: [string | null, PageType][] = [
    [BROWSER, 'html'],
    ['*/*', 'text'],
    [null, 'text'],
    ['', 'text'],
    ['image/avif,image/*,*/*;q=0.8', 'text'],
    ['application/json, text/plain, */*', 'json'],
    ['application/problem+json', 'json'],
    ['text/plain, application/json;q=0.5', 'text'],
    ['text/html;q=0, application/json', 'json'],
    ['TEXT/HTML ; charset=utf-8 ; q=0.3', 'html'],
    ['text/html;q=0.3, application/json;q=0.9', 'json'],
    [`${'a/b,'.repeat(100_000)}text/html`, 'text'],
  ]
  for (const [accept, type] of table) t.is(pageType(accept), type, String(accept).slice(0, 60))
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), accept => {
      t.true(['html', 'json', 'text'].includes(pageType(accept)))
    }),
  )
})
