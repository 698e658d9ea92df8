import test from 'ava'
import fc from 'fast-check'
import YAML from 'yaml'
import type { TrafficRow } from '../../src/admin/api.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { compileFilter, parseFilter } from '../../src/store/filter-language.ts'
import { outcomeOf, sameClient, sameHost, terms, withOutcome } from '../../web-ui/src/lib/filter.ts'
import { address, appendOlder, mergeNewer, OUTCOMES, outcome } from '../../web-ui/src/lib/rows.ts'
import { ruleText } from '../../web-ui/src/lib/rule-text.ts'
import { readEvents, type SseEvent } from '../../web-ui/src/lib/sse.ts'

function row(id: number, part: Partial<TrafficRow> = {}): TrafficRow {
  return {
    id,
    kind: 'exchange',
    time: 1_760_000_000_000 + id,
    client: '10.0.0.1',
    device: null,
    host: 'www.example.org',
    port: 443,
    method: 'GET',
    scheme: 'https',
    path: '/',
    status: 200,
    contentType: '',
    bytesUp: 0,
    bytesDown: 0,
    tier: 'inspect',
    verdict: 'allow',
    reason: 'default',
    rule: '',
    ruleLine: 0,
    cache: 'none',
    durationMs: 1,
    exception: 0,
    error: '',
    ...part,
  }
}

async function parse(chunks: Uint8Array[]): Promise<SseEvent[]> {
  const out: SseEvent[] = []
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  await readEvents(
    body,
    () => {},
    event => out.push(event),
  )
  return out
}

test('events are the same however the bytes are cut', async t => {
  const text =
    ':\n\nevent: hello\nretry: 2000\nid: 7\ndata: {"a":1}\n\nevent: row\ndata: "häßlich ↑"\n\nid: 9\ndata: x\ndata: y\n\nevent: cut\ndata: never ended'
  const bytes = new TextEncoder().encode(text)
  const want: SseEvent[] = [
    { event: 'hello', data: '{"a":1}', id: '7' },
    { event: 'row', data: '"häßlich ↑"', id: '7' },
    { event: 'message', data: 'x\ny', id: '9' },
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 }), async cuts => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, i) => bytes.slice(at[i], end))
      t.deepEqual(await parse(chunks), want)
    }),
    { numRuns: 60 },
  )
})

test('an event without an end is given up, not kept for ever', async t => {
  await t.throwsAsync(parse(Array.from({ length: 5 }, () => new Uint8Array(1_000_000).fill(65))), {
    message: /too large/,
  })
})

test('pages and stream may overlap: the log stays sorted, without doubles, within its cap', t => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat({ max: 60 }), { maxLength: 20 }), { maxLength: 8 }), batches => {
      let rows: TrafficRow[] = []
      for (const [i, batch] of batches.entries()) {
        const part = [...new Set(batch)].map(id => row(id))
        rows =
          i % 2 === 0
            ? mergeNewer(rows, part, 30)
            : appendOlder(
                rows,
                part.sort((a, b) => b.id - a.id),
                30,
              )
        t.true(rows.length <= 30)
        for (let k = 1; k < rows.length; k++) t.true(rows[k]!.id < rows[k - 1]!.id)
      }
    }),
  )
})

test('the outcome toggles write filters that the server reads, and only touch their own terms', t => {
  for (const o of OUTCOMES) {
    const q = withOutcome('host:example.org "two words"', o)
    t.is(outcomeOf(q), o)
    t.notThrows(() => parseFilter(q))
    t.is(withOutcome(q, null), 'host:example.org "two words"')
  }
  t.is(outcomeOf('tier:names'), null)
  t.is(outcomeOf(''), null)
  t.deepEqual(terms('a:"b c" d  -e:"\\" x"'), ['a:"b c"', 'd', '-e:"\\" x"'])
})

test('links from a row quote whatever the network sent', t => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), host => {
      const { sql, params } = compileFilter(parseFilter(sameHost(row(1, { host }))), 'exchange')
      t.is(sql, '(host = ?)')
      t.deepEqual(params, [host.toLowerCase()])
    }),
  )
  t.notThrows(() => parseFilter(sameClient(row(1, { client: 'fd77::1' }))))
})

test('rows have one outcome, and an address to copy', t => {
  t.is(outcome(row(1, { verdict: 'block', tier: 'names' })), 'blocked')
  t.is(outcome(row(1, { tier: 'pass' })), 'passed')
  t.is(address(row(1, { path: '/a?b' })), 'https://www.example.org/a?b')
  t.is(address(row(1, { host: 'fd77::1', scheme: 'http', port: 8080 })), 'http://[fd77::1]:8080/')
  t.is(address(row(1, { kind: 'connection', path: '' })), 'www.example.org:443')
})

test('the rule for a conclusion is one the policy takes, whatever the name, and leaves just that closed', t => {
  const facts = { dstAddr: '192.0.2.9', dstPort: 443, now: 0 }
  const cases: [host: string, client: string, seen: { clientAddr: string; host: string }][] = [
    ['api.bankapp.example', '', { clientAddr: '10.0.0.9', host: 'api.bankapp.example' }],
    ['192.0.2.7', '10.0.0.1', { clientAddr: '10.0.0.1', host: '192.0.2.7' }],
    ['2001:db8::7', '', { clientAddr: '10.0.0.1', host: '2001:db8::7' }],
    ['xn--bcher-kva.example', '', { clientAddr: '10.0.0.1', host: 'xn--bcher-kva.example' }],
    [`${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example`, '', { clientAddr: '10.0.0.1', host: '' }],
    ['', 'fd77:1::14', { clientAddr: 'fd77:1::14', host: 'any.example' }],
    ['', '10.77.1.88', { clientAddr: '10.77.1.88', host: 'any.example' }],
  ]
  for (const [host, client, seen] of cases) {
    const rule = ruleText({ kind: host === '' ? 'untrusting' : 'pinned', host, client })
    const text = `version: 1\nrules:\n${rule.replace(/^/gm, '  ').trimEnd()}\n`
    const { policy, problems } = compilePolicy(text, { defaultTier: 'inspect', version: '1', readList: () => '' })
    t.deepEqual(problems, [], text)
    const tierOf = (clientAddr: string, name: string) =>
      policy!.decideConnection({ ...facts, clientAddr, host: name }).tier
    t.is(tierOf(seen.clientAddr, seen.host || host), 'names', text)
    t.is(tierOf('10.9.9.9', 'www.other.example'), 'inspect')
  }
  fc.assert(
    fc.property(fc.string(), host => {
      const [rule, ...more] = YAML.parse(ruleText({ kind: 'pinned', host: `x${host}`, client: '' }))
      t.deepEqual(more, [])
      t.deepEqual(rule.domains, [`=x${host}`])
    }),
  )
})
