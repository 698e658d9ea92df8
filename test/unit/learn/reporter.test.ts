import test from 'ava'
import type { HandshakeEvent, HandshakeOutcome } from '../../../src/core/tls-policy.ts'
import { HandshakeReporter } from '../../../src/learn/reporter.ts'

class Rig {
  time = 1_000_000
  sent: HandshakeEvent[][] = []
  covered = new Set<string>()
  readonly reporter = new HandshakeReporter({
    send: events => this.sent.push(events),
    covers: (client, host) => this.covered.has(`${client} ${host}`),
    now: () => this.time,
  })

  say(client: string, host: string, outcome: HandshakeOutcome, ja4 = 'j'): void {
    this.reporter.report({ time: this.time, client, host, outcome, ja4 })
  }

  flush(): string[] {
    this.reporter.flush()
    return this.sent.splice(0).flatMap(events => events.map(event => `${event.client} ${event.host} ${event.outcome}`))
  }
}

test('of many successes the first of each client, name and app is told, again after some minutes', t => {
  const rig = new Rig()
  for (let i = 0; i < 500; i++) rig.say('10.0.0.1', 'a.example', 'trusted')
  rig.say('10.0.0.1', 'b.example', 'trusted')
  rig.say('10.0.0.1', 'a.example', 'trusted', 'other-app')
  rig.say('10.0.0.2', 'a.example', 'ech-retry')
  t.is(rig.flush().length, 4)
  rig.time += 4 * 60_000
  rig.say('10.0.0.1', 'a.example', 'trusted')
  t.deepEqual(rig.flush(), [])
  rig.time += 10 * 60_000
  rig.say('10.0.0.1', 'a.example', 'trusted')
  t.is(rig.flush().length, 1)
})

test('every failure is told, and every success of what failed or is known', t => {
  const rig = new Rig()
  rig.say('10.0.0.1', 'a.example', 'trusted')
  rig.flush()
  rig.say('10.0.0.1', 'a.example', 'unknown-ca')
  rig.time++
  rig.say('10.0.0.1', 'a.example', 'trusted')
  rig.say('10.0.0.1', 'a.example', 'trusted')
  rig.say('10.0.0.1', 'b.example', 'other')
  t.deepEqual(rig.flush(), [
    '10.0.0.1 a.example unknown-ca',
    '10.0.0.1 a.example trusted',
    '10.0.0.1 a.example trusted',
  ])
  rig.say('10.0.0.2', 'k.example', 'trusted')
  rig.flush()
  rig.covered.add('10.0.0.2 k.example')
  rig.say('10.0.0.2', 'k.example', 'trusted')
  t.is(rig.flush().length, 1, 'a re-test must be heard of')
})

test('a spare connection closed beside a used one is not told, one closed later is', t => {
  const rig = new Rig()
  rig.say('10.0.0.1', 'h2.example', 'trusted')
  rig.time += 6 * 60_000
  rig.say('10.0.0.1', 'h2.example', 'trusted')
  rig.flush()
  rig.say('10.0.0.1', 'h2.example', 'closed-after-handshake')
  rig.say('10.0.0.1', 'h2.example', 'closed-after-certificate')
  t.deepEqual(rig.flush(), [])
  rig.say('10.0.0.1', 'h2.example', 'bad-certificate')
  rig.say('10.0.0.1', 'h2.example', 'closed-after-handshake', 'app')
  t.is(rig.flush().length, 2)
  rig.time += 20_000
  rig.say('10.0.0.1', 'h2.example', 'closed-after-handshake')
  t.is(rig.flush().length, 1)
})

test('a message is bounded, and one client cannot crowd out the others', t => {
  const rig = new Rig()
  for (let i = 0; i < 5000; i++) rig.say('10.66.0.1', `n${i}.example`, 'unknown-ca')
  for (let i = 0; i < 5000; i++) rig.say('10.66.0.1', `n${i}.example`, 'trusted', `${i}`)
  rig.say('10.0.0.1', 'a.example', 'unknown-ca')
  const told = rig.flush()
  t.true(told.includes('10.0.0.1 a.example unknown-ca'))
  t.is(told.filter(line => line.endsWith('unknown-ca')).length, 33)
  t.is(told.filter(line => line.endsWith('trusted')).length, 256)
  t.is(rig.reporter.dropped, 5000 - 32 + 5000 - 256)
  for (let c = 0; c < 100; c++) for (let i = 0; i < 32; i++) rig.say(`10.1.0.${c}`, `n${i}.example`, 'unknown-ca')
  t.is(rig.flush().length, 256)
  // Far more names than are remembered: it forgets, and does not grow
  for (let i = 0; i < 100_000; i++) rig.say('10.66.0.1', `m${i}.example`, 'trusted')
  t.is(rig.flush().length, 256)
  t.true(rig.reporter.remembered < 130_000)
  for (let i = 0; i < 300_000; i++) rig.say('10.66.0.1', `o${i}.example`, 'trusted')
  t.true(rig.reporter.remembered < 130_000, `${rig.reporter.remembered}`)
})

test('the first message goes at once, the next not before a second is over', async t => {
  const sent: number[] = []
  const reporter = new HandshakeReporter({
    send: events => sent.push(events.length),
    covers: () => false,
    now: () => performance.now(),
  })
  const say = (host: string) => reporter.report({ time: 1, client: '10.0.0.1', host, outcome: 'unknown-ca', ja4: '' })
  const begun = performance.now()
  // The timer alone keeps no process alive
  const alive = setInterval(() => {}, 1000)
  say('a.example')
  say('b.example')
  while (sent.length < 1) await new Promise(resolve => setTimeout(resolve, 5))
  t.deepEqual(sent, [2])
  for (let i = 0; i < 20; i++) say(`c${i}.example`)
  while (sent.length < 2) await new Promise(resolve => setTimeout(resolve, 5))
  clearInterval(alive)
  t.deepEqual(sent, [2, 20])
  t.true(performance.now() - begun >= 995)
  reporter.flush()
  t.is(sent.length, 2, 'nothing waits, nothing is sent')
})
