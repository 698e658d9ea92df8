import test from 'ava'
import { NO_REASON, type RequestFacts } from '../../../src/core/decision.ts'
import type { LocalReply } from '../../../src/core/exchange.ts'
import { block } from '../../../src/filters/block.ts'
import { FILTERS } from '../../../src/filters/index.ts'
import { reserved } from '../../../src/filters/reserved.ts'
import { responseHygiene } from '../../../src/filters/response-hygiene.ts'
import { strictTransport } from '../../../src/filters/strict-transport.ts'
import { decision, exchange, policyThat, reply } from './fixture.ts'

const REASON = { ...NO_REASON, code: 'rule' as const, rule: 'Games', line: 4 }
const page = reply(403)

function blockWith(answer = decision(), asked: RequestFacts[] = []) {
  return block({
    policy: () => policyThat(answer, asked),
    blockPage: () => page,
    reserved: () => null,
    noteStrict: () => {},
  })
}

test('block asks the policy in force with all that is known, and notes the answer', t => {
  const asked: RequestFacts[] = []
  const ex = exchange()
  t.is(blockWith(decision(), asked).onRequest!(ex), null)
  t.deepEqual(asked, [
    {
      clientAddr: '10.77.1.9',
      dstAddr: '192.0.2.1',
      dstPort: 443,
      host: 'www.example',
      now: 2000,
      scheme: 'https',
      path: '/a?b',
    },
  ])
  t.is(ex.decision?.verdict, 'allow')
  t.is(blockWith(decision({ verdict: 'block', reason: REASON })).onRequest!(ex) as LocalReply, page)
  t.is(ex.decision?.reason, REASON)
})

test('the tier in the log is the one the connection really had', t => {
  const ex = exchange()
  ex.conn.decision = decision({ tier: 'inspect', tierReason: REASON })
  blockWith(decision({ tier: 'pass' })).onRequest!(ex)
  t.like(ex.decision, { tier: 'inspect', tierReason: REASON })
})

test('a name refused in the handshake stays refused, whatever the Host inside says', t => {
  const ex = exchange({ host: 'harmless.example' })
  ex.conn.decision = decision({ verdict: 'block', reason: REASON })
  t.is(blockWith().onRequest!(ex) as LocalReply, page)
  t.is(ex.decision?.reason, REASON)
  const plain = exchange({ scheme: 'http' })
  plain.conn.decision = decision({ verdict: 'block', reason: REASON })
  t.is(blockWith().onRequest!(plain), null)
})

test('Alt-Svc and its forerunner go, everything else stays as it was', t => {
  const ex = exchange()
  const headers = [
    'Server',
    'x',
    'ALT-SVC',
    'h3=":443"',
    'X-Alt-Svc',
    'kept',
    'alternate-protocol',
    '443:quic',
    'alt-svc',
    'clear',
    'Set-Cookie',
    'a',
  ]
  ex.response = { status: 200, reason: 'OK', headers, version: 11, bodyLength: 0 }
  t.is(
    responseHygiene({
      policy: () => policyThat(decision()),
      blockPage: () => page,
      reserved: () => null,
      noteStrict: () => {},
    }).onResponse!(ex),
    null,
  )
  t.deepEqual(ex.response.headers, ['Server', 'x', 'X-Alt-Svc', 'kept', 'Set-Cookie', 'a'])
})

test('who forbids to click warnings away is noted only where policy lets people do so', t => {
  for (const override of ['never', 'allow'] as const) {
    const noted: unknown[] = []
    const policy = policyThat(decision())
    const filter = strictTransport({
      policy: () => ({ ...policy, tls: { ...policy.tls, override } }),
      blockPage: () => page,
      reserved: () => null,
      noteStrict: ex => void noted.push(ex),
    })
    const ex = exchange()
    t.is(filter.onResponse!(ex), null)
    t.deepEqual(noted, override === 'allow' ? [ex] : [])
  }
})

test('what is addressed to us is answered first, then comes refusing', t => {
  t.deepEqual(FILTERS.slice(0, 2), [reserved, block])
  const asked: unknown[] = []
  const ask = (ex: unknown) => {
    asked.push(ex)
    return page
  }
  const ex = exchange()
  t.is(
    reserved({ policy: () => policyThat(decision()), blockPage: () => page, reserved: ask, noteStrict: () => {} })
      .onRequest!(ex),
    page,
  )
  t.deepEqual(asked, [ex])
})
