import { createHash } from 'node:crypto'
import anyTest, { type TestFn } from 'ava'
import { type Bench, startBench } from './support.ts'

/** Bytes through a splice arrive as they were sent, whatever their number and whoever ends first. */
const test = anyTest.serial as TestFn<Bench>

const BYTES = 1_000_000_000

let bench: Bench

test.before(async () => {
  bench = await startBench(null, { tls: { tier: 'names' } })
})
test.after.always(async () => bench?.close())

/** What the lab's origin sends under `/large`: 64 KiB of noise, again and again. */
function largeSha256(): string {
  const block = createHash('shake256', { outputLength: 65536 }).update('weir').digest()
  const hash = createHash('sha256')
  for (let left = BYTES; left > 0; left -= block.length)
    hash.update(left < block.length ? block.subarray(0, left) : block)
  return hash.digest('hex')
}

test('a download of 1 GB is byte-exact', async t => {
  const url = `https://static.origin.example/large?bytes=${BYTES}`
  const ran = await bench.lab.exec('client', [
    'sh',
    '-c',
    `curl -sS --http1.1 --cacert ${bench.lab.origin.caFile} '${url}' | sha256sum`,
  ])
  t.is(ran.stdout.split(' ')[0], largeSha256(), ran.stderr)
  const row = await bench.row('v_connections', `bytes_down > ${BYTES}`)
  t.like(row, { host: 'static.origin.example', tier: 'names', verdict: 'allow' })
})

test('an upload of 1 GB is byte-exact', async t => {
  const source = `head -c ${BYTES} /dev/zero`
  const ran = await bench.lab.exec('client', [
    'sh',
    '-c',
    `${source} | curl -sS --http1.1 --cacert ${bench.lab.origin.caFile} -T - https://api.origin.example/echo; ${source} | sha256sum`,
  ])
  const at = ran.stdout.lastIndexOf('}') + 1
  const sha256 = ran.stdout.slice(at).trim().split(' ')[0]!
  t.like(JSON.parse(ran.stdout.slice(0, at)), { length: BYTES, sha256 }, ran.stderr)
})

const HALF_CLOSE = `
import { createHash } from 'node:crypto'
import net from 'node:net'
const socket = net.connect({ host: 'ssh.example', port: 443, allowHalfOpen: true })
const got = createHash('sha256'), sent = createHash('sha256')
const GREETING = 13, PIECES = 320
let greeted = 0, length = 0
socket.on('data', chunk => {
  const rest = chunk.subarray(Math.max(0, GREETING - greeted))
  if (greeted < GREETING && (greeted += chunk.length) >= GREETING) send()
  got.update(rest)
  length += rest.length
})
async function send() {
  for (let i = 0; i < PIECES; i++) {
    const piece = Buffer.alloc(65536, i)
    sent.update(piece)
    if (!socket.write(piece)) await new Promise(resolve => socket.once('drain', resolve))
  }
  socket.end()
}
socket.on('end', () => console.log(JSON.stringify({ length, same: got.digest('hex') === sent.digest('hex') })))
socket.on('error', error => console.log(JSON.stringify({ error: error.code })))
`

test('a client that has said everything still hears the rest', async t => {
  const ran = await bench.lab.node('client', HALF_CLOSE)
  t.deepEqual(JSON.parse(ran.stdout), { length: 320 * 65536, same: true }, ran.stderr)
  const row = await bench.row('v_connections', "dst = '203.0.113.50'")
  t.like(row, { error: '', bytes_up: 320 * 65536, bytes_down: 320 * 65536 + 13 })
})
