import test from 'ava'
import fc from 'fast-check'
import type { TrafficRow } from '../../src/admin/api.ts'
import { compileFilter, parseFilter } from '../../src/store/filter-language.ts'
import { outcomeOf, sameClient, sameHost, terms, withOutcome } from '../../web-ui/src/lib/filter.ts'
import { address, appendOlder, mergeNewer, OUTCOMES, outcome } from '../../web-ui/src/lib/rows.ts'
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
