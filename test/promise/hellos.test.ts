import { readFileSync } from 'node:fs'
import anyTest, { type TestFn } from 'ava'
import { curl, rawTcp } from '../lab/client.ts'
import { refragment } from '../unit/peek/hellos.ts'
import { type Bench, startBench } from './support.ts'

/** TLS clients off the beaten track, from a host of the lab: what each gets, and what the log says of it. */
const test = anyTest.serial as TestFn<Bench>

let bench: Bench
const WEB = { host: '203.0.113.10', port: 443 }

test.before(async () => {
  bench = await startBench('version: 1\n')
})
test.after.always(async () => bench?.close())

const chromium = Buffer.from(
  readFileSync(new URL('../unit/peek/fixtures/chromium.base64', import.meta.url), 'utf8'),
  'base64',
)

/** Chromium's hello with another name of as many octets. */
function helloFor(name: string): Buffer {
  const hello = Buffer.from(chromium)
  const at = hello.indexOf('school.example.org')
  hello.write(name.padEnd(18, 'x'), at, 18, 'latin1')
  return hello
}

const row = (where: string) => bench.row('v_connections', where)

test('names that are no names: an alert, and a row that says so', async t => {
  const names = ['www.origin.\0xample', '*.origin.example', 'www/origin.example', 'www\xfcorigin.example']
  for (const name of names) {
    const { data, end } = await rawTcp(bench.lab, WEB, { send: helloFor(name), quietMs: 5000 })
    t.deepEqual([...data], [21, 3, 3, 0, 2, 2, 112], name)
    t.is(end, 'closed')
  }
  const nth = `(SELECT count(*) FROM connections WHERE error = 'client-tls-name') = ${names.length}`
  t.like(await row(`error = 'client-tls-name' AND ${nth}`), { verdict: 'fail', reason: 'malformed', exchanges: 0 })
})

test('a hello in records of one octet is answered by a server hello', async t => {
  const { data } = await rawTcp(bench.lab, WEB, { send: refragment(helloFor('www.origin.example'), 1), quietMs: 3000 })
  t.is(data[0], 22)
  t.is(data[5], 2)
})

test('SSL 2.0, TLS 1.0 and TLS 1.1: protocol_version', async t => {
  const ssl2 = Buffer.from('802e0103010015000000100100800300800700c00600400200800400800000040000fe', 'hex')
  const { data } = await rawTcp(bench.lab, WEB, { send: ssl2, quietMs: 5000 })
  t.is(data.at(-1), 70)
  for (const version of ['-tls1', '-tls1_1']) {
    const ran = await bench.lab.exec('client', [
      'sh',
      '-c',
      `echo | openssl s_client -connect www.origin.example:443 ${version} -cipher DEFAULT@SECLEVEL=0 2>&1`,
    ])
    t.regex(ran.stdout, /alert protocol version/, version)
  }
  t.like(await row("error = 'client-tls-old' AND host = 'www.origin.example'"), {
    verdict: 'block',
    reason: 'old-client',
    tier: 'names',
    tier_reason: 'old-client',
  })
})

test('a client whose suites we do not have is told by handshake_failure', async t => {
  const ran = await bench.lab.exec('client', [
    'sh',
    '-c',
    'echo | openssl s_client -connect www.origin.example:443 -tls1_2 -cipher AES128-SHA 2>&1',
  ])
  t.regex(ran.stdout, /alert handshake failure/)
  t.regex(String((await row("error = 'client-tls' AND error_detail LIKE '%cipher%'")).error_detail), /no shared cipher/)
})

test('only unknown protocols: the origin itself answers', async t => {
  const ran = await bench.lab.exec('client', [
    'sh',
    '-c',
    `echo | openssl s_client -connect www.origin.example:443 -servername www.origin.example -alpn acme-tls/1 -CAfile ${bench.lab.origin.caFile} 2>&1`,
  ])
  t.notRegex(ran.stdout, /Weir/i)
  t.like(await row("tier_reason = 'alpn'"), { tier: 'names', verdict: 'allow', alpn: 'acme-tls/1' })
})

test('no ALPN: HTTP inside is inspected as ever', async t => {
  const answer = await curl(bench.lab, ['--no-alpn', 'https://www.origin.example/?noalpn'], { ca: bench.weir.caFile })
  t.is(answer.status, 200)
  t.like(await bench.row('v_exchanges', "url LIKE '%?noalpn'"), { tier: 'inspect', client_tls: 'TLSv1.3' })
})

