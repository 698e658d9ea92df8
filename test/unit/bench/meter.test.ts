import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { cpuBetween, cpuOf, memoryOf, parseStat, processTree } from '../../../bench/meter.ts'

const one = { process: () => 'all' }

test('a stat line is read whatever the process calls itself', t => {
  const line = (comm: string) =>
    `42 (${comm}) S 1 42 42 0 -1 4194304 900 0 0 0 123 45 6 7 20 0 11 0 100 1000 50 18446744073709551615`
  for (const comm of ['squid', 'tmux: server', 'a) b (c', ') S 1 2 3', '']) {
    t.deepEqual(parseStat(line(comm)), { comm, cpuMs: 1680, childrenMs: 130 }, comm)
  }
  for (const text of ['', '42 (squid', '42 (squid) S 1', 'no such process']) t.is(parseStat(text), null, text)
})

test('CPU time of a process counts, and that of a child which has ended', t => {
  const before = cpuOf(process.pid, one)
  for (const start = process.threadCpuUsage(); process.threadCpuUsage(start).user < 60_000; );
  const own = cpuBetween(before, cpuOf(process.pid, one))
  t.true(own.totalMs >= 20, `own ${own.totalMs}`)
  execFileSync(process.execPath, ['-e', 'while (process.cpuUsage().user < 300_000);'])
  const both = cpuBetween(before, cpuOf(process.pid, one))
  t.true(both.totalMs - own.totalMs >= 100, `child ${both.totalMs - own.totalMs}`)
  t.is(both.parts.get('all'), both.totalMs)
})

test('threads can be told apart; the parts add up', t => {
  const cpu = cpuOf(process.pid, { process: () => 'main', thread: comm => (/V8Worker/.test(comm) ? 'v8' : null) })
  t.is((cpu.parts.get('main') ?? 0) + (cpu.parts.get('v8') ?? 0), cpu.totalMs)
})

test('the tree has children of children, and what is gone is nothing', async t => {
  const child = spawn('sh', ['-c', 'sleep 30 & echo started; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  const tree = processTree(child.pid!)
  t.is(tree.length, 2)
  t.true(memoryOf(child.pid!).rssKib > 0)
  t.true(memoryOf(child.pid!).pssKib <= memoryOf(child.pid!).rssKib)
  process.kill(tree[1]!, 'SIGKILL')
  await once(child, 'exit')
  t.deepEqual(cpuOf(child.pid!, one), { totalMs: 0, parts: new Map() })
  t.deepEqual(memoryOf(child.pid!), { rssKib: 0, pssKib: 0 })
})
