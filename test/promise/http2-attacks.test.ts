import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import { type Bench, childrenOf, rssOf, startBench } from './support.ts'

/**
 * HTTP/2 attacks by one device through the real Weir with everything on, a few seconds each: what the worker's memory
 * grows by at its peak, and what another device's requests notice of it, on a connection of their own and on new ones.
 */
const test = anyTest.serial as TestFn

let bench: Bench
let pids: string
let attacker: Puppet
let bystander: Puppet
const workerPid = () => childrenOf(bench.weir.pid).workers[0]!

const FRAMES = path.resolve(import.meta.dirname, '../unit/http/h2/frames.ts')
const ATTACK_MS = 3000
const MIB = 1024 * 1024

type Answer = Record<string, number>
interface Puppet {
  ask(line: string): Promise<Answer>
  end(): Promise<void>
}

/** A module on the client's side that is told what to do line by line, and answers each line with one. */
function puppet(source: string): Puppet {
  const child = bench.lab.spawn('client', [process.execPath, '--input-type=module', '-e', source])
  const lines = createInterface({ input: child.stdout! })
  child.stderr!.pipe(process.stderr)
  return {
    async ask(line) {
      const answer = once(lines, 'line')
      child.stdin!.write(`${line}\n`)
      return JSON.parse((await answer)[0])
    },
    async end() {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** Asks 50 times a second on one connection, and once in 200 ms on a new one. `look`: what happened since the last look. */
const BYSTANDER = `
import http2 from 'node:http2'
import { createInterface } from 'node:readline'
const open = () => http2.connect('https://www.origin.example', { rejectUnauthorized: false, localAddress: '10.77.1.12' })
  .on('error', () => {})
let times = [], failed = 0, opened = 0
const ask = session => new Promise(resolve => {
  const began = performance.now()
  const stream = session.request({ ':path': '/' })
  let status = 0
  stream.on('response', head => { status = head[':status'] })
  stream.on('error', () => {})
  stream.on('close', () => {
    if (status === 200 && stream.rstCode === 0) times.push(performance.now() - began)
    else failed++
    resolve()
  })
  stream.resume()
})
const steady = open()
setInterval(() => ask(steady), 20)
setInterval(async () => {
  const session = open()
  opened++
  await ask(session)
  session.close()
}, 200)
createInterface({ input: process.stdin }).on('line', () => {
  times.sort((a, b) => a - b)
  const at = share => Math.round(10 * (times[Math.floor(share * times.length)] ?? 0)) / 10
  console.log(JSON.stringify({ served: times.length, failed, opened, p50: at(0.5), p99: at(0.99), max: Math.round(times.at(-1) ?? 0) }))
  times = []
  failed = opened = 0
})
`

/** \`NAME CONNECTIONS MS\`: as many at a time, each opened again when it is ended. */
const ATTACKER = `
import tls from 'node:tls'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { cancel, data, fieldBlock, frame, get, headersFrame, longHeaders, RawClient, settings, windowUpdate } from ${JSON.stringify(FRAMES)}
const SITE = 'www.origin.example'
const ask = path => get(path, SITE, 'https')
const post = path => [[':method', 'POST'], ...ask(path).slice(1)]
const times = (n, bytes) => Buffer.concat(Array(n).fill(bytes))
const bomb = Buffer.concat([fieldBlock(ask('/')), Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'b'), Buffer.alloc(12000, 0xbe)])
const big = Array.from({ length: 120 }, (_, i) => ['x-' + i, 'v'.repeat(450)])
const CHUNK = Buffer.alloc(16384, 'u')
/** \`once\`: at the start of a connection; \`each\`: over and over, with the next stream id; \`deaf\`: reads nothing. */
const ATTACKS = {
  'rapid-reset': { each: id => [headersFrame(id, ask('/'), true), cancel(id)] },
  'made-you-reset': { each: id => [headersFrame(id, post('/echo'), false), headersFrame(id, [['x', ' y']], true)] },
  'malformed': { each: id => [headersFrame(id, ask('/#'), true)] },
  'continuation': { once: [frame(1, 0, 1, fieldBlock(ask('/')))], each: () => [frame(9, 0, 1, fieldBlock([['a', 'b'.repeat(1000)]]))] },
  'ping': { each: () => [frame(6, 0, 0, Buffer.alloc(8))] },
  'ping-deaf': { deaf: true, each: () => [times(50, frame(6, 0, 0, Buffer.alloc(8)))] },
  'settings-deaf': { deaf: true, each: () => [times(50, settings())] },
  'priority': { once: [headersFrame(1, ask('/hang'), true)], each: () => [frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 9]))] },
  'window-updates': { once: [headersFrame(1, ask('/hang'), true)], each: () => [windowUpdate(1, 1)] },
  'empty-data': { once: [headersFrame(1, post('/echo'), false)], each: () => [data(1, '')] },
  'hpack-bomb': { each: id => [frame(1, 5, id, bomb)] },
  'large-heads': { each: id => [longHeaders(id, [...ask('/'), ...big])] },
  'one-thousand-streams': { once: Array.from({ length: 1000 }, (_, i) => headersFrame(1 + 2 * i, ask('/hang'), true)) },
  'zero-windows': { once: [settings([4, 0]), ...Array.from({ length: 90 }, (_, i) => headersFrame(1 + 2 * i, ask('/large?bytes=5000000'), true))] },
  'deaf-downloads': { deaf: true, once: [settings([4, 0x7fffffff]), windowUpdate(0, 0x7fff0000 - 65535), ...Array.from({ length: 90 }, (_, i) => headersFrame(1 + 2 * i, ask('/large?bytes=5000000'), true))] },
  'stalled-uploads': { once: Array.from({ length: 90 }, (_, i) => headersFrame(1 + 2 * i, post('/hang'), false)), each: (_, turn) => turn < 1350 ? [data(1 + 2 * (turn % 90), CHUNK)] : [] },
  'endless-uploads': { once: Array.from({ length: 90 }, (_, i) => headersFrame(1 + 2 * i, post('/echo'), false)), each: (_, turn) => [data(1 + 2 * (turn % 90), 'x')] },
}
const open = () => new Promise(resolve => {
  const socket = tls.connect({ host: '203.0.113.10', port: 443, servername: SITE, rejectUnauthorized: false, ALPNProtocols: ['h2'], localAddress: '10.77.1.11' })
  socket.once('secureConnect', () => resolve(new RawClient(socket)))
  socket.on('error', () => resolve(null))
})
async function attack({ once = [], each, deaf }, until, told) {
  while (Date.now() < until) {
    const raw = await open()
    if (raw === null) { await sleep(20); continue }
    told.connections++
    if (deaf) raw.socket.pause()
    for (const bytes of once) raw.socket.write(bytes)
    let id = 1, turn = 0
    while (Date.now() < until && !raw.heard.closed && raw.heard.goaway === null && !raw.socket.destroyed) {
      if (each !== undefined && !raw.socket.writableNeedDrain) for (let i = 0; i < 20; i++, id += 2, turn++) {
        for (const bytes of each(id, turn)) raw.socket.write(bytes)
        told.sent++
      }
      await sleep(each === undefined || raw.socket.writableNeedDrain ? 5 : 0)
    }
    if (raw.heard.closed || raw.heard.goaway !== null) told.ended++
    told.resets += raw.heard.resets.length
    raw.socket.destroy()
  }
}
createInterface({ input: process.stdin }).on('line', async line => {
  const [name, connections, ms] = line.split(' ')
  const told = { connections: 0, sent: 0, ended: 0, resets: 0 }
  await Promise.all(Array.from({ length: Number(connections) }, () => attack(ATTACKS[name], Date.now() + Number(ms), told)))
  console.log(JSON.stringify(told))
})
`

test.before(async () => {
  bench = await startBench(null, { workers: 1 })
  attacker = puppet(ATTACKER)
  bystander = puppet(BYSTANDER)
  await sleep(2000)
  await bystander.ask('look')
  await sleep(2000)
  pids = JSON.stringify(childrenOf(bench.weir.pid))
})
test.after.always(async () => {
  await attacker?.end()
  await bystander?.end()
  await bench?.close()
})

interface Attack {
  name: string
  connections: number
  /** Weir must end connections over it. */
  ended?: true
}

const ATTACKS: Attack[] = [
  { name: 'rapid-reset', connections: 2, ended: true },
  { name: 'made-you-reset', connections: 2, ended: true },
  { name: 'malformed', connections: 2, ended: true },
  { name: 'continuation', connections: 2, ended: true },
  { name: 'ping', connections: 2 },
  { name: 'ping-deaf', connections: 2 },
  { name: 'settings-deaf', connections: 2 },
  { name: 'priority', connections: 2 },
  { name: 'window-updates', connections: 2 },
  { name: 'empty-data', connections: 2, ended: true },
  { name: 'hpack-bomb', connections: 2 },
  { name: 'large-heads', connections: 2 },
  { name: 'one-thousand-streams', connections: 5, ended: true },
  { name: 'zero-windows', connections: 5 },
  { name: 'deaf-downloads', connections: 5 },
  { name: 'stalled-uploads', connections: 5 },
  { name: 'endless-uploads', connections: 5 },
]

/** What the worker may grow by at most: without a bound it is this much within a second. */
const MAX_GROWTH_MIB = 250

for (const { name, connections, ended } of ATTACKS) {
  test(`an attack harms nobody else and costs bounded memory: ${name}`, async t => {
    await sleep(500)
    await bystander.ask('look')
    const before = rssOf(workerPid())
    let peak = before
    const meter = setInterval(() => {
      peak = Math.max(peak, rssOf(workerPid()))
    }, 50)
    const told = await attacker.ask(`${name} ${connections} ${ATTACK_MS}`)
    clearInterval(meter)
    const noticed = await bystander.ask('look')
    const grown = (peak - before) / MIB
    t.log(`${name}: ${JSON.stringify(told)}; peak +${grown.toFixed(0)} MiB; bystander ${JSON.stringify(noticed)}`)
    t.is(noticed.failed, 0)
    t.true(noticed.served! > 5)
    t.true(noticed.max! < 10_000, `${noticed.max} ms`)
    t.true(grown < MAX_GROWTH_MIB, `${grown} MiB`)
    if (ended) t.true(told.ended! > 0, 'nobody was sent away')
    t.is(JSON.stringify(childrenOf(bench.weir.pid)), pids, 'the same processes')
  })
}