test('a client that offers http/1.0 alone is inspected too', async t => {
  const answer = await curl(bench.lab, ['--http1.0', 'https://www.origin.example/?old'], { ca: bench.weir.caFile })
  t.is(answer.status, 200)
  t.like(await bench.row('v_exchanges', "url LIKE '%?old'"), { tier: 'inspect', http_version: 10 })
})

test('no server name: the destination address is the name', async t => {
  const answer = await curl(bench.lab, ['-k', 'https://203.0.113.10/?address'], {})
  t.true(answer.status === 200 || answer.status === 526, answer.error)
  t.like(await bench.row('v_exchanges', "url LIKE '%?address'"), { host: '203.0.113.10', tier: 'inspect' })
})

test('early data is never taken', async t => {
  const dir = bench.lab.dir
  const connect = `openssl s_client -connect www.origin.example:443 -servername www.origin.example -tls1_3 -alpn http/1.1 -CAfile ${bench.weir.caFile}`
  const request = `printf 'GET /?early HTTP/1.1\\r\\nHost: www.origin.example\\r\\nConnection: close\\r\\n\\r\\n'`
  const first = await bench.lab.exec('client', [
    'sh',
    '-c',
    `${request} | ${connect} -ign_eof -sess_out ${dir}/session 2>&1`,
  ])
  t.regex(first.stdout, /HTTP\/1\.1 200/)
  t.regex(first.stdout, /Max Early Data: 0/)
  const second = await bench.lab.exec('client', [
    'sh',
    '-c',
    `${request} > ${dir}/early; echo | ${connect} -sess_in ${dir}/session -early_data ${dir}/early 2>&1`,
  ])
  t.notRegex(second.stdout, /Early data was accepted/)
})

test('fingerprints and the end of each handshake are in the log', async t => {
  const get = (...args: string[]) => curl(bench.lab, [...args, 'https://static.origin.example/'], {})
  t.is((await get()).exit, 60, 'a client without our CA')
  const refused = await row("host = 'static.origin.example' AND handshake <> ''")
  t.is(refused.handshake, 'unknown-ca')
  t.regex(String(refused.ja4), /^t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$/)
  t.regex(String(refused.ja3), /^[0-9a-f]{32}$/)
  await curl(bench.lab, ['https://static.origin.example/'], { ca: bench.weir.caFile })
  const trusted = await row("host = 'static.origin.example' AND handshake = 'trusted'")
  t.is(trusted.ja4, refused.ja4, 'the same program')
  t.is((await bench.row('v_exchanges', "host = 'static.origin.example'")).exception, '')
})

test('half a hello and silence end after 10 s', async t => {
  const began = Date.now()
  const { end } = await rawTcp(bench.lab, WEB, { send: chromium.subarray(0, 700), quietMs: 30_000 })
  t.is(end, 'reset')
  const took = Date.now() - began
  t.true(took > 9000 && took < 20_000, `${took} ms`)
  t.like(await row("error = 'client-timeout'"), { reason: 'malformed', verdict: 'fail' })
})

test('policy may refuse what is not HTTP: within two seconds, in TLS and beside it', async t => {
  const other = await startBench('version: 1\ntls: { notHttp: refuse }\n')
  try {
    const ssh = await rawTcp(
      other.lab,
      { host: 'ssh.example', port: 443 },
      { send: 'SSH-2.0-client\r\n', quietMs: 5000 },
    )
    t.is(ssh.end, 'reset')
    t.is(ssh.data.length, 0)
    t.like(await other.row('v_connections', "dst = '203.0.113.50'"), { reason: 'not-http', verdict: 'block' })
    const inside = await other.lab.exec('client', [
      'sh',
      '-c',
      `(sleep 1; printf '\\001\\002\\003'; sleep 4) | openssl s_client -connect www.origin.example:443 -servername www.origin.example -quiet -CAfile ${other.weir.caFile} 2>&1`,
    ])
    t.notRegex(inside.stdout, /HTTP/)
    t.like(await other.row('v_connections', "host = 'www.origin.example'"), { reason: 'not-http', verdict: 'block' })
  } finally {
    await other.close()
  }
})
