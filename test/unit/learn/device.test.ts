import test from 'ava'
import type { HandshakeEvent, HandshakeOutcome } from '../../../src/core/tls-policy.ts'
import { Device } from '../../../src/learn/device.ts'
import { CAPS, LEARN } from '../../../src/learn/thresholds.ts'

const event = (time: number, host: string, outcome: HandshakeOutcome, ja4 = 'a'): HandshakeEvent => ({
  time,
  client: '10.0.0.1',
  host,
  outcome,
  ja4,
})

test('what one device makes us keep has a bound, whatever it does', t => {
  const device = new Device()
  let time = 1
  for (let i = 0; i < 20_000; i++) {
    time += 2 * LEARN.silentSpacing
    const host = `n${i % (i < 10_000 ? 977 : 61)}.example`
    if (i % 3 === 0) device.trusted(event(time, host, 'trusted', `j${i % 101}`))
    else device.failed(event(time, host, i % 3 === 1 ? 'unknown-ca' : 'closed-after-certificate', `j${i % 103}`))
    t.true(device.size <= CAPS.failuresPerDevice + CAPS.workingPerDevice + CAPS.appsPerDevice)
  }
})

test('many names that work do not push out the one that fails', t => {
  const device = new Device()
  const now = 1_000_000
  device.trusted(event(now, 'news.example', 'trusted'))
  for (let i = 0; i < 3; i++) {
    const failure = event(now + i * 60_000, 'api.example', 'unknown-ca', 'app')
    t.true(device.failed(failure))
    const found = device.conclude(failure, failure.time)
    t.is(found.length, i < 2 ? 0 : 1)
    for (let n = 0; n < 500; n++) device.trusted(event(failure.time, `n${n}.example`, 'trusted'))
  }
})

test('failures that lie more than a day back belong to another story', t => {
  const device = new Device()
  device.trusted(event(1, 'news.example', 'trusted'))
  const at = (time: number) => {
    const failure = event(time, 'api.example', 'unknown-ca', 'app')
    device.failed(failure)
    return device.conclude(failure, time).length
  }
  t.is(at(1000), 0)
  t.is(at(2000), 0)
  t.is(at(2000 + LEARN.pinWindow + 1), 0)
  t.is(at(2000 + LEARN.pinWindow + 2), 0)
  t.is(at(2000 + LEARN.pinWindow + 3), 1)
})

test('a lost CA is told by alerts since the last success, not by a bad network and not by old failures', t => {
  const begun = 1_000_000
  const after = begun + LEARN.distrustSilence
  const fail = (device: Device, time: number, host: string, outcome: HandshakeOutcome) => {
    const failure = event(time, host, outcome)
    device.failed(failure)
    return device.conclude(failure, time).map(found => found.kind)
  }
  const silent = new Device()
  silent.trusted(event(begun, 'news.example', 'trusted'))
  for (let i = 0; i < 9; i++) t.deepEqual(fail(silent, after + i, `n${i}.example`, 'closed-after-certificate'), [])
  t.deepEqual(fail(silent, after + 9, 'n9.example', 'unknown-ca'), ['untrusting'])
  const mixed = new Device()
  mixed.trusted(event(begun - 2, 'news.example', 'trusted'))
  fail(mixed, begun - 1, 'a.example', 'unknown-ca')
  fail(mixed, begun - 1, 'b.example', 'unknown-ca')
  mixed.trusted(event(begun, 'news.example', 'trusted'))
  t.deepEqual(fail(mixed, after, 'c.example', 'unknown-ca'), [])
  fail(mixed, after, 'd.example', 'unknown-ca')
  t.deepEqual(fail(mixed, after, 'e.example', 'unknown-ca'), ['untrusting'])
})

test('without a JA4 it cannot be said which app it was', t => {
  const device = new Device()
  const now = Date.parse('2026-11-23T12:00:00Z')
  device.trusted(event(now, 'news.example', 'trusted', 'browser'))
  for (const host of ['a.example', 'b.example', 'c.example', 'd.example']) {
    const failure = event(now, host, 'unknown-ca', '')
    device.failed(failure)
    t.deepEqual(device.conclude(failure, now), [], host)
  }
})

test('a silent end beside a success of the same app says nothing', t => {
  const device = new Device()
  device.trusted(event(1000, 'h2.example', 'trusted'))
  t.false(device.failed(event(1000 + LEARN.spareWithin - 1, 'h2.example', 'closed-after-handshake')))
  t.true(device.failed(event(1001, 'h2.example', 'closed-after-handshake', 'other')))
  t.true(device.failed(event(1002, 'h2.example', 'unknown-ca')))
  t.true(device.failed(event(1000 + LEARN.spareWithin, 'x.example', 'closed-after-handshake')))
})

test('one stubborn name is not a device without trust, and two are not', t => {
  const device = new Device()
  for (let i = 0; i < 4; i++) {
    for (const host of ['a.example', 'b.example']) {
      const failure = event(1000 + i, host, 'unknown-ca')
      device.failed(failure)
      t.deepEqual(device.conclude(failure, 2000), [])
    }
  }
  const third = event(3000, 'c.example', 'closed-after-certificate')
  device.failed(third)
  t.deepEqual(device.conclude(third, 3000), [], 'silence counts half')
  const fourth = event(3001, 'd.example', 'bad-certificate')
  device.failed(fourth)
  t.like(device.conclude(fourth, 3001)[0], { kind: 'untrusting', host: '' })
})
