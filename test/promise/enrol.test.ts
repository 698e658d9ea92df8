import fs from 'node:fs'
import anyTest, { type TestFn } from 'ava'
import { type Answer, curl } from '../lab/client.ts'
import { type Bench, startBench } from './support.ts'

/** What devices get that ask Weir itself, before and after they trust it, and how a person passes a warning. */
const test = anyTest.serial as TestFn<Bench>

const PATH = '/.well-known/weir/'
/** The lab's client has three addresses: three devices. */
const DEVICE = { trusting: '10.77.1.10', closed: '10.77.1.11', other: '10.77.1.12' }

const POLICY = `version: 1
tls: { override: allow }
rules:
  - name: Games
    domains: [games.example]
    action: block
  - name: Not looked into
    clients: [${DEVICE.closed}, ${DEVICE.other}]
    tier: names
`

let bench: Bench
const page = ['-H', 'Accept: text/html']
/** As a device that trusts Weir's CA and nothing else. */
const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })
const as = (device: string, ...args: string[]) => get('-4', '--interface', device, ...args)

test.before(async () => {
  bench = await startBench(POLICY, { workers: 2 })
})
test.after.always(async () => bench?.close())

test('the page is on every host, whether that answers or not, and on a name that nobody has', async t => {
  for (const host of ['www.origin.example', 'silent.example', 'reset.example', 'blackhole.example']) {
    const answer = await get(...page, `http://${host}${PATH}`)
    t.is(answer.status, 200, host)
    t.regex(answer.body, /Set this device up for this network/)
  }
  const reserved = await get(...page, '--resolve', 'weir.internal:80:203.0.113.79', 'http://weir.internal/')
  t.regex(reserved.body, /Set this device up for this network/)
  const row = await bench.row('v_exchanges', "host = 'blackhole.example'")
  t.like(row, { status: 200, verdict: 'allow', reason: 'enrolling', upstream: '' })
})

test('also on a host that policy blocks, and for a device that is not looked into', async t => {
  t.is((await get('http://games.example/')).status, 403)
  t.is((await get(...page, `http://games.example${PATH}`)).status, 200)
  t.is((await as(DEVICE.closed, ...page, `http://www.origin.example${PATH}`)).status, 200)
})

test('the certificate that is handed out is the one that makes a device trust', async t => {
  const file = `${bench.lab.dir}/handed-out.pem`
  const answer = await curl(bench.lab, [`http://www.origin.example${PATH}ca.pem`])
  t.is(answer.status, 200)
  fs.writeFileSync(file, answer.bytes)
  const url = `https://www.origin.example${PATH}trusted`
  t.regex((await curl(bench.lab, [url], { ca: file })).body, /^weir [0-9a-f]{64}$/m)
  t.is((await curl(bench.lab, [url], { ca: bench.lab.origin.caFile })).exit, 60, 'and no other does')
})

test('a device that is not looked into is, for its trial, at that host alone', async t => {
  const trial = (device: string, host: string) => as(device, `https://${host}${PATH}trusted`)
  t.is((await trial(DEVICE.closed, 'www.origin.example')).exit, 60, "the origin's own certificate")
  const form = formOf(await as(DEVICE.closed, ...page, `http://www.origin.example${PATH}`))
  const send = (device: string, origin: string) =>
    as(device, ...page, '-X', 'POST', '-H', `Origin: ${origin}`, `http://www.origin.example${form}`)
  t.is((await send(DEVICE.other, 'http://www.origin.example')).status, 403, 'made for another device')
  t.is((await send(DEVICE.closed, 'http://evil.example')).status, 403, 'sent by another site')
  t.is((await trial(DEVICE.closed, 'www.origin.example')).exit, 60)
  const sent = await send(DEVICE.closed, 'http://www.origin.example')
  t.deepEqual([sent.status, sent.headers.location], [303, [`https://www.origin.example${PATH}`]])
  // Whichever worker takes the connection
  for (let i = 0; i < 6; i++) {
    const answer = await trial(DEVICE.closed, 'www.origin.example')
    t.regex(answer.body, /^weir [0-9a-f]{64}$/m, answer.error)
  }
  t.is((await trial(DEVICE.closed, 'api.origin.example')).exit, 60, 'another host')
  t.is((await trial(DEVICE.other, 'www.origin.example')).exit, 60, 'another device')
  const row = await bench.row('v_connections', `client = '${DEVICE.closed}' AND tier_reason = 'enrolling'`)
  t.like(row, { tier: 'inspect', host: 'www.origin.example' })
})

