import { createHash, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import type { LearnedEntry } from '../../src/core/tls-policy.ts'
import { type Answer, curl } from '../lab/client.ts'
import { type Bench, startBench } from './support.ts'

/** Devices and apps that do not accept what Weir mints: what each sees from one connection to the next, and what the log says. */
const test = anyTest.serial as TestFn<Bench>

const DEVICES = { trusting: '10.77.1.10', bare: '10.77.1.11', phone: '10.77.1.12' }
const NAMES = ['www.origin.example', 'static.origin.example', 'api.origin.example', 'h1.example', 'h2.example']

let bench: Bench

test.before(async () => {
  bench = await startBench(null, { workers: 2 })
})
test.after.always(async () => bench?.close())

/** `ca`: what this program trusts. */
function visit(device: string, host: string, ca: string, ...args: string[]): Promise<Answer> {
  return curl(bench.lab, ['--interface', device, ...args, `https://${host}/`], { ca })
}

/** What was learned, as the supervisor keeps it. */
function learned(): LearnedEntry[] {
  const file = `${bench.weir.stateDir}/learned.json`
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as { entries: LearnedEntry[] }).entries : []
}

async function until<T>(what: () => T | undefined): Promise<T> {
  const limit = Date.now() + 15_000
  for (;;) {
    const found = what()
    if (found !== undefined) return found
    if (Date.now() > limit) throw new Error('it did not come about')
    await sleep(50)
  }
}

/** The client's end of ten connections one after the other, in a word each. */
async function ten(connect: (i: number) => Promise<Answer>, pauseMs = 1100): Promise<string[]> {
  const seen: string[] = []
  for (let i = 0; i < 10; i++) {
    const answer = await connect(i)
    seen.push(answer.exit === 0 ? String(answer.status) : `curl ${answer.exit}`)
    await sleep(pauseMs) // events travel once a second
  }
  return seen
}

function table(t: ExecutionContext, who: string, seen: string[]): void {
  t.log(`${who}: first ${seen[0]}, third ${seen[2]}, tenth ${seen[9]}   (${seen.join(', ')})`)
}

test('a device without our CA fails at first, then is no longer opened, and sees the origins’ own certificates', async t => {
  const origins = bench.lab.origin.caFile
  const seen = await ten(i => visit(DEVICES.bare, NAMES[i % NAMES.length]!, origins))
  table(t, 'no CA', seen)
  t.is(seen[0], 'curl 60')
  t.is(seen[9], '200')
  t.true(seen.indexOf('200') <= 5, 'three names are enough')
  const entry = await until(() => learned().find(each => each.client === DEVICES.bare))
  t.like(entry, { kind: 'untrusting', host: '', state: 'active' })
  t.true(entry.evidence.every(event => event.outcome === 'unknown-ca'))
  const refused = await bench.row('v_connections', 'client = ? AND error = ?', DEVICES.bare, 'client-tls-distrust')
  t.like(refused, { verdict: 'fail', handshake: 'unknown-ca', tier: 'inspect' })
  const spliced = await bench.row('v_connections', "client = ? AND tier = 'names'", DEVICES.bare)
  t.like(spliced, { verdict: 'allow', tier_reason: 'learned-untrusting' })
  t.is((await visit(DEVICES.trusting, NAMES[0]!, bench.weir.caFile)).status, 200, 'others are opened as before')
})

