import test from 'ava'
import type { HandshakeEvent, LearnedEntry } from '../../../src/core/tls-policy.ts'
import { CAPS } from '../../../src/learn/thresholds.ts'
import { DAY, HOUR, MINUTE, Network, START, trusting, withoutCa } from './network.ts'

const SITES = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example', 'f.example', 'g.example']

test('a conclusion that still holds is renewed by its re-test, each wait as long as it has stood', t => {
  const net = new Network()
  for (const site of SITES) net.connect('10.0.0.1', site, withoutCa)
  let failed = 0
  const end = net.time + 6 * DAY
  while (net.time < end) {
    net.time += 5 * MINUTE
    if (net.connect('10.0.0.1', 'a.example', withoutCa) !== 'spliced') failed++
  }
  t.true(failed >= 8 && failed <= 16, `${failed} failed connections in six days`)
  const [entry] = net.learner.entries()
  t.is(entry?.kind, 'untrusting')
  t.true(entry!.until > net.time + 5 * DAY)
  t.is(entry?.evidence.length, CAPS.evidence)
})

test('a re-test that succeeds removes the conclusion; a success of another app does not', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  for (let i = 0; i < 4; i++) net.connect('10.0.0.1', 'api.example', withoutCa, 'app')
  t.deepEqual(net.active(), ['pinned 10.0.0.1 api.example'])
  net.time += 2 * DAY
  t.is(net.connect('10.0.0.1', 'api.example', trusting, 'browser'), 'spliced', 'a browser would prove nothing')
  net.say('10.0.0.1', 'api.example', 'trusted', 'browser')
  t.deepEqual(net.active(), ['pinned 10.0.0.1 api.example'])
  t.is(net.connect('10.0.0.1', 'api.example', trusting, 'app'), 'trusted')
  t.deepEqual(net.active(), [])
})

test('connections that began before the workers knew change nothing about when it is tried', t => {
  const net = new Network()
  for (const site of SITES) net.connect('10.0.0.1', site, withoutCa)
  const [before] = net.learner.entries()
  net.time += MINUTE
  for (let i = 0; i < 5; i++) net.say('10.0.0.1', 'late.example', 'unknown-ca')
  const [after] = net.learner.entries()
  t.is(after?.retestAt, before?.retestAt)
  t.is(after?.until, before?.until)
  t.is(after?.failures, before!.failures + 5)
})

test('what holds for many is renewed for many by whoever tries it, and the device gets nothing of its own', t => {
  const net = new Network(() => ['year7'])
  const devices = ['10.77.1.1', '10.77.1.2', '10.77.1.3']
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  for (const device of devices) for (let i = 0; i < 3; i++) net.connect(device, 'api.example', withoutCa, 'app')
  const group = () => net.learner.entries().find(entry => entry.client === 'year7')!
  const before = group()
  net.time += 2 * DAY
  t.is(net.connect('10.77.1.9', 'api.example', withoutCa, 'app'), 'unknown-ca')
  t.true(group().retestAt > net.time + DAY)
  t.is(group().since, before.since)
  t.is(group().devices, 3)
  t.is(net.connect('10.77.1.9', 'api.example', withoutCa, 'app'), 'spliced')
  t.false(net.active().some(line => line.includes('10.77.1.9')))
})

test('an ECH retry says that the device trusts us, and nothing about the name', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  for (let i = 0; i < 3; i++) net.connect('10.0.0.1', 'api.example', withoutCa, 'app')
  net.say('10.0.0.1', 'api.example', 'ech-retry', 'app')
  t.deepEqual(net.active(), ['pinned 10.0.0.1 api.example'])
})

test('a conclusion nobody renews is over in time', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  for (let i = 0; i < 4; i++) net.connect('10.0.0.1', 'api.example', withoutCa, 'app')
  net.time = net.told[0]!.until - 1
  t.is(net.active().length, 1)
  t.true(net.view.covers('10.0.0.1', 'api.example', net.time))
  net.time++
  t.false(net.view.covers('10.0.0.1', 'api.example', net.time), 'workers need not be told')
  t.deepEqual(net.active(), [])
  t.deepEqual(net.told, [])
})

