import test from 'ava'
import { CAPS, LEARN } from '../../../src/learn/thresholds.ts'
import { DAY, HOUR, MINUTE, Network, pinning, SECOND, trusting, withoutCa } from './network.ts'

const SITES = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example', 'f.example', 'g.example']

test('a class of 30 devices without the CA: each is spared after three names, nobody else is', t => {
  const net = new Network()
  for (let pupil = 1; pupil <= 30; pupil++) {
    const seen = SITES.map(site => net.connect(`10.77.1.${pupil}`, site, withoutCa))
    t.deepEqual(seen.slice(0, 3), ['unknown-ca', 'unknown-ca', 'unknown-ca'])
    t.deepEqual(new Set(seen.slice(3)), new Set(['spliced']))
  }
  t.is(net.active().length, 30)
  t.true(net.active().every(line => /^untrusting 10\.77\.1\.\d+ \*$/.test(line)))
  t.is(net.connect('10.77.1.31', 'a.example', trusting), 'trusted', 'a device that never failed is opened')
  const one = net.learner.entries()[0]!
  t.is(one.failures, 3)
  t.deepEqual(
    one.evidence.map(event => event.host),
    ['c.example', 'b.example', 'a.example'],
    'newest first',
  )
  t.is(one.until, one.since + LEARN.life.untrusting)
})

test('one success ends distrust at once, as does a device that goes back because of ECH', t => {
  for (const outcome of ['trusted', 'ech-retry'] as const) {
    const net = new Network()
    for (const site of SITES) net.connect('10.0.0.1', site, withoutCa)
    t.deepEqual(net.active(), ['untrusting 10.0.0.1 *'])
    net.say('10.0.0.1', 'enrol.example', outcome)
    t.deepEqual(net.active(), [])
    t.is(net.connect('10.0.0.1', 'z.example', trusting), 'trusted')
  }
})

test('a pinning app on a device that trusts us: spared for that name from the fourth connection on, the browser goes on', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  const app = pinning('api.bank.example')
  const seen = Array.from({ length: 10 }, () => net.connect('10.0.0.1', 'api.bank.example', app, 'app'))
  t.deepEqual(seen.slice(0, 3), ['bad-certificate', 'bad-certificate', 'bad-certificate'])
  t.deepEqual(new Set(seen.slice(3)), new Set(['spliced']))
  t.deepEqual(net.active(), ['pinned 10.0.0.1 api.bank.example'])
  t.is(net.connect('10.0.0.1', 'www.bank.example', trusting), 'trusted')
  t.is(net.connect('10.0.0.2', 'api.bank.example', trusting), 'trusted', 'another device is not concerned')
})

test('silence counts half, and many at the same moment count once', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  const silent = () => net.say('10.0.0.1', 'api.example', 'closed-after-handshake', 'app')
  net.time += MINUTE
  for (let i = 0; i < 20; i++) silent()
  t.deepEqual(net.active(), [], 'a browser opens several at once, and one lost network ends them all')
  for (let i = 0; i < 4; i++) {
    net.time += 2 * SECOND
    silent()
  }
  t.deepEqual(net.active(), [])
  net.time += 2 * SECOND
  silent()
  t.deepEqual(net.active(), ['pinned 10.0.0.1 api.example'])
})

test('one app pinned on nine devices: each alone, then the group, then everybody; each device counts once', t => {
  const groupsOf = (client: string) =>
    client.startsWith('10.77.1.') ? ['year7'] : client.startsWith('10.77.2.') ? ['year8'] : []
  const net = new Network(groupsOf)
  const app = pinning('api.chat.example')
  const devices = [
    '10.77.1.1',
    '10.77.1.2',
    '10.77.1.3',
    '10.77.1.4',
    '10.77.2.1',
    '10.77.2.2',
    '10.77.2.3',
    '10.9.0.1',
    '10.9.0.2',
  ]
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  const failures = devices.map(device => {
    let failed = 0
    for (let i = 0; i < 10; i++) if (net.connect(device, 'api.chat.example', app, 'chat') !== 'spliced') failed++
    return failed
  })
  // Three of year 7 find out for their group, two of year 8 for everybody
  t.deepEqual(failures, [3, 3, 3, 0, 3, 3, 0, 0, 0])
  const found = net.active()
  t.true(found.includes('pinned year7 api.chat.example'))
  t.true(found.includes('pinned * api.chat.example'))
  const wide = net.learner.entries().find(entry => entry.client === '')
  t.is(wide?.devices, 5)
  t.is(new Set(wide?.evidence.map(event => event.client)).size, 5)
  t.is(net.connect('10.77.1.1', 'news.example', trusting), 'trusted')
})

test('however many of one group, what they find out is for their group', t => {
  const net = new Network(() => ['year7'])
  const devices = Array.from({ length: 8 }, (_, i) => `10.77.1.${i + 1}`)
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  for (const device of devices) for (let i = 0; i < 3; i++) net.say(device, 'mtls.example', 'client-cert-wanted', 'app')
  t.deepEqual(
    net.active().filter(line => !line.includes('10.77.')),
    ['client-cert year7 mtls.example'],
  )
  const group = net.learner.entries().find(entry => entry.client === 'year7')
  t.is(group?.failures, 3, 'concluded once, by three')
})