for (const [host, code] of [
  ['bad-expired.example', 'origin-cert-expired'],
  ['bad-name.example', 'origin-cert-name'],
  ['bad-selfsigned.example', 'origin-cert-untrusted'],
] as const) {
  test(`a person passes the warning about ${host}: this device, this hour, told in the log`, async t => {
    const url = `https://${host}/`
    const refused = await as(DEVICE.trusting, ...page, url)
    t.is(refused.status, 526)
    t.regex(refused.body, /The chain of certificates/)
    const form = formOf(refused)
    const send = (...args: string[]) => as(DEVICE.trusting, '-X', 'POST', ...args, `https://${host}${form}`)
    t.is((await send('-H', 'Origin: https://evil.example')).status, 403)
    t.is((await send('-H', `Origin: https://${host}`, '-H', 'Sec-Fetch-Site: cross-site')).status, 403)
    t.is((await as(DEVICE.trusting, `https://${host}${form}`)).status, 405)
    t.is((await as(DEVICE.trusting, ...page, url)).status, 526, 'nothing of that has opened it')
    const sent = await send('-H', `Origin: https://${host}`)
    t.deepEqual([sent.status, sent.headers.location], [303, [url]])
    for (let i = 0; i < 4; i++) t.is((await as(DEVICE.trusting, url)).status, 200)
    const row = await bench.row('v_exchanges', 'host = ? AND status = 200', host)
    t.regex(String(row.exception), /override/)
    t.is(
      (await curl(bench.lab, ['-6', ...page, url], { ca: bench.weir.caFile })).status,
      526,
      'another address is another device',
    )
    const first = await bench.row('v_exchanges', 'host = ? AND status = 526', host)
    t.is(first.error, code)
  })
}

test('what came over an overlooked certificate reaches nobody else through the cache', async t => {
  const url = 'https://bad-selfsigned.example/cacheable'
  const bodies = new Set<string>()
  for (let i = 0; i < 4; i++) {
    const answer = await as(DEVICE.trusting, url)
    t.is(answer.status, 200)
    bodies.add(answer.body)
  }
  t.is(bodies.size, 4, 'fetched each time')
  for (let i = 0; i < 4; i++) t.is((await curl(bench.lab, ['-6', url], { ca: bench.weir.caFile })).status, 526)
  const row = await bench.row('v_exchanges', 'url = ? AND status = 200', url)
  t.like(row, { cache: 'bypass', cache_reason: 'exception' })
})

test('a device that was learned not to trust us finds the way on every page, and one trial undoes what was learned', async t => {
  const device = 'fd77:1::12'
  const ask = (ca: string, ...args: string[]) => curl(bench.lab, ['-6', '--interface', device, ...args], { ca })
  const blocked = async () => (await ask(bench.weir.caFile, ...page, 'http://games.example/')).body
  t.notRegex(await blocked(), /href="\/\.well-known\/weir\/"/)
  for (const host of ['www', 'api', 'static', 'www', 'api', 'static'])
    await ask(bench.lab.origin.caFile, `https://${host}.origin.example/`)
  await eventually(async () => /href="\/\.well-known\/weir\/"/.test(await blocked()))
  const closed = await ask(bench.lab.origin.caFile, 'https://h1.example/')
  t.is(closed.status, 200, 'left closed, it works as if we were not there')
  const form = formOf(await ask(bench.weir.caFile, ...page, `http://www.origin.example${PATH}`))
  await ask(
    bench.weir.caFile,
    '-X',
    'POST',
    '-H',
    'Origin: http://www.origin.example',
    `http://www.origin.example${form}`,
  )
  t.is((await ask(bench.weir.caFile, `https://www.origin.example${PATH}trusted`)).status, 200)
  await eventually(async () => (await ask(bench.weir.caFile, 'https://h1.example/')).status === 200)
  t.notRegex(await blocked(), /href="\/\.well-known\/weir\/"/)
})

/** What workers learn of each other takes a moment. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 20_000
  while (!(await holds())) if (Date.now() > until) throw new Error('not within 20 s')
}

/** Where the page's one form leads. */
function formOf(answer: Answer): string {
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(answer.body) ?? []
  if (action === '') throw new Error(`no form on the page: ${answer.status} ${answer.body.slice(0, 200)}`)
  return action.replaceAll('&amp;', '&')
}