test('dismissed: opened again and not concluded any more until the dismissal is removed', t => {
  const net = new Network()
  for (const site of SITES) net.connect('10.0.0.1', site, withoutCa)
  const { id } = net.learner.entries()[0]!
  t.true(net.learner.dismiss(id))
  t.false(net.learner.dismiss('nonsense'))
  for (let i = 0; i < 20; i++) t.is(net.connect('10.0.0.1', SITES[i % 7]!, withoutCa, 'a'), 'unknown-ca')
  t.deepEqual(net.active(), [])
  net.time += 400 * DAY
  t.is(net.learner.entries()[0]?.state, 'dismissed', 'until further notice')
  t.true(net.learner.restore(id))
  t.false(net.learner.restore(id))
  t.is(net.connect('10.0.0.1', 'a.example', withoutCa), 'spliced')
  t.true(net.learner.dismiss(id))
  t.true(net.learner.remove(id))
  t.false(net.learner.remove(id))
  for (const site of SITES) net.connect('10.0.0.1', site, withoutCa)
  t.deepEqual(net.active(), ['untrusting 10.0.0.1 *'])
})

test('dismissed for everybody is dismissed for each; dismissed for one device is opened for it although others are spared', t => {
  const net = new Network()
  const devices = Array.from({ length: 6 }, (_, i) => `10.0.0.${i + 1}`)
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  for (const device of devices) for (let i = 0; i < 4; i++) net.connect(device, 'api.example', withoutCa, 'app')
  const find = (client: string) =>
    net.learner.entries().find(entry => entry.client === client && entry.host === 'api.example')
  t.truthy(find(''))
  net.learner.dismiss(find('10.0.0.1')!.id)
  t.is(net.connect('10.0.0.1', 'api.example', withoutCa, 'app'), 'unknown-ca')
  t.is(net.connect('10.0.0.2', 'api.example', withoutCa, 'app'), 'spliced')
  net.learner.dismiss(find('')!.id)
  for (const device of devices) {
    for (let i = 0; i < 6; i++) t.is(net.connect(device, 'api.example', withoutCa, 'app'), 'unknown-ca')
  }
  t.deepEqual(net.active(), [])
})

test('a dismissed client certificate is not concluded again', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'mtls.example', () => 'client-cert-wanted')
  net.learner.dismiss(net.learner.entries()[0]!.id)
  t.is(
    net.connect('10.0.0.1', 'mtls.example', () => 'client-cert-wanted'),
    'client-cert-wanted',
  )
  t.deepEqual(net.active(), [])
})

test('dismissed for a group, it stays for the others', t => {
  const groupsOf = (client: string) => (client.startsWith('10.77.1.') ? ['year7'] : ['year8'])
  const net = new Network(groupsOf)
  const devices = ['10.77.1.1', '10.77.1.2', '10.77.1.3', '10.77.2.1']
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  for (const device of devices) for (let i = 0; i < 3; i++) net.connect(device, 'api.example', withoutCa, 'app')
  net.learner.dismiss(net.learner.entries().find(entry => entry.client === 'year7')!.id)
  t.deepEqual(net.active(), ['pinned 10.77.2.1 api.example'])
})

test('dismissals are bounded, and no flood of conclusions pushes one out', t => {
  const net = new Network()
  for (let i = 0; i < CAPS.dismissed + 5; i++) {
    net.say(`10.${i >> 8}.0.${i & 255}`, 'mtls.example', 'client-cert-wanted')
    net.learner.dismiss(net.learner.entries().find(entry => entry.state === 'active')!.id)
  }
  t.is(net.learner.entries().length, CAPS.dismissed)
  const [kept] = net.learner.entries()
  for (let n = 0; n < 2 * CAPS.entriesPerClient; n++) net.say(kept!.client, `n${n}.example`, 'client-cert-wanted')
  t.is(net.learner.entries().find(entry => entry.id === kept!.id)?.state, 'dismissed')
})

