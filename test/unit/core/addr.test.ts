import test from 'ava'
import fc from 'fast-check'
import { addrBytes, hostPort, isLocalOnly, plainAddr } from '../../../src/core/addr.ts'

test('a mapped IPv4 address has the plain spelling', t => {
  t.is(plainAddr('::ffff:10.77.1.10'), '10.77.1.10')
  t.is(plainAddr('fd77:1::10'), 'fd77:1::10')
})

test('bytes of addresses', t => {
  t.is(Buffer.from(addrBytes('1.2.3.4')!).toString('hex'), '00000000000000000000ffff01020304')
  t.is(Buffer.from(addrBytes('2001:db8::1')!).toString('hex'), '20010db8000000000000000000000001')
  t.is(Buffer.from(addrBytes('64:ff9b::1.2.3.4')!).toString('hex'), '0064ff9b000000000000000001020304')
  t.is(Buffer.from(addrBytes('::')!).toString('hex'), '0'.repeat(32))
  for (const bad of ['', 'example', '1.2.3', '1.2.3.4.5', 'fe80::1%eth0', '::g']) t.is(addrBytes(bad), null, bad)
})

test('every IPv6 spelling of the same bytes gives those bytes', t => {
  fc.assert(
    fc.property(fc.ipV6(), addr => {
      const bytes = addrBytes(addr)
      t.not(bytes, null)
      const full = Buffer.from(bytes!).toString('hex').match(/.{4}/g)!.join(':')
      t.deepEqual(addrBytes(full), bytes)
    }),
  )
})

test('what never leaves the box or the link', t => {
  for (const addr of [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'febf::1',
    'ff02::1',
    'nonsense',
  ]) {
    t.true(isLocalOnly(addr), addr)
  }
  for (const addr of ['10.0.0.1', '192.168.1.1', '203.0.113.9', 'fd00::1', '2001:db8::1'])
    t.false(isLocalOnly(addr), addr)
})

test('host and port', t => {
  t.is(hostPort('::1', 80), '[::1]:80')
  t.is(hostPort('a.example', 443), 'a.example:443')
})