test('one machine with many made-up addresses spares nobody but itself', t => {
  const net = new Network()
  for (let i = 1; i <= 60; i++) {
    const forged = `10.66.0.${i}`
    net.say(forged, 'any.example', 'trusted', 'x')
    for (let n = 0; n < 5; n++) net.connect(forged, 'search.example', withoutCa, 'x')
  }
  t.false(
    net.active().some(line => line.includes(' * search')),
    'none of them has trusted us for a while',
  )
  t.is(net.connect('10.0.0.1', 'search.example', trusting), 'trusted')
  // A device without the CA never speaks for others either
  for (let i = 1; i <= 60; i++) for (let n = 0; n < 9; n++) net.connect(`10.67.0.${i}`, 'only.example', withoutCa)
  net.time += DAY
  t.false(net.active().some(line => line.includes(' * ')))
})

test('one machine with many addresses has one vote, however long they have trusted us', t => {
  const net = new Network(client => (client.startsWith('10.77.1.') ? ['year7'] : []))
  const cards: Record<string, string> = { '10.77.1.': '02:00:00:00:00:01', '10.9.0.': '02:00:00:00:00:01' }
  const addresses = Object.keys(cards).flatMap(lan => Array.from({ length: 8 }, (_, i) => `${lan}${i + 1}`))
  net.hardwareOf = client => cards[client.replace(/\d+$/, '')] ?? client
  const others = ['10.9.1.1', '10.9.1.2', '10.9.1.3', '10.9.1.4']
  for (const client of [...addresses, ...others]) net.connect(client, 'news.example', trusting)
  net.time += HOUR
  const close = (client: string) => {
    for (let i = 0; i < 3; i++) net.say(client, 'search.example', 'bad-certificate', 'app')
  }
  for (const client of addresses) close(client)
  t.deepEqual(
    net.active().filter(line => !line.includes('10.')),
    [],
    'neither its group nor everybody',
  )
  for (const client of others) close(client)
  t.true(net.active().includes('pinned * search.example'), 'with four more it is the fifth')
  t.is(net.learner.entries().find(entry => entry.client === '')?.devices, 5)
})

test('devices behind routers cannot be told apart: one vote for each /24 and /64', t => {
  const routed = ['10.1.1.', '10.1.2.', '10.1.3.', '2001:db8:1:2::', '2001:db8:1:3::']
  const net = new Network()
  net.hardwareOf = () => null
  const clients = routed.map(lan => Array.from({ length: 6 }, (_, i) => `${lan}${i + 1}`))
  for (const client of clients.flat()) net.connect(client, 'news.example', trusting)
  net.time += HOUR
  const wide = () => net.active().filter(line => line.startsWith('pinned * ')).length
  for (const [i, lan] of clients.entries()) {
    t.is(wide(), 0, `${i} networks`)
    for (const client of lan) for (let n = 0; n < 3; n++) net.say(client, 'x.example', 'bad-certificate', 'app')
  }
  t.is(wide(), 1)
})

test('what several devices may conclude for others has a limit for each day', t => {
  const net = new Network()
  const devices = Array.from({ length: LEARN.everyoneDevices }, (_, i) => `10.0.0.${i + 1}`)
  for (const device of devices) net.connect(device, 'news.example', trusting)
  net.time += HOUR
  const wide = () => net.active().filter(line => line.startsWith('pinned * ')).length
  for (let n = 0; n < LEARN.wideningsPerDay.everybody + 10; n++) {
    for (const device of devices) for (let i = 0; i < 3; i++) net.say(device, `n${n}.example`, 'bad-certificate', 'app')
  }
  t.is(wide(), LEARN.wideningsPerDay.everybody)
  net.time += DAY + 1
  for (const device of devices) for (let i = 0; i < 3; i++) net.say(device, 'late.example', 'bad-certificate', 'app')
  t.is(wide(), LEARN.wideningsPerDay.everybody + 1)
})

test('a flaky network concludes nothing: resets among successes, and everything lost for a moment', t => {
  const net = new Network()
  for (let i = 0; i < 300; i++) {
    const site = SITES[i % SITES.length]!
    net.connect('10.0.0.1', site, trusting)
    if (i % 3 === 0) net.connect('10.0.0.1', site, () => 'closed-after-certificate')
  }
  t.deepEqual(net.active(), [])
  // Out of range for a minute: every name fails silently once
  for (const site of SITES) net.connect('10.0.0.1', site, () => 'closed-after-certificate')
  t.deepEqual(net.active(), [])
})

test('a spare connection that is closed beside a used one is no failure', t => {
  const net = new Network()
  for (let i = 0; i < 40; i++) {
    net.connect('10.0.0.1', 'h2.example', trusting)
    net.connect('10.0.0.1', 'h2.example', () => 'closed-after-handshake')
  }
  t.deepEqual(net.active(), [])
})

