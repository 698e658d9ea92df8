import fs from 'node:fs'
import anyTest, { type TestFn } from 'ava'
import { curl, rawTcp } from '../lab/client.ts'
import { ADDR } from '../lab/sites.ts'
import { type Bench, childrenOf, startBench } from './support.ts'

/** Origins see the client's own address, whatever way its connection takes; and no process pays for that with more rights. */
const test = anyTest.serial as TestFn<Bench>

const POLICY = `version: 1
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: names
`
const CAP_NET_RAW = 1n << 13n

let bench: Bench

test.before(async () => {
  bench = await startBench(POLICY, { workers: 2, upstream: { keepClientAddress: true } })
})
test.after.always(async () => bench?.close())

async function seenBy(url: string, ca: string, ...args: string[]): Promise<string> {
  const answer = await curl(bench.lab, [...args, url], { ca })
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.error} ${answer.body.slice(0, 300)}`)
  return (JSON.parse(answer.body) as { remoteAddress: string }).remoteAddress
}

for (const [family, addr] of [
  ['-4', ADDR.client.v4],
  ['-6', ADDR.client.v6],
] as const) {
  test(`plain, inspected (h1, h2) and spliced${family === '-6' ? ' over IPv6' : ''}`, async t => {
    const ours = bench.weir.caFile
    t.is(await seenBy('http://www.origin.example/headers', ours, family), addr)
    t.is(await seenBy('https://www.origin.example/headers', ours, family, '--http1.1'), addr)
    t.is(await seenBy('https://www.origin.example/headers', ours, family, '--http2'), addr)
    t.is(await seenBy('https://bank.example/headers', bench.lab.origin.caFile, family), addr)
  })
}

test('each device of the LAN is itself', async t => {
  for (const device of ['10.77.1.11', '10.77.1.12', 'fd77:1::11']) {
    const family = device.includes(':') ? '-6' : '-4'
    const seen = await seenBy('https://www.origin.example/headers', bench.weir.caFile, family, '--interface', device)
    t.is(seen, device)
  }
})

test('a large answer and a tunnel come through from that address too', async t => {
  const large = await curl(bench.lab, ['-o', '/dev/null', 'https://bank.example/large?bytes=50000000'], {
    ca: bench.lab.origin.caFile,
  })
  t.is(large.info.size_download, 50_000_000)
  const { data } = await rawTcp(
    bench.lab,
    { host: 'ssh.example', port: 443 },
    { send: 'SSH-2.0-client\r\n', afterFirst: true, quietMs: 3000 },
  )
  t.is(data.toString(), 'SSH-2.0-lab\r\nSSH-2.0-client\r\n')
})

/** Of the process and of each of its threads. */
function statusOf(pid: number): { uids: string[]; capEff: bigint; capPrm: bigint; noNewPrivs: string }[] {
  return fs.readdirSync(`/proc/${pid}/task`).map(task => {
    const text = fs.readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(text)![1]!
    return {
      uids: field('Uid').split('\t'),
      capEff: BigInt(`0x${field('CapEff')}`),
      capPrm: BigInt(`0x${field('CapPrm')}`),
      noNewPrivs: field('NoNewPrivs'),
    }
  })
}

test('workers hold CAP_NET_RAW and nothing else, the admin process nothing; neither is root nor may become it', t => {
  const { workers, admin } = childrenOf(bench.weir.pid)
  t.is(workers.length, 2)
  t.is(admin.length, 1)
  for (const pid of [...workers, ...admin]) {
    const [main, ...threads] = statusOf(pid)
    const expected = workers.includes(pid) ? CAP_NET_RAW : 0n
    t.false(main!.uids.includes('0'))
    t.is(main!.capEff, expected)
    t.is(main!.capPrm, expected)
    t.is(main!.noNewPrivs, '1')
    for (const thread of threads) {
      t.deepEqual(thread.uids, main!.uids, 'of a thread')
      t.is(thread.capPrm & ~expected, 0n, 'of a thread')
    }
  }
})

test("the CA's key is the supervisor's alone", async t => {
  const key = `${bench.weir.stateDir}/ca/ca.key`
  const { mode, uid } = fs.statSync(key)
  t.is(mode & 0o777, 0o600)
  t.is(uid, 0)
  const [worker] = childrenOf(bench.weir.pid).workers
  const theirs = statusOf(worker!)[0]!.uids[0]!
  const ran = await bench.lab.exec('gateway', ['setpriv', '--reuid', theirs, '--clear-groups', 'cat', key])
  t.not(ran.code, 0)
  t.is(ran.stdout, '')
  for (const pid of [worker!, ...childrenOf(bench.weir.pid).admin]) {
    const open = fs.readdirSync(`/proc/${pid}/fd`).map(fd => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return '' // closed meanwhile
      }
    })
    t.false(open.some(file => file.includes('/ca/')))
  }
})
