import fs from 'node:fs'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { ASKS, EARLY, MANY } from './streams/asks.ts'
import { CALLS, REFUSED } from './streams/grpc.ts'
import { MODES, type Mode, type Run } from './streams/ways.ts'
import { runCase, startStreamOrigin } from './streams/world.ts'
import { type Bench, startBench } from './support.ts'

/**
 * What applications that live on streams see of Weir: nothing. Each case runs twice between the same client and server, once
 * past Weir and once through it, opened or not, and both ends must tell the same story, event for event.
 */
const test = anyTest.serial as TestFn

const POLICY = `version: 1
rules:
  - name: Stays closed
    domains: [closed.test]
    tier: names
`

let bench: Bench
let caFile: string

test.before(async () => {
  bench = await startBench(POLICY)
  caFile = `${bench.lab.dir}/both-cas.pem`
  fs.writeFileSync(caFile, fs.readFileSync(bench.lab.origin.caFile, 'utf8') + bench.weir.caPem)
  await startStreamOrigin(bench.lab)
})
test.after.always(async () => bench?.close())

async function compare(
  t: ExecutionContext,
  kind: 'ask' | 'call' | 'messages',
  name: string,
  mode: Mode,
): Promise<{ direct: Run; weir: Run }> {
  const direct = await runCase(bench.lab, caFile, kind, name, mode, 'direct')
  const weir = await runCase(bench.lab, caFile, kind, name, mode, 'weir')
  t.log(`direct: ${direct.remark}; through Weir: ${weir.remark}`)
  t.is(direct.via, '')
  t.regex(weir.via, /weir/)
  return { direct, weir }
}

/** Which code a reset has is the affair of one connection; that it was one, and no end in good order, is everybody's. */
function outcome(events: readonly string[]): string[] {
  const reset = events.includes('aborted')
  return events
    .filter(event => !(reset && event === 'end')) // node reads the code of a cancellation as an end, too
    .map(event => event.replace(/^closed [1-9]\d*$/, 'closed by an error'))
}

for (const name of Object.keys(CALLS)) {
  test(`gRPC: ${name}`, async t => {
    const { direct, weir } = await compare(t, 'call', name, 'h2')
    if (CALLS[name]!.early) {
      // Once the status is out, the rest of the call is for nobody, and is not passed on
      const last = weir.origin.length - 1
      t.deepEqual(weir.origin.slice(0, last), direct.origin.slice(0, last))
      t.regex(weir.origin[last]!, /^closed/)
    } else t.deepEqual(outcome(weir.origin), outcome(direct.origin))
    if (name === REFUSED) {
      // Nothing was sent yet, so there is a page to say what happened
      t.regex(weir.client[0]!, /^status 502/)
      t.is(weir.client.at(-1), 'closed 0')
    } else t.deepEqual(outcome(weir.client), outcome(direct.client))
  })
}

for (const name of Object.keys(ASKS)) {
  for (const mode of name === MANY ? (['h2'] as const) : MODES) {
    test(`${name} (${mode})`, async t => {
      const { direct, weir } = await compare(t, 'ask', name, mode)
      t.deepEqual(weir.client, direct.client)
      // Whoever has the whole answer has no use for the rest of the request, and it is not passed on
      if (name !== EARLY) t.deepEqual(weir.origin, direct.origin)
    })
  }
}

/** The same in words of both versions: names in lower case, no reason phrase, trailers after the body, any cut is a cut. */
function inEither(events: readonly string[]): string[] {
  const told = events
    .filter(event => !event.startsWith('closed '))
    .map(event =>
      event
        .replace(/^(status \d+) .*$/m, '$1')
        .replace(/^failed .*/, 'failed')
        .replace(/^ {2}[^:]+/gm, name => name.toLowerCase()),
    )
  for (let i = 1; i < told.length; i++)
    if (told[i - 1]!.startsWith('trailers') && told[i]!.startsWith('body'))
      [told[i - 1], told[i]] = [told[i]!, told[i - 1]!]
  return told
}

test(`${MANY} (h2, of a server that knows HTTP/1.1 only)`, async t => {
  const direct = await runCase(bench.lab, caFile, 'ask', MANY, 'h2', 'direct')
  const weir = await runCase(bench.lab, caFile, 'ask', MANY, 'h2', 'weir', 'old.test')
  t.deepEqual(weir.client, direct.client)
})

for (const name of Object.keys(ASKS)) {
  if (name === MANY) continue // it takes HTTP/2 to come back from there
  test(`${name} (h2, of a server that knows HTTP/1.1 only)`, async t => {
    const direct = await runCase(bench.lab, caFile, 'ask', name, 'h1', 'direct', 'old.test')
    const weir = await runCase(bench.lab, caFile, 'ask', name, 'h2', 'weir', 'old.test')
    t.log(`direct, HTTP/1.1: ${direct.remark}; through Weir: ${weir.remark}`)
    t.deepEqual(inEither(weir.client), inEither(direct.client))
    if (name !== EARLY) t.deepEqual(weir.origin, direct.origin)
  })
}

/** What is not opened passes as bytes: there is nothing that may differ. */
async function compareClosed(t: ExecutionContext, kind: 'ask' | 'call', name: string, mode: Mode): Promise<void> {
  const host = kind === 'call' ? 'calls.closed.test' : 'closed.test'
  const direct = await runCase(bench.lab, caFile, kind, name, mode, 'direct', host)
  const weir = await runCase(bench.lab, caFile, kind, name, mode, 'weir', host)
  t.log(`direct: ${direct.remark}; through Weir: ${weir.remark}`)
  t.is(weir.via, '')
  t.deepEqual(weir.client, direct.client)
  t.deepEqual(weir.origin, direct.origin)
  await bench.row('v_connections', "host = ? AND tier = 'names' AND bytes_down > 0", host)
}

for (const name of Object.keys(CALLS)) {
  test(`gRPC, not opened: ${name}`, async t => compareClosed(t, 'call', name, 'h2'))
}

for (const name of [
  'trailers both ways',
  'a client that leaves',
  'an answer that is cut off',
  'a large answer',
  MANY,
]) {
  test(`${name} (h2, not opened)`, async t => compareClosed(t, 'ask', name, 'h2'))
}

for (const mode of ['http', 'h1'] as const) {
  test(`a WebSocket whose server is gone without a word (${mode})`, async t => {
    const { direct, weir } = await compare(t, 'messages', 'dropped', mode)
    t.is(direct.client.at(-1), 'closed 1006 "" uncleanly')
    t.deepEqual(weir.client, direct.client)
    t.deepEqual(weir.origin, direct.origin)
  })

  test(`10,000 messages on a WebSocket (${mode})`, async t => {
    const { direct, weir } = await compare(t, 'messages', 'all', mode)
    t.is(direct.client[1], '10000 messages, 0 out of turn, as they were sent')
    t.deepEqual(weir.client, direct.client)
    t.deepEqual(weir.origin, direct.origin)
  })
}