test('ECH retries and bugs of clients conclude nothing, however many', t => {
  const net = new Network()
  for (let i = 0; i < 200; i++) {
    net.connect('10.0.0.1', 'cloudflare-ech.com', () => 'ech-retry')
    net.connect('10.0.0.2', SITES[i % SITES.length]!, () => 'other')
  }
  t.deepEqual(net.active(), [])
  t.is(
    net.connect('10.0.0.1', 'cloudflare-ech.com', () => 'ech-retry'),
    'ech-retry',
    'tenth or hundredth: still opened',
  )
})

test('an app with a store of its own beside a browser that trusts us: each of its names, and the device stays', t => {
  const net = new Network()
  // Behind one address: a laptop with the CA, and a phone without
  const seen: string[] = []
  for (const site of SITES) {
    net.connect('10.0.0.1', 'news.example', trusting, 'laptop')
    seen.push(net.connect('10.0.0.1', site, withoutCa, 'phone'))
  }
  t.deepEqual(new Set(seen), new Set(['unknown-ca']), 'each name fails once')
  for (const site of SITES) t.is(net.connect('10.0.0.1', site, withoutCa, 'phone'), 'spliced')
  t.is(net.connect('10.0.0.1', 'other.example', trusting, 'laptop'), 'trusted')
  t.true(net.active().every(line => line.startsWith('pinned 10.0.0.1 ')))
})

test('the phone first, the laptop later: a new app is tried, and its success puts things right', t => {
  const net = new Network()
  for (const site of SITES) net.connect('10.0.0.1', site, withoutCa, 'phone')
  t.deepEqual(net.active(), ['untrusting 10.0.0.1 *'])
  t.is(net.connect('10.0.0.1', 'news.example', trusting, 'laptop'), 'trusted')
  t.deepEqual(net.active(), [])
  t.is(net.connect('10.0.0.1', 'a.example', withoutCa, 'phone'), 'unknown-ca')
  t.is(net.connect('10.0.0.1', 'a.example', withoutCa, 'phone'), 'spliced', 'by now it is known what that app is')
})

test('a phone with only its pinned apps awake over a weekend is not taken for one without the CA', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting, 'browser')
  for (let hour = 0; hour < 60; hour++) {
    net.time += HOUR
    for (const api of ['api.one.example', 'api.two.example', 'api.three.example', 'api.four.example']) {
      net.connect('10.0.0.1', api, withoutCa, 'sdk')
    }
  }
  t.false(net.active().some(line => line.startsWith('untrusting')))
  t.is(net.connect('10.0.0.1', 'news.example', trusting, 'browser'), 'trusted')
})

test('a device that loses the CA is spared, but not before it has been silent for a while', t => {
  const net = new Network()
  net.connect('10.0.0.1', 'news.example', trusting)
  for (const site of SITES.slice(0, 3)) t.is(net.connect('10.0.0.1', site, withoutCa), 'unknown-ca')
  t.deepEqual(net.active(), [])
  net.time += LEARN.distrustSilence
  net.connect('10.0.0.1', SITES[3]!, withoutCa)
  t.deepEqual(net.active(), ['untrusting 10.0.0.1 *'])
})

test('a television that knows one name only, and has never trusted us', t => {
  const net = new Network()
  const seen = Array.from({ length: 8 }, () => net.connect('10.0.0.1', 'tv.example', withoutCa))
  t.deepEqual(seen.indexOf('spliced'), 5)
  t.deepEqual(net.active(), ['pinned 10.0.0.1 tv.example'])
})

test('an origin that wants a client certificate: spared from the second connection on', t => {
  const net = new Network()
  t.is(
    net.connect('10.0.0.1', 'mtls.example', () => 'client-cert-wanted'),
    'client-cert-wanted',
  )
  t.is(net.connect('10.0.0.1', 'mtls.example', trusting), 'spliced')
  t.is(
    net.connect('10.0.0.2', 'mtls.example', trusting),
    'trusted',
    'a server of his own must not help one client close a name for all',
  )
  t.deepEqual(net.active(), ['client-cert 10.0.0.1 mtls.example'])
  for (let i = 1; i <= LEARN.everyoneDevices; i++) net.connect(`10.1.0.${i}`, 'news.example', trusting)
  net.time += HOUR
  for (let i = 1; i <= LEARN.everyoneDevices; i++)
    net.connect(`10.1.0.${i}`, 'mtls.example', () => 'client-cert-wanted')
  t.true(net.active().includes('client-cert * mtls.example'))
})

test('thousands of made-up addresses make nobody forget that a device trusts us', t => {
  const net = new Network()
  const visit = () => net.connect('10.0.0.1', 'news.example', trusting)
  visit()
  net.time += HOUR
  visit()
  for (let i = 0; i < 3 * CAPS.devices; i++) {
    const client = `2001:db8::${i.toString(16)}`
    net.say(client, 'x.example', i % 2 === 0 ? 'unknown-ca' : 'trusted')
  }
  t.is(net.learner.devices, CAPS.devices)
  for (const site of SITES) for (let i = 0; i < 2; i++) net.say('10.0.0.1', site, 'bad-certificate', 'app')
  t.false(net.active().includes('untrusting 10.0.0.1 *'))
})
