import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { curl, rawTcp, webSocket } from '../lab/client.ts'
import { createLab, type Lab } from '../lab/lab.ts'
import { SITES } from '../lab/sites.ts'

const isRoot = process.getuid?.() === 0
const inLab = isRoot ? test : test.skip
const inSharedLab = isRoot ? test.serial : test.serial.skip

/** Whatever of a lab of this name is on the machine. */
function traces(name: string): string[] {
  const hosts = ['client', 'gateway', 'origin'].map(host => `${name}-${host}`)
  const files = hosts.flatMap(ns => [`/run/netns/${ns}`, `/etc/netns/${ns}`]).filter(file => fs.existsSync(file))
  const dirs = fs.readdirSync(os.tmpdir()).filter(entry => entry.startsWith(`${name}-`))
  return [...files, ...dirs, ...processesWith(name)]
}

/** Command lines of processes that name it, zombies and this one excluded. */
function processesWith(name: string): string[] {
  return fs.readdirSync('/proc').flatMap(pid => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return []
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return line.includes(name) ? [`${pid} ${line}`] : []
    } catch {
      return []
    }
  })
}

async function until(gone: () => boolean, ms: number): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (gone()) return true
  return gone()
}

inLab('two labs run side by side and leave nothing behind', async t => {
  const labs = await Promise.all([createLab(), createLab()])
  try {
    t.not(labs[0].name, labs[1].name)
    for (const lab of labs) t.true(traces(lab.name).length > 0)
    const answers = await Promise.all(labs.map(lab => curl(lab, ['http://www.origin.example/seen'])))
    // Each has an internet of its own: the other's visit is not counted.
    for (const { body } of answers) t.deepEqual(JSON.parse(body), { 'www.origin.example /seen': 1 })
    labs[0].spawn('client', ['sleep', '1000'])
  } finally {
    await Promise.all(labs.map(lab => lab.close()))
  }
  for (const lab of labs) t.deepEqual(traces(lab.name), [])
})

inLab('a lab whose owner is killed goes away by itself', async t => {
  const source = `
    import { createLab } from ${JSON.stringify(path.resolve('test/lab/lab.ts'))}
    const lab = await createLab()
    lab.spawn('gateway', ['sleep', '1000'])
    console.log(lab.name)
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  const name = await new Promise<string>(resolve => owner.stdout.once('data', chunk => resolve(String(chunk).trim())))
  t.true(traces(name).length > 0)
  owner.kill('SIGKILL')
  t.true(await until(() => traces(name).length === 0, 10_000), traces(name).join('\n'))
})

inLab('a second lab of the same name is refused and the first one lives on', async t => {
  const lab = await createLab({ origin: false })
  try {
    await t.throwsAsync(createLab({ name: lab.name }), { message: /already/ })
    t.is((await lab.exec('client', ['ip', 'route', 'get', '203.0.113.10'])).code, 0)
  } finally {
    await lab.close()
  }
  t.deepEqual(traces(lab.name), [])
})

const shared: { lab?: Lab } = {}
const withLab = async (): Promise<Lab> => (shared.lab ??= await createLab())
test.after.always(() => shared.lab?.close())

inSharedLab(
  'the origin is reached over IPv4 and IPv6, HTTP/1.1 and HTTP/2, with certificates right and wrong',
  async t => {
    const lab = await withLab()
    const ca = lab.origin.caFile
    for (const [name, site] of Object.entries(SITES)) {
      if (site.kind !== 'web') continue
      const right = site.cert === 'good' || site.cert === 'chain'
      for (const family of ['-4', '-6']) {
        const answer = await curl(lab, [family, `https://${name}/`], { ca, timeoutMs: 10_000 })
        t.is(answer.exit, right ? 0 : 60, `${name} ${answer.error}`)
        if (right) t.is(answer.httpVersion, site.alpn.includes('h2') ? '2' : '1.1', name)
      }
    }
    const plain = await curl(lab, ['-6', 'http://www.origin.example/headers'])
    t.is(JSON.parse(plain.body).remoteAddress, 'fd77:1::10')
  },
)