test('a device that gets our CA later is opened again, once a re-test or an enrolment shows it', async t => {
  const entry = await until(() => learned().find(each => each.client === DEVICES.bare))
  t.true(entry.retestAt > entry.since && entry.retestAt < entry.until)
  const page = await curl(bench.lab, [
    '--interface',
    DEVICES.bare,
    '-H',
    'Accept: text/html',
    'http://www.origin.example/.well-known/weir/',
  ])
  t.is(page.status, 200, 'the enrolment page needs no trust')
  const path = /\/\.well-known\/weir\/try\?[^"]+/.exec(page.body)?.[0].replaceAll('&amp;', '&')
  const form = ['-X', 'POST', '-H', 'Origin: http://www.origin.example', '--interface', DEVICES.bare]
  const tried = await curl(bench.lab, [...form, `http://www.origin.example${path}`])
  t.is(tried.status, 204, tried.body)
  const trial = await visit(DEVICES.bare, 'www.origin.example', bench.weir.caFile)
  t.is(trial.status, 200)
  await until(() => (learned().some(each => each.client === DEVICES.bare) ? undefined : true))
  t.is((await visit(DEVICES.bare, 'static.origin.example', bench.weir.caFile)).status, 200)
  t.is(bench.rows('v_exchanges', 'client = ?', DEVICES.bare).length > 0, true)
})

test('an app with a store of its own on a device that trusts us: its name is left closed after a few alerts', async t => {
  for (const name of NAMES) t.is((await visit(DEVICES.phone, name, bench.weir.caFile)).status, 200)
  const origins = bench.lab.origin.caFile
  const seen = await ten(() => visit(DEVICES.phone, 'chain.example', origins, '--http1.1'))
  table(t, 'app with its own store', seen)
  t.deepEqual(seen.slice(0, 3), ['curl 60', 'curl 60', 'curl 60'])
  t.is(seen[9], '200')
  const entry = await until(() => learned().find(each => each.host === 'chain.example'))
  t.like(entry, { kind: 'pinned', client: DEVICES.phone, state: 'active' })
  const row = await bench.row('v_connections', "host = 'chain.example' AND tier = 'names'")
  t.like(row, { tier_reason: 'learned-pinned', verdict: 'allow' })
  t.is((await visit(DEVICES.phone, NAMES[0]!, bench.weir.caFile)).status, 200, 'the rest of the device is opened')
  t.is((await visit(DEVICES.trusting, 'chain.example', bench.weir.caFile)).status, 200, 'and so is the name elsewhere')
})

test('an app that checks a pin after the handshake and says nothing takes a little longer', async t => {
  const pin = `sha256//${spkiHash(bench.lab.origin.caFile)}`
  const both = `${bench.lab.dir}/both.pem`
  fs.writeFileSync(both, bench.weir.caPem + fs.readFileSync(bench.lab.origin.caFile, 'utf8'))
  // Silent ends nearer than a second count once
  const seen = await ten(() => visit(DEVICES.phone, 'ads.example', both, '--pinnedpubkey', pin), 1500)
  table(t, 'pinning app', seen)
  t.true(
    seen.every(each => each === 'curl 90'),
    'this pin fits no leaf, so the app never gets through; but from some time on it is the origin’s own that it refuses',
  )
  const entry = await until(() => learned().find(each => each.host === 'ads.example'))
  t.like(entry, { kind: 'pinned', client: DEVICES.phone })
  t.true(entry.evidence.every(event => event.outcome === 'closed-after-handshake'))
  const rows = bench.rows('v_connections', "host = 'ads.example'")
  t.is(rows[0]!.tier, 'inspect')
  t.is(rows.at(-1)!.tier, 'names')
})

test('a client that tries ECH says so with an alert ten times over, and nothing is concluded from that', async t => {
  for (let i = 0; i < 10; i++) {
    const ran = await bench.lab.node('client', ECH_CLIENT, {
      input: JSON.stringify({ host: '203.0.113.22', name: 'cloudflare-ech.com' }),
    })
    t.is(ran.stdout.trim(), 'certificate seen', ran.stderr)
  }
  await bench.row('v_connections', "host = 'cloudflare-ech.com' AND handshake = 'ech-retry'")
  await sleep(1500)
  const rows = bench.rows('v_connections', "host = 'cloudflare-ech.com'")
  t.is(rows.length, 10)
  t.true(rows.every(row => row.tier === 'inspect' && row.ech === 1 && row.handshake === 'ech-retry'))
  t.false(learned().some(each => each.host === 'cloudflare-ech.com'))
})

function spkiHash(caFile: string): string {
  const { publicKey } = new X509Certificate(fs.readFileSync(caFile))
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('base64')
}

/**
 * What a browser with ECH does when the front's certificate is good: reads it, then says ech_required (121) and comes back
 * with the real name (RFC 9849 §6.1.6). TLS 1.2, so that the alert can be said without keys.
 */
const ECH_CLIENT = `
import net from 'node:net'
import { randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
const { host, name } = JSON.parse(await text(process.stdin))
const u16 = n => [n >> 8, n & 255]
const block = bytes => [...u16(bytes.length), ...bytes]
const ext = (id, bytes) => [...u16(id), ...block(bytes)]
const sni = [...Buffer.from(name)]
const extensions = [
  ...ext(0, block([0, ...block(sni)])),
  ...ext(10, block([0, 29, 0, 23])),
  ...ext(11, [1, 0]),
  ...ext(13, block([4, 3, 8, 4, 4, 1])),
  ...ext(0xfe0d, [0, 0, 1, 0, 1, 7, ...block([...randomBytes(32)]), ...block([...randomBytes(144)])]),
]
const body = [3, 3, ...randomBytes(32), 0, ...block([0xc0, 0x2b, 0xc0, 0x2f]), 1, 0, ...block(extensions)]
const hello = [1, 0, ...u16(body.length), ...body]
const socket = net.connect({ host, port: 443 }, () => socket.write(Buffer.from([22, 3, 1, ...block(hello)])))
let seen = Buffer.alloc(0)
socket.on('data', chunk => {
  seen = Buffer.concat([seen, chunk])
  if (!seen.includes(Buffer.from([14, 0, 0, 0]))) return // ServerHelloDone
  socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 121]))
  console.log('certificate seen')
})
socket.on('error', error => console.log(error.code))
`
