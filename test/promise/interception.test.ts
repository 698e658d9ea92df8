import { createHash, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import { curl, rawTcp, webSocket } from '../lab/client.ts'
import { type Bench, childrenOf, rssOf, startBench } from './support.ts'

/** What a client of the lab gets that trusts Weir's CA and nothing else, and what the log says of it. */
const test = anyTest.serial as TestFn<Bench>

const POLICY = `version: 1
lists:
  play: { domains: [play.example, games.example] }
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: names
  - name: Games
    lists: [play]
    action: block
  - name: Advertising page
    urls: [static.origin.example/ads]
    action: block
`

let bench: Bench
const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })

test.before(async () => {
  bench = await startBench(POLICY, { workers: 2 })
})
test.after.always(async () => bench?.close())

test('plain HTTP is answered by the origin and logged with its reason', async t => {
  const answer = await get('http://www.origin.example/?plain')
  t.is(answer.status, 200)
  t.regex(answer.body, /A page of the lab's internet/)
  t.regex(answer.headers.via?.join() ?? '', /weir/)
  const row = await bench.row('v_exchanges', 'url = ?', 'http://www.origin.example/?plain')
  t.like(row, {
    status: 200,
    tier: 'inspect',
    verdict: 'allow',
    reason: 'default',
    client: '10.77.1.10',
    dst: '203.0.113.10',
  })
})

for (const [flag, version] of [
  ['--http1.1', '1.1'],
  ['--http2', '2'],
] as const) {
  test(`HTTPS over HTTP/${version} with a minted leaf`, async t => {
    const answer = await get(flag, `https://www.origin.example/?v${version}`)
    t.is(answer.status, 200)
    t.is(answer.httpVersion, version)
    const row = await bench.row('v_exchanges', 'url = ?', `https://www.origin.example/?v${version}`)
    t.like(row, { status: 200, client_tls: 'TLSv1.3', origin_tls: 'TLSv1.3', verdict: 'allow' })
  })
}

test('an origin that speaks only HTTP/1.1, and one that speaks only HTTP/2', async t => {
  t.is((await get('--http2', 'https://h1.example/')).status, 200)
  t.is((await get('--http2', 'https://h2.example/')).status, 200)
})

test('IPv6', async t => {
  const answer = await get('-6', 'https://api.origin.example/?v6')
  t.is(answer.status, 200)
  const row = await bench.row('v_exchanges', 'url = ?', 'https://api.origin.example/?v6')
  t.like(row, { client: 'fd77:1::10', dst: '2001:db8:113::12' })
})

test('a WebSocket echoes, over TLS and plain', async t => {
  for (const scheme of ['wss', 'ws']) {
    const { messages, error } = await webSocket(bench.lab, `${scheme}://www.origin.example/ws`, ['one', 'two'], {
      ca: bench.weir.caFile,
    })
    t.deepEqual([messages, error], [['one', 'two'], ''], scheme)
  }
  const row = await bench.row('v_exchanges', 'status = 101')
  t.true(Number(row.bytes_up) > 0 && Number(row.bytes_down) > 0)
})

for (const flag of ['--http1.1', '--http2']) {
  test(`a POST of 50 MB arrives whole (${flag})`, async t => {
    const file = `${bench.lab.dir}/upload${flag}`
    const body = Buffer.alloc(50_000_000, 'weir')
    fs.writeFileSync(file, body)
    const answer = await get(flag, '--data-binary', `@${file}`, 'https://api.origin.example/echo')
    t.is(answer.status, 200)
    t.like(JSON.parse(answer.body), { length: body.length, sha256: createHash('sha256').update(body).digest('hex') })
  })
}

test('a download of 1 GB passes through; no process grows by more than 64 MB', async t => {
  const { workers, admin } = childrenOf(bench.weir.pid)
  const pids = [bench.weir.pid, ...workers, ...admin]
  const before = pids.map(rssOf)
  const peak = [...before]
  let done = false
  const sampler = (async () => {
    while (!done) {
      pids.forEach((pid, i) => {
        peak[i] = Math.max(peak[i]!, rssOf(pid))
      })
      await sleep(20)
    }
  })()
  const answer = await get('--http1.1', '-o', '/dev/null', 'https://static.origin.example/large?bytes=1000000000')
  done = true
  await sampler
  t.is(answer.exit, 0)
  t.is(answer.info.size_download, 1_000_000_000)
  pids.forEach((_, i) => {
    const grown = (peak[i]! - before[i]!) / 1e6
    t.log(`process ${i}: ${(before[i]! / 1e6).toFixed(0)} MB, grew by ${grown.toFixed(1)} MB`)
    t.true(grown < 64, `process ${i} grew by ${grown} MB`)
  })
})

test('the second fetch of a cacheable object is a hit, over HTTP and HTTPS', async t => {
  for (const scheme of ['http', 'https']) {
    const url = `${scheme}://static.origin.example/cacheable?${scheme}`
    // Each worker has a memory of its own: the third request at the latest meets one that knows the answer
    const bodies: string[] = []
    for (let i = 0; i < 3; i++) bodies.push((await get(url)).body)
    t.true(new Set(bodies).size < 3, bodies.join())
    const row = await bench.row('v_exchanges', "url = ? AND cache = 'hit'", url)
    t.is(row.status, 200)
  }
})

test('what must not be stored is fetched each time', async t => {
  const first = await get('https://static.origin.example/nostore')
  const second = await get('https://static.origin.example/nostore')
  t.not(first.body, second.body)
  const row = await bench.row('v_exchanges', "url = 'https://static.origin.example/nostore'")
  t.is(row.cache_reason, 'no-store')
})

test('a blocked name shows the block page with the rule and the list line, over HTTP and HTTPS', async t => {
  for (const url of ['http://games.example/play', 'https://games.example/play', 'https://www.games.example/x']) {
    const answer = await get('-H', 'Accept: text/html', url)
    t.is(answer.status, 403, url)
    t.regex(answer.body, /Games/)
    t.notRegex(answer.body, /A page of the lab/)
    const row = await bench.row('v_exchanges', 'url = ?', url)
    t.like(row, { verdict: 'block', reason: 'list', rule: 'Games', rule_line: 8, list: 'play', list_line: 3 }, url)
  }
})

test('a URL is blocked and its neighbours are not', async t => {
  t.is((await get('https://static.origin.example/ads/banner')).status, 403)
  t.is((await get('https://static.origin.example/adsense')).status, 404)
})

test("a 'names' host shows the origin's own certificate", async t => {
  const answer = await curl(bench.lab, ['https://bank.example/'], { ca: bench.lab.origin.caFile })
  t.is(answer.status, 200)
  t.is((await get('https://bank.example/')).exit, 60, "Weir's CA does not vouch for it")
  const row = await bench.row('v_connections', "host = 'bank.example' AND bytes_down > 0")
  t.like(row, { tier: 'names', verdict: 'allow', tier_reason: 'rule', tier_rule: 'Banks stay closed', protocol: 'tls' })
})

test('a server that speaks first on port 443 is tunnelled', async t => {
  const { data } = await rawTcp(
    bench.lab,
    { host: 'ssh.example', port: 443 },
    { send: 'SSH-2.0-client\r\n', afterFirst: true, quietMs: 3000 },
  )
  t.is(data.toString(), 'SSH-2.0-lab\r\nSSH-2.0-client\r\n')
  const row = await bench.row('v_connections', "dst = '203.0.113.50'")
  t.like(row, { reason: 'server-first', verdict: 'allow', protocol: 'other' })
})

for (const [name, code] of [
  ['bad-expired.example', 'origin-cert-expired'],
  ['bad-name.example', 'origin-cert-name'],
  ['bad-selfsigned.example', 'origin-cert-untrusted'],
  ['bad-untrusted.example', 'origin-cert-untrusted'],
] as const) {
  test(`the certificate of ${name} is refused with a page that says why`, async t => {
    const answer = await get('-H', 'Accept: text/html', `https://${name}/secret`)
    t.is(answer.status, 526)
    t.regex(answer.body, /certificate/)
    t.notRegex(answer.body, /A page of the lab|not here/)
    const row = await bench.row('v_exchanges', 'host = ?', name)
    t.like(row, { error: code, verdict: 'fail', status: 526 })
  })
}

test('the minted leaf is short-lived, names only what was asked and chains to our CA', async t => {
  const ran = await bench.lab.exec('client', [
    'sh',
    '-c',
    'echo | openssl s_client -connect www.origin.example:443 -servername www.origin.example -showcerts',
  ])
  const leaf = new X509Certificate(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/.exec(ran.stdout)![0])
  const ca = new X509Certificate(bench.weir.caPem)
  t.true(leaf.checkIssued(ca) && leaf.verify(ca.publicKey))
  t.is(leaf.subjectAltName, 'DNS:www.origin.example')
  t.falsy(leaf.subject)
  t.true(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom) <= 45 * 86_400_000)
})