inSharedLab('the origin has the resources that tests need', async t => {
  const lab = await withLab()
  const ca = lab.origin.caFile
  const at = (p: string, ...more: string[]) => curl(lab, [...more, `https://api.origin.example${p}`], { ca })
  const first = await at('/cacheable?max-age=9')
  t.deepEqual(first.headers['cache-control'], ['max-age=9'])
  t.is((await at('/cacheable', '-H', 'If-None-Match: "v1"')).status, 304)
  t.is(JSON.parse((await at('/echo', '-d', 'hello')).body).length, 5)
  t.is((await at('/echo-body', '-d', 'hello')).body, 'hello')
  t.is((await at('/large?bytes=3000000')).bytes.length, 3_000_000)
  t.regex((await at('/chunked', '--http1.1')).rawHead, /Transfer-Encoding: chunked[\s\S]*x-checksum: abc/i)
  t.regex((await at('/early-hints', '--http1.1')).rawHead, /^HTTP\/1\.1 103/)
  t.is((await at('/cut')).exit, 18)
  t.deepEqual(await webSocket(lab, 'wss://api.origin.example/ws', ['one', 'two'], { ca }), {
    messages: ['one', 'two'],
    error: '',
  })
  const ssh = await rawTcp(lab, { host: 'ssh.example', port: 443 }, { send: 'hi', afterFirst: true, quietMs: 300 })
  t.is(ssh.data.toString(), 'SSH-2.0-lab\r\nhi')
  t.is((await rawTcp(lab, { host: 'reset.example', port: 443 })).end, 'reset')
  t.is((await rawTcp(lab, { host: '203.0.113.79', port: 443 })).end, 'refused')
  const nowhere = await rawTcp(lab, { host: 'blackhole.example', port: 443 }, { quietMs: 300 })
  t.deepEqual(nowhere, { data: Buffer.alloc(0), end: 'quiet' })
})

inSharedLab('a port of a lab host can be reached from outside the namespaces', async t => {
  const lab = await withLab()
  const forward = await lab.forward('origin', { host: '203.0.113.10', port: 80 })
  const answer = await fetch(`http://127.0.0.1:${forward.port}/nostore`)
  t.is(await answer.text(), 'made 1\n')
  await forward.close()
  await t.throwsAsync(fetch(`http://127.0.0.1:${forward.port}/`))
})

inSharedLab('a command that runs too long is ended with its children', async t => {
  const lab = await withLab()
  const marker = `7${Date.now()}`
  const ran = await lab.exec('client', ['sh', '-c', `sleep ${marker} & sleep ${marker}`], { timeoutMs: 300 })
  t.is(ran.signal, 'SIGKILL')
  t.deepEqual(processesWith(`sleep ${marker}`), [])
})

inLab('the lab of the command stays until it is taken down, and the commands may be repeated', async t => {
  t.timeout(60_000)
  const name = `weir-cli${process.pid}`
  const command = async (...argv: string[]) => {
    const source = `
      import { labCommand } from ${JSON.stringify(path.resolve(import.meta.dirname, '../lab/cli.ts'))}
      process.exitCode = await labCommand(${JSON.stringify(argv)}, ${JSON.stringify(name)})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (out += chunk))
    const code = await new Promise<number | null>(resolve => child.once('close', resolve))
    return { code, out }
  }
  try {
    t.deepEqual(await command('status'), { code: 1, out: 'weir lab: down\n' })
    t.is((await command('exec', 'client', '--', 'true')).code, 1)
    t.is((await command('up')).code, 0)
    const pid = fs.readFileSync(`/run/${name}/origin.pid`, 'utf8')
    t.is((await command('up')).code, 0)
    t.is(fs.readFileSync(`/run/${name}/origin.pid`, 'utf8'), pid, 'the second time changes nothing')
    const page = await command('exec', 'client', '--', 'curl', '-s', 'http://bank.example/')
    t.regex(page.out, /<h1>bank\.example<\/h1>/)
    t.is((await command('exec', 'gateway', '--', 'sh', '-c', 'exit 7')).code, 7)
    t.is((await command('exec', 'nowhere', '--', 'true')).code, 2)
    t.is((await command('sideways')).code, 2)

    process.kill(Number(pid), 'SIGKILL')
    t.true(await until(() => processesWith(`/run/${name}`).length === 0, 5000))
    t.regex((await command('status')).out, /half up/)
    t.is((await command('up')).code, 0, 'repaired')
  } finally {
    t.is((await command('down')).code, 0)
    t.is((await command('down')).code, 0)
  }
  t.deepEqual(traces(name), [])
  t.false(fs.existsSync(`/run/${name}`))
})
