import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { Neighbours, parseNeighbours, type ReadNeighbours } from '../../../src/os/neighbours.ts'

/** In a network of its own, so that the table is ours. */
const COMMANDS = `
ip link add lan0 type veth peer name lan1 && ip link set lan0 up && ip link set lan1 up
ip addr add 10.9.0.1/24 dev lan0
ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:0a dev lan0
ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:0a dev lan0
ip neigh add 10.9.0.3 lladdr 02:00:00:00:00:0b dev lan0
ip neigh add 10.9.0.4 lladdr 00:00:00:00:00:00 dev lan0
ip neigh add proxy 10.9.0.5 dev lan0
ip -json neigh
`

const kernel: ReadNeighbours = done => {
  execFile('unshare', ['-rn', 'sh', '-ec', COMMANDS], (error, out) => done(error === null ? out : String(error)))
}

test('what the kernel says of both families', async t => {
  const neighbours = new Neighbours({ read: kernel })
  t.is(neighbours.hardwareOf('10.9.0.2'), null, 'nothing is known before it was read')
  neighbours.refresh()
  for (let i = 0; neighbours.size === 0 && i < 500; i++) await sleep(10)
  t.is(neighbours.hardwareOf('10.9.0.2'), '02:00:00:00:00:0a')
  t.is(neighbours.hardwareOf('2001:db8::2'), '02:00:00:00:00:0a')
  t.is(neighbours.hardwareOf('10.9.0.3'), '02:00:00:00:00:0b')
  for (const addr of ['10.9.0.4', '10.9.0.5', '10.9.0.1', '192.0.2.1']) t.is(neighbours.hardwareOf(addr), null, addr)
})

test('read once for however many ask, and again only after its time', async t => {
  let reads = 0
  const neighbours = new Neighbours({
    read: done => {
      reads++
      done(`[{"dst":"10.0.0.${reads}","lladdr":"02:00:00:00:00:01"}]`)
    },
    readEveryMs: 60_000,
  })
  for (let i = 0; i < 50; i++) {
    neighbours.refresh()
    await sleep(1)
  }
  t.is(reads, 1)
  t.is(neighbours.hardwareOf('10.0.0.1'), '02:00:00:00:00:01')
})

test('who falls silent stays known, a failed read changes nothing, and what is kept has an end', async t => {
  const texts = [
    '[{"dst":"10.0.0.1","lladdr":"02:00:00:00:00:01"}]',
    null,
    '',
    JSON.stringify(
      Array.from({ length: 9000 }, (_, i) => ({ dst: `2001:db8::${i.toString(16)}`, lladdr: '02:00:00:00:00:02' })),
    ),
  ]
  const neighbours = new Neighbours({ read: done => done(texts.shift() ?? null), readEveryMs: 0 })
  for (const left of [3, 2, 1]) {
    neighbours.refresh()
    while (texts.length > left) await sleep(1)
    t.is(neighbours.hardwareOf('10.0.0.1'), '02:00:00:00:00:01')
  }
  neighbours.refresh()
  while (texts.length > 0) await sleep(1)
  t.is(neighbours.size, 4096)
})

test('whatever stands there, it throws nothing and gives addresses only', t => {
  t.deepEqual([...parseNeighbours('[null, 1, {"dst":"x","lladdr":"02:00:00:00:00:01"}, {"dst":"10.0.0.1"}]')], [])
  t.deepEqual([...parseNeighbours('{"dst":"10.0.0.1"}')], [])
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), text => {
      for (const [addr, hardware] of parseNeighbours(text)) if (!/[.:]/.test(addr) || hardware.length < 17) return false
      return true
    }),
  )
})
