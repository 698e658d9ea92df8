import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import { curl } from '../lab/client.ts'
import { type Bench, childrenOf, rssOf, startBench } from './support.ts'

/** What many, slow or vanished clients cost, and whom. */
const test = anyTest.serial as TestFn<Bench>

const POLICY = `version: 1
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: names
`
let bench: Bench
const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })
const workerPid = () => childrenOf(bench.weir.pid).workers[0]!

test.before(async () => {
  bench = await startBench(POLICY, { workers: 1 })
})
test.after.always(async () => bench?.close())

/** A module on the client that is told what to do line by line, and answers each line with one. */
function puppet(source: string, lab = bench.lab) {
  const child = lab.spawn('client', [process.execPath, '--input-type=module', '-e', source])
  const lines = createInterface({ input: child.stdout! })
  child.stderr!.pipe(process.stderr)
  return {
    async ask(line: string): Promise<Record<string, number>> {
      const answer = once(lines, 'line')
      child.stdin!.write(`${line}\n`)
      return JSON.parse((await answer)[0])
    },
    async end(): Promise<void> {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}

/** `open N`: N more connections, one request each, kept alive. `again`: another request on every one. */
const IDLERS = `
import { createInterface } from 'node:readline'
import tls from 'node:tls'
const DEVICES = ['10.77.1.10', '10.77.1.11', '10.77.1.12']
const REQUEST = 'GET /cacheable?max-age=600&bytes=100 HTTP/1.1\\r\\nHost: www.origin.example\\r\\n\\r\\n'
const sockets = []
const secureContext = tls.createSecureContext()
const ask = socket => new Promise(resolve => {
  let got = ''
  const done = ok => { socket.off('data', data); socket.off('close', closed); resolve(ok) }
  const data = chunk => { got += chunk; if (/\\r\\n\\r\\n[^]{50,}/.test(got)) done(got.startsWith('HTTP/1.1 200')) }
  const closed = () => done(false)
  socket.on('data', data); socket.on('close', closed)
  socket.write(REQUEST)
})
const open = () => new Promise(resolve => {
  const socket = tls.connect({ host: '203.0.113.10', port: 443, servername: 'www.origin.example', secureContext,
    rejectUnauthorized: false, localAddress: DEVICES[sockets.length % DEVICES.length] })
  sockets.push(socket)
  socket.on('error', () => resolve(false))
  socket.once('secureConnect', () => resolve(ask(socket)))
})
async function each(count, parallel, work) {
  let ok = 0, next = 0
  await Promise.all(Array.from({ length: parallel }, async () => { while (next < count) if (await work(next++)) ok++ }))
  return ok
}
createInterface({ input: process.stdin }).on('line', async line => {
  const [word, count] = line.split(' ')
  const ok = word === 'open' ? await each(Number(count), 40, open) : await each(sockets.length, 200, i => ask(sockets[i]))
  console.log(JSON.stringify({ ok }))
})
`

test('5,000 idle inspected connections: each costs little, and all of them work afterwards', async t => {
  const idlers = puppet(IDLERS)
  try {
    t.like(await idlers.ask('open 200'), { ok: 200 })
    await sleep(1500)
    const before = rssOf(workerPid())
    const began = Date.now()
    t.like(await idlers.ask('open 5000'), { ok: 5000 })
    const openS = (Date.now() - began) / 1000
    await sleep(2000)
    const each = (rssOf(workerPid()) - before) / 5000 / 1024
    t.log(`memory per idle inspected connection: ${each.toFixed(1)} KiB; 5,000 opened in ${openS.toFixed(1)} s`)
    t.true(each < 100, `${each} KiB`)
    t.is((await get('https://www.origin.example/')).status, 200, 'others are served')
    t.like(await idlers.ask('again'), { ok: 5200 })
  } finally {
    await idlers.end()
  }
})

/** N connections that say half of something and then drip one byte a second; or, with `keep`, that ask once and rest. */
const LORIS = `
import net from 'node:net'
import { createInterface } from 'node:readline'
const HALVES = { 80: 'GET / HTTP/1.1\\r\\nHost: www.origin.example\\r\\nX-', 443: Buffer.from('1603010200010001fc0303', 'hex') }
let open = 0, reset = 0
const WHOLE = 'GET / HTTP/1.1\\r\\nHost: www.origin.example\\r\\n\\r\\n'
const start = (port, localAddress, keep) => {
  open++
  const socket = net.connect({ host: '203.0.113.10', port, localAddress }, () => socket.write(keep ? WHOLE : HALVES[port]))
  socket.resume()
  const drip = keep ? undefined : setInterval(() => socket.write('a'), 1000)
  socket.on('error', error => { if (error.code === 'ECONNRESET') reset++ })
  socket.on('close', () => { open--; clearInterval(drip) })
}
createInterface({ input: process.stdin }).on('line', line => {
  const [word, count, port, addr, keep] = line.split(' ')
  if (word === 'open') for (let i = 0; i < Number(count); i++) start(Number(port), addr, keep === 'keep')
  setTimeout(() => console.log(JSON.stringify({ open, reset })), word === 'open' ? 2000 : 0)
})
`

test('1,000 slow-loris connections leave others unharmed, and end', async t => {
  const loris = puppet(LORIS)
  try {
    t.like(await loris.ask('open 500 80 10.77.1.11'), { open: 500 })
    t.like(await loris.ask('open 500 443 10.77.1.11'), { open: 1000 })
    // The device they come from, and another
    for (const device of ['10.77.1.11', '10.77.1.10']) {
      for (const url of ['https://www.origin.example/', 'http://www.origin.example/']) {
        const answer = await get('--interface', device, url)
        t.is(answer.status, 200)
        t.true(Number(answer.info.time_total) < 5, `${answer.info.time_total} s`)
      }
    }
    // 60 s by the gateway's clock, which stands while it is busy
    const limit = Date.now() + 90_000
    let left = (await loris.ask('count')).open!
    while (left > 0 && Date.now() < limit) {
      await sleep(1000)
      left = (await loris.ask('count')).open!
    }
    t.is(left, 0, 'dripping buys no time')
  } finally {
    await loris.end()
  }
})

/** `hold N`: N connections in all, each with a request that its origin never answers. */
const HOLDERS = `
import { createInterface } from 'node:readline'
import tls from 'node:tls'
const secureContext = tls.createSecureContext()
let sent = 0
const hold = i => new Promise(resolve => {
  // A client waits once it has 192 connections to one origin in use
  const [host, name] = [['203.0.113.10', 'www'], ['203.0.113.11', 'static'], ['203.0.113.12', 'api']][i % 3]
  const servername = name + '.origin.example'
  const socket = tls.connect({ host, port: 443, servername, secureContext, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false })
  socket.on('error', resolve)
  socket.once('secureConnect', () => socket.write('GET /hang HTTP/1.1\\r\\nHost: ' + servername + '\\r\\n\\r\\n', resolve))
})
createInterface({ input: process.stdin }).on('line', async line => {
  const count = Number(line.split(' ')[1])
  await Promise.all(Array.from({ length: 20 }, async () => { while (sent < count) await hold(sent++) }))
  console.log(JSON.stringify({ sent }))
})
`

test('450 exchanges that wait for their origin: what each costs', async t => {
  // A worker of its own: what others left behind in its heap would be used again
  const own = await startBench(null, { workers: 1 })
  const holders = puppet(HOLDERS, own.lab)
  try {
    const worker = childrenOf(own.weir.pid).workers[0]!
    const held = async () => {
      const { stdout } = await own.lab.exec('origin', ['ss', '-tnH', 'state', 'established', 'sport = :443'])
      return stdout.split('\n').filter(Boolean).length
    }
    const until = async (count: number) => {
      const limit = Date.now() + 30_000
      while ((await held()) < count && Date.now() < limit) await sleep(200)
      return held()
    }
    t.like(await holders.ask('hold 60'), { sent: 60 })
    t.true((await until(60)) >= 60)
    await sleep(1500)
    const before = rssOf(worker)
    t.like(await holders.ask('hold 510'), { sent: 510 })
    t.true((await until(510)) >= 510)
    await sleep(1500)
    const each = (rssOf(worker) - before) / 450 / 1024
    t.log(`memory per waiting inspected exchange: ${each.toFixed(1)} KiB`)
    t.true(each < 250, `${each} KiB`)
  } finally {
    await holders.end()
    await own.close()
  }
})

test('one device may hold 2,048 connections; another is served meanwhile, and it is again when they are gone', async t => {
  const greedy = puppet(LORIS)
  try {
    await greedy.ask('open 2100 80 10.77.1.12 keep')
    // The worker needs a moment to accept them all
    const limit = Date.now() + 30_000
    let seen = await greedy.ask('count')
    while (seen.reset! < 52 && Date.now() < limit) {
      await sleep(100)
      seen = await greedy.ask('count')
    }
    t.true(seen.reset! >= 52, `${seen.reset} were reset`)
    t.true(seen.open! <= 2048, `${seen.open} are open`)
    t.is((await get('https://www.origin.example/')).status, 200)
    t.not((await get('--interface', '10.77.1.12', 'https://www.origin.example/')).exit, 0)
    const row = await bench.row('v_connections', "error = 'self-overloaded'")
    t.like(row, { client: '10.77.1.12', verdict: 'fail' })
  } finally {
    await greedy.end()
  }
  await sleep(500)
  t.is((await get('--interface', '10.77.1.12', 'https://www.origin.example/')).status, 200)
})

/** TCP connections the origin has with the gateway on a port. */
async function originConnections(port: number): Promise<number> {
  const { stdout } = await bench.lab.exec('origin', ['ss', '-tnH', 'state', 'established', `sport = :${port}`])
  return stdout.split('\n').filter(line => line.includes('203.0.113.11') || line.includes('203.0.113.20')).length
}

for (const [how, url, port, args] of [
  ['plain', 'http://static.origin.example/large?bytes=1000000000', 80, []],
  ['inspected, HTTP/1.1', 'https://static.origin.example/large?bytes=1000000000', 443, ['--http1.1']],
  ['inspected, HTTP/2', 'https://static.origin.example/large?bytes=1000000000', 443, ['--http2']],
  ['spliced', 'https://bank.example/large?bytes=1000000000', 443, ['-k']],
] as const) {
  test(`a client that vanishes in the middle of a slow download ends the origin's work: ${how}`, async t => {
    const before = await originConnections(port)
    const child = bench.lab.spawn('client', ['curl', '-qsk', ...args, '--limit-rate', '1M', '-o', '/dev/null', url])
    await sleep(1500)
    const during = await originConnections(port)
    t.true(during >= 1)
    child.kill('SIGKILL')
    await sleep(2000)
    const left = await originConnections(port)
    // An HTTP/2 connection to the origin lives on without the stream; what it sends then is little
    if (how === 'inspected, HTTP/2') {
      const row = await bench.row('v_exchanges', "url LIKE '%bytes=1000000000' AND http_version = 20")
      t.is(row.error, 'client-gone')
    } else t.true(left <= before, `${before} before, ${during} during, ${left} after`)
  })
}
