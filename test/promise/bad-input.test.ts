import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import anyTest, { type TestFn } from 'ava'
import { curl, rawTcp } from '../lab/client.ts'
import { BLACKHOLE } from '../lab/sites.ts'
import { type Bench, childrenOf, startBench } from './support.ts'

/** Whatever comes in: a clear refusal, and the same processes alive afterwards. */
const test = anyTest.serial as TestFn<Bench>

let bench: Bench
let pids: string
const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })

test.before(async () => {
  bench = await startBench()
  pids = JSON.stringify(childrenOf(bench.weir.pid))
})
test.after.always(async () => bench?.close())
test.afterEach('the same processes serve on', async t => {
  t.is((await get('https://www.origin.example/')).status, 200)
  t.is(JSON.stringify(childrenOf(bench.weir.pid)), pids)
})

const WEB = '203.0.113.10'

test('garbage on both ports', async t => {
  for (const port of [80, 443]) {
    const { data } = await rawTcp(bench.lab, { host: WEB, port }, { send: randomBytes(5000), quietMs: 1500 })
    t.notRegex(data.toString('latin1'), /weir/i, 'no error page into a stream that is not HTTP')
  }
})

test('a ClientHello that is none', async t => {
  const { data, end } = await rawTcp(
    bench.lab,
    { host: WEB, port: 443 },
    { send: Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), randomBytes(600)]), quietMs: 3000 },
  )
  t.is(end, 'closed')
  t.deepEqual([data.length, data[0], data[5]], [7, 21, 2], 'a fatal alert')
  const row = await bench.row('v_connections', "reason = 'malformed'")
  t.is(row.error, 'client-tls')
})

test('half a ClientHello, and then nothing', async t => {
  const { end } = await rawTcp(
    bench.lab,
    { host: WEB, port: 443 },
    { send: Buffer.from('16030102000100', 'hex'), quietMs: 30_000 },
  )
  t.is(end, 'reset')
  const row = await bench.row('v_connections', "error = 'client-timeout'")
  t.is(row.reason, 'malformed')
})

test('a header of 1 MB is refused', async t => {
  const answer = await get('--http1.1', '-H', `@${big(bench)}`, 'http://www.origin.example/')
  t.true(answer.status === 431 || answer.exit === 56, `${answer.status} ${answer.error}`)
})

test('two requests in one by framing tricks are refused', async t => {
  const smuggle =
    'POST / HTTP/1.1\r\nHost: www.origin.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n'
  const { data } = await rawTcp(bench.lab, { host: WEB, port: 80 }, { send: smuggle, quietMs: 2000 })
  t.regex(data.toString(), /^HTTP\/1\.1 400 /)
  t.is(data.toString().split('HTTP/1.1').length, 2, 'one answer only')
})

test('an origin that resets, one that is not there, one that hangs up in the middle', async t => {
  const reset = await get('http://reset.example/')
  t.is(reset.status, 502)
  // The reset may come before the connection counts as made
  t.regex(String((await bench.row('v_exchanges', "host = 'reset.example'")).error), /^origin-(reset|refused)$/)
  const refused = await get('--connect-to', 'www.origin.example:80:203.0.113.79:80', 'http://www.origin.example/gone')
  t.is(refused.status, 502)
  const cut = await get('http://www.origin.example/cut')
  t.true(cut.exit === 18 || cut.exit === 56, 'the client sees that the answer was cut off')
  t.is((await bench.row('v_exchanges', "url LIKE '%/cut'")).error, 'origin-cut-off')
})

test('an address that swallows packets ends in 504, not in a hang', async t => {
  const answer = await curl(
    bench.lab,
    ['--connect-to', `www.origin.example:80:${BLACKHOLE.v4}:80`, 'http://www.origin.example/void'],
    { timeoutMs: 40_000 },
  )
  t.is(answer.status, 504)
  t.is((await bench.row('v_exchanges', "url LIKE '%/void'")).error, 'origin-connect-timeout')
})

test('a Host that is not the name the connection was opened for is misdirected', async t => {
  const answer = await get('--http1.1', '-H', 'Host: bank.example', 'https://www.origin.example/')
  t.is(answer.status, 421)
})

test('a connection to Weir itself is refused, not dialled', async t => {
  const { end } = await rawTcp(
    bench.lab,
    { host: '10.77.1.1', port: 3129 },
    { send: 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', quietMs: 2000 },
  )
  t.is(end, 'reset')
  const row = await bench.row('v_connections', "reason = 'loop'")
  t.like(row, { error: 'policy-loop', dst: '10.77.1.1' })
})

function big(b: Bench): string {
  const file = `${b.lab.dir}/big-header`
  fs.writeFileSync(file, `X-Big: ${'x'.repeat(1_000_000)}\n`)
  return file
}
