import test from 'ava'
import { isPublic, Reach } from '../../../../src/tls/fetch/reach.ts'

test('globally reachable unicast addresses are public', t => {
  for (const addr of [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2001:200::1',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:1.1.1.1',
    '::ffff:101:101',
    '64:ff9b::1.1.1.1',
  ])
    t.true(isPublic(addr), addr)
})

test('special-purpose addresses are not, in whatever spelling', t => {
  for (const addr of [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::FFFF:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '::ffff:0:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:0:7f00:1::',
    '2001:2::1',
    '2001:10::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2002:101:101::',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
  ])
    t.false(isPublic(addr), addr)
})

test('what is no address is not public', t => {
  for (const text of [
    '',
    'a.example',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '1.1.1.1/8',
    '[::1]',
    '1.1.1.1 ',
  ])
    t.false(isPublic(text), text)
})

test('networks the admin names are allowed, the box itself never', t => {
  const reach = new Reach(
    addr => addr === '203.0.113.9' || addr === '8.8.8.8',
    ['203.0.113.0/24', 'fd77::/16', '10.1.2.3'],
  )
  for (const addr of ['203.0.113.1', 'fd77::1', '10.1.2.3', '::ffff:203.0.113.1', '1.1.1.1'])
    t.true(reach.allows(addr), addr)
  for (const addr of [
    '203.0.113.9',
    '::ffff:203.0.113.9',
    '::ffff:cb00:7109',
    '8.8.8.8',
    '10.1.2.4',
    'fd78::1',
    '127.0.0.1',
    'x',
  ])
    t.false(reach.allows(addr), addr)
  t.true(reach.isNamed('203.0.113.1'))
  t.false(reach.isNamed('1.1.1.1'))
})

test('a network that is none is said so', t => {
  for (const text of ['10.0.0.0/33', 'x/8', '10.0.0.0/-1', '10.0.0.0/a', ''])
    t.throws(() => new Reach(() => false, [text]), { message: /is no network/ })
})
