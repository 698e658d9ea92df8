import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import Database from 'better-sqlite3'
import YAML from 'yaml'
import { curl } from '../lab/client.ts'
import { createLab, type Lab } from '../lab/lab.ts'
import type { WeirOverrides, WeirProcess } from '../lab/weir.ts'
import { childrenOf } from './support.ts'

/** What clients get when Weir's processes fail, and what is left when it ends badly. */
const test = anyTest.serial as TestFn

let lab: Lab

test.before(async () => {
  lab = await createLab()
})
test.after.always(async () => lab?.close())

const rulesOf = async () =>
  (await lab.exec('gateway', ['sh', '-c', 'iptables-save; ip6tables-save; ip rule; ip -6 rule'])).stdout
const LOADED = /WEIR|TPROXY/
const viaWeir = async () => {
  const answer = await curl(lab, ['--connect-timeout', '2', 'http://www.origin.example/headers'], { timeoutMs: 4000 })
  return { status: answer.status, via: answer.headers.via?.join() ?? '' }
}

async function until(what: string, limitMs: number, holds: () => Promise<boolean> | boolean): Promise<number> {
  const began = Date.now()
  while (!(await holds())) {
    if (Date.now() - began > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(50)
  }
  return Date.now() - began
}

const alive = (pid: number) => {
  try {
    // A zombie waits for init and does nothing any more
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Kills every worker as soon as there is one, until told to stop. */
function killWorkers(weir: WeirProcess): () => Promise<void> {
  let on = true
  const loop = (async () => {
    while (on) {
      for (const pid of childrenOf(weir.pid).workers) process.kill(pid, 'SIGKILL')
      await sleep(20)
    }
  })()
  return () => {
    on = false
    return loop
  }
}

test('onFailure: open — without a worker the rules go within 3 s, the way is free, and they come back', async t => {
  const weir = await lab.startWeir({ workers: 2, onFailure: 'open' })
  t.teardown(() => weir.stop())
  t.regex((await viaWeir()).via, /weir/)
  const stop = killWorkers(weir)
  try {
    const gone = await until('the rules are gone', 5000, async () => !LOADED.test(await rulesOf()))
    t.log(`rules gone after ${gone} ms`)
    t.true(gone < 3500, `${gone} ms`)
    t.deepEqual(await viaWeir(), { status: 200, via: '' }, 'the client reaches the origin itself')
  } finally {
    await stop()
  }
  const back = await until('the rules are back', 15_000, async () => LOADED.test(await rulesOf()))
  t.log(`rules back after ${back} ms`)
  const after = await viaWeir()
  t.is(after.status, 200)
  t.regex(after.via, /weir/)
  t.regex(weir.log(), /no worker accepts: rules removed/)
})

test('onFailure: closed — the rules stay and nothing passes unseen; then it works again', async t => {
  const weir = await lab.startWeir({ workers: 1, onFailure: 'closed' })
  t.teardown(() => weir.stop())
  const stop = killWorkers(weir)
  try {
    await sleep(3500)
    t.regex(await rulesOf(), LOADED)
    t.is((await viaWeir()).via, '')
    t.is((await viaWeir()).status, 0)
  } finally {
    await stop()
  }
  await until('service is back', 15_000, async () => (await viaWeir()).status === 200)
})

test('SIGKILL of the supervisor: no process is left over, and the next start mends the rest', async t => {
  const weir = await lab.startWeir({ workers: 2 })
  const { workers, admin } = childrenOf(weir.pid)
  t.is(workers.length + admin.length, 3)
  // A download in the middle must not keep a worker alive
  const download = curl(lab, [
    '--limit-rate',
    '1M',
    '-o',
    '/dev/null',
    'http://static.origin.example/large?bytes=100000000',
  ])
  await sleep(500)
  weir.kill('SIGKILL')
  await until('all processes ended', 3000, () => ![...workers, ...admin].some(alive))
  t.not((await download).exit, 0)
  const next = await lab.startWeir({ workers: 1 })
  t.regex((await viaWeir()).via, /weir/)
  t.is(await next.stop(), 0)
  t.notRegex(await rulesOf(), LOADED)
})

const WEIR = `${import.meta.dirname}/../../bin/weir`

function configFile(name: string, overrides: WeirOverrides): string {
  const file = `${lab.dir}/${name}.yaml`
  const config = {
    stateDir: `${lab.dir}/${name}`,
    workers: 1,
    intercept: { interface: 'lan' },
    rules: 'auto',
    listen: { tproxy: 3129, admin: '127.0.0.1:8080' },
    ...overrides,
  }
  fs.chmodSync(lab.dir, 0o755) // the processes without root have to reach it
  fs.writeFileSync(file, YAML.stringify(config))
  return file
}

const HELD = `
import net from 'node:net'
import tls from 'node:tls'
const tunnel = net.connect(443, 'ssh.example', () => {})
tunnel.on('data', () => console.log('tunnel'))
tunnel.on('error', () => {})
const ws = new WebSocket('ws://www.origin.example/ws')
ws.onopen = () => ws.send('x')
ws.onmessage = () => console.log('ws')
ws.onerror = () => {}
for (const protocol of ['http/1.1', 'h2']) {
  const idle = tls.connect({ host: 'www.origin.example', port: 443, servername: 'www.origin.example', ALPNProtocols: [protocol], rejectUnauthorized: false },
    () => console.log(protocol))
  idle.on('error', () => {})
  if (protocol === 'h2') idle.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'), Buffer.from('000000040000000000', 'hex')]))
}
setInterval(() => {}, 1000)
`

test('SIGTERM with tunnels open and connections idle: all is over in time, and every row is written', async t => {
  const weir = await lab.startWeir({ workers: 2 })
  const log = `${lab.dir}/held.log`
  const held = lab.spawn('client', [process.execPath, '--input-type=module', '-e', HELD], { logFile: log })
  t.teardown(() => held.kill('SIGKILL'))
  await until('all four are open', 10_000, () => fs.readFileSync(log, 'utf8').trim().split('\n').length === 4)
  await sleep(200)
  const began = Date.now()
  t.is(await weir.stop(15_000), 0)
  const took = Date.now() - began
  t.log(`ended after ${took} ms`)
  t.true(took < 8000, `${took} ms: nobody had to be killed`)
  t.notRegex(weir.log(), /SIGKILL/)
  const db = new Database(`${weir.stateDir}/traffic.db`, { readonly: true })
  t.teardown(() => db.close())
  const of = (sql: string) => db.prepare(sql).all()
  t.like(of("SELECT * FROM v_connections WHERE dst = '203.0.113.50'"), [{ error: 'self-draining', bytes_down: 13 }])
  t.is(of('SELECT * FROM v_exchanges WHERE status = 101').length, 1)
  t.is(of('SELECT * FROM v_connections').length, 4)
})

test('whoever read the output is gone: Weir works on, and ends as it should', async t => {
  const file = configFile('unread', {})
  const child = lab.spawn('gateway', ['sh', '-c', `${WEIR} run --config ${file} 2>&1 | sleep 0.3`])
  t.teardown(() => child.kill('SIGKILL'))
  await until('it serves', 15_000, async () => /weir/.test((await viaWeir()).via))
  const pid = Number(fs.readFileSync(`${lab.dir}/unread/weir.pid`, 'utf8').split(' ')[0])
  // A line of the log has no reader either
  process.kill(childrenOf(pid).workers[0]!, 'SIGKILL')
  await sleep(1500)
  t.regex((await viaWeir()).via, /weir/)
  process.kill(pid, 'SIGTERM')
  await until('it ended', 10_000, () => !alive(pid))
  t.notRegex(await rulesOf(), LOADED)
})

/** Starts Weir where it cannot succeed. */
async function refused(wrapper: string[], overrides: WeirOverrides, name: string) {
  const file = configFile(name, overrides)
  const began = Date.now()
  const ran = await lab.exec('gateway', [...wrapper, WEIR, 'run', '--config', file], {
    timeoutMs: 30_000,
  })
  return { ...ran, tookMs: Date.now() - began, sentences: ran.stderr.match(/^weir: .*$/gm) ?? [] }
}

test('a port in use: one sentence, and no rule is left', async t => {
  const holder = lab.spawn('gateway', ['node', '-e', "require('net').createServer().listen(3129, '::')"])
  t.teardown(() => holder.kill('SIGKILL'))
  await until('the port is taken', 5000, async () =>
    (await lab.exec('gateway', ['ss', '-ltnH', 'sport = :3129'])).stdout.includes('3129'),
  )
  const { code, sentences } = await refused([], {}, 'port')
  t.is(code, 1)
  t.is(sentences.length, 1)
  t.regex(sentences[0]!, /3129.*EADDRINUSE/)
  t.notRegex(await rulesOf(), LOADED)
})

test('processes that cannot give up their rights never see the network: one sentence within seconds', async t => {
  const { code, sentences, tookMs, stderr } = await refused(
    ['setpriv', '--bounding-set', '-setuid,-setgid'],
    {},
    'no-setuid',
  )
  t.is(code, 1, stderr)
  t.is(sentences.length, 1, stderr)
  t.regex(sentences[0]!, /ended 3 times before/)
  t.true(tookMs < 15_000, `${tookMs} ms`)
  t.notRegex(await rulesOf(), LOADED)
  t.is((await lab.exec('gateway', ['ss', '-ltnH'])).stdout, '')
  t.false(fs.existsSync(`${lab.dir}/no-setuid/weir.pid`))
})
