import test from 'ava'
import { LoopGuard } from '../../../src/worker/loop-guard.ts'

test('own addresses and what is only local, in any spelling the system gives', t => {
  const guard = new LoopGuard({ addrs: ['192.0.2.1', '2001:db8::1'], lan: [] })
  for (const addr of ['192.0.2.1', '2001:db8::1', '127.0.0.1', '::1', 'fe80::1', '169.254.1.1'])
    t.true(guard.isOwn(addr), addr)
  for (const addr of ['192.0.2.2', '2001:db8::2']) t.false(guard.isOwn(addr), addr)
  guard.update({ addrs: ['192.0.2.2'], lan: [] })
  t.deepEqual([guard.isOwn('192.0.2.1'), guard.isOwn('192.0.2.2')], [false, true])
})

test('where clients are: networks and single addresses of both families', t => {
  const guard = new LoopGuard({ addrs: [], lan: ['203.0.113.1/24', '2001:db8:1::1/64', '198.51.100.7'] })
  for (const addr of ['203.0.113.200', '2001:db8:1::abcd', '198.51.100.7']) t.true(guard.isLan(addr), addr)
  for (const addr of ['203.0.114.1', '2001:db8:2::1', '198.51.100.8']) t.false(guard.isLan(addr), addr)
  t.false(guard.isOwn('203.0.113.200'), 'a client may dial its neighbour')
})