test('everything about one device can be forgotten', t => {
  const net = new Network()
  for (const client of ['10.0.0.1', '10.0.0.2']) {
    net.connect(client, 'news.example', trusting)
    for (const host of ['x.example', 'y.example'])
      for (let i = 0; i < 3; i++) net.connect(client, host, withoutCa, 'app')
  }
  t.is(net.learner.forget('10.0.0.1'), 2)
  t.is(net.learner.forget('10.0.0.1'), 0)
  t.true(net.active().every(line => line.includes('10.0.0.2')))
  t.is(net.connect('10.0.0.1', 'x.example', withoutCa, 'app'), 'unknown-ca')
})

test('nothing grows without end, and one device cannot push out what others have learned', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  for (let i = 0; i < 4; i++) net.connect('10.0.0.1', 'api.example', withoutCa, 'app')
  const flood = (client: string, names: number) => {
    net.say(client, 'news.example', 'trusted', 'y')
    const events: HandshakeEvent[] = []
    for (let n = 0; n < names; n++)
      for (let i = 0; i < 3; i++) events.push(net.event(client, `n${n}.example`, 'unknown-ca', `j${n % 40}`))
    for (let at = 0; at < events.length; at += CAPS.batch) net.learner.handshakes(events.slice(at, at + CAPS.batch))
  }
  flood('10.66.0.1', 1000)
  t.is(net.active().filter(line => line.includes('10.66.0.1')).length, CAPS.entriesPerClient)
  for (let i = 1; i <= 25; i++) flood(`10.66.1.${i}`, 256)
  t.true(net.active().length <= CAPS.entries)
  t.true(net.active().includes('pinned 10.0.0.1 api.example'))
  t.true(net.learner.entries().every(entry => entry.evidence.length <= CAPS.evidence))
  for (let i = 0; i < CAPS.devices + 100; i++) net.say(`10.${i >> 8}.7.${i & 255}`, 'a.example', 'trusted')
  t.is(net.learner.devices, CAPS.devices)
  const one = net.event('10.200.0.1', 'mtls.example', 'client-cert-wanted')
  const many = Array.from({ length: CAPS.batch }, () => net.event('10.200.0.2', 'a.example', 'trusted'))
  net.learner.handshakes([...many, one])
  t.false(
    net.active().some(line => line.includes('10.200.0.1')),
    'more than a worker may send at once',
  )
})

test('what is no event is passed over, and one from the future is as of now', t => {
  const net = new Network()
  const bad = [
    null,
    {},
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), client: 'year7' },
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), host: 'a b' },
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), host: 'x'.repeat(254) },
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), ja4: 'j'.repeat(65) },
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), outcome: 'great' },
    { ...net.event('10.0.0.1', 'a.example', 'unknown-ca'), time: Number.NaN },
  ]
  net.learner.handshakes(bad as HandshakeEvent[])
  t.is(net.changes, 0)
  for (const site of SITES)
    net.learner.handshakes([{ ...net.event('10.0.0.1', site, 'unknown-ca'), time: START + 1000 * DAY }])
  t.is(net.learner.entries()[0]?.evidence[0]?.time, START)
})

test('one message of a worker makes at most one message to all', t => {
  const net = new Network()
  net.learner.handshakes(
    Array.from({ length: 30 }, (_, i) => net.event(`10.0.0.${i}`, 'mtls.example', 'client-cert-wanted')),
  )
  t.is(net.changes, 1)
  t.is(net.told.length, 30)
})

test('conclusions outlive a restart', t => {
  const before = new Network()
  for (const site of SITES) before.connect('10.0.0.1', site, withoutCa)
  const kept: LearnedEntry[] = structuredClone(before.told)
  const after = new Network(() => [], kept)
  t.is(after.connect('10.0.0.1', 'a.example', withoutCa), 'spliced')
  after.say('10.0.0.1', 'a.example', 'trusted')
  t.deepEqual(after.active(), [])
})