test('Alt-Svc does not reach the client', async t => {
  const direct = await curl(bench.lab, ['https://bank.example/alt-svc'], { ca: bench.lab.origin.caFile })
  t.truthy(direct.headers['alt-svc'], 'the origin does send it')
  const answer = await get('https://www.origin.example/alt-svc')
  t.is(answer.status, 200)
  t.is(answer.headers['alt-svc'], undefined)
})

test('trailers, early hints and HEAD pass through', async t => {
  const chunked = await get('--http1.1', 'https://www.origin.example/chunked')
  t.regex(chunked.rawHead, /x-checksum|trailer/i)
  const hints = await get('--http1.1', 'https://www.origin.example/early-hints')
  t.regex(hints.rawHead, /HTTP\/1\.1 103/)
  const head = await get('-I', 'https://www.origin.example/')
  t.is(head.status, 200)
  t.is(head.info.size_download, 0)
})

test('the client keeps its headers: order, case and duplicates on HTTP/1', async t => {
  const answer = await get('--http1.1', '-H', 'X-b: 1', '-H', 'x-A: 2', '-H', 'X-b: 3', 'https://h1.example/headers')
  const seen = JSON.parse(answer.body) as { rawHeaders: string[] }
  const ours = seen.rawHeaders.filter((_, i, all) => /^x-/i.test(all[i - (i % 2)]!))
  t.deepEqual(ours, ['X-b', '1', 'x-A', '2', 'X-b', '3'])
})
