import test from 'ava'
import fc from 'fast-check'
import { canonicalName, canonicalPath, parseDomain, parseUrl, pathUnder } from '../../../src/policy/names.ts'

test('names have one spelling', t => {
  const table: [string, string | null][] = [
    ['Bank.Example.', 'bank.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['Bücher.example', 'xn--bcher-kva.example'],
    ['_dmarc.a_b.example', '_dmarc.a_b.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8:0:0::1]', '2001:db8::1'],
    ['2001:db8::1%eth0', null],
    ['', null],
    ['.', null],
    ['a..b', null],
    ['-a.example', null],
    ['a b.example', null],
    [`${'a'.repeat(64)}.example`, null],
    [`${'abcdefg.'.repeat(32)}example`, null],
  ]
  for (const [text, name] of table) t.is(canonicalName(text), name, text)
})

test('domains are taken or told what is wrong', t => {
  t.deepEqual(parseDomain('bank.example'), { name: 'bank.example', exact: false })
  t.deepEqual(parseDomain('=www.bank.example'), { name: 'www.bank.example', exact: true })
  t.deepEqual(parseDomain('192.0.2.1'), { name: '192.0.2.1', exact: true })
  t.regex(parseDomain('*.bank.example') as string, /Write "bank\.example"/)
  t.regex(parseDomain('.bank.example') as string, /Write "bank\.example"/)
  t.regex(parseDomain('https://bank.example/') as string, /path/)
  t.regex(parseDomain('bank.example:8443') as string, /"ports"/)
  t.regex(parseDomain('bank example') as string, /no domain name/)
})

test('URLs are taken or told what is wrong', t => {
  t.deepEqual(parseUrl('Shop.example/checkout/'), { name: 'shop.example', exact: false, path: '/checkout' })
  t.deepEqual(parseUrl('=shop.example/'), { name: 'shop.example', exact: true, path: '' })
  t.deepEqual(parseUrl('shop.example/größe'), { name: 'shop.example', exact: false, path: '/gr%C3%B6%C3%9Fe' })
  t.regex(parseUrl('https://shop.example/a') as string, /Write "shop\.example\/a"/)
  t.regex(parseUrl('shop.example') as string, /"domains"/)
  t.regex(parseUrl('shop.example/a?b') as string, /query/)
  t.regex(parseUrl('shop.example:81/a') as string, /"ports"/)
})

test('a path cannot be spelled round a rule', t => {
  for (const path of [
    '/checkout',
    '/checkout/',
    '/checkout?x=1',
    '/checkout/a/b',
    '//checkout',
    '/%63heckout',
    '/%63%68eckout',
    '/./checkout',
    '/x/../checkout',
    '/x/%2e%2E/checkout',
    '/../../checkout',
    '/\\checkout',
  ]) {
    t.true(pathUnder(canonicalPath(path), '/checkout'), path)
  }
  for (const path of ['/checkout2', '/Checkout', '/x/checkout', '/checkout/..', '/checkout%2Fx', '/', '*', '']) {
    t.false(pathUnder(canonicalPath(path), '/checkout'), path)
  }
  t.true(pathUnder(canonicalPath('*'), ''))
})

test('the canonical path is a fixed point, and a plain path is left as it is', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.webPath(), (bytes, path) => {
      const octets = `/${Buffer.from(bytes).toString('latin1')}`.replaceAll('?', '')
      const once = canonicalPath(octets)
      t.is(canonicalPath(once), once)
      t.false(/\/\.{0,2}\//.test(once))
      if (/^(\/[a-z0-9]+)+\/?$/.test(path)) t.is(canonicalPath(path), path)
    }),
  )
})

test('no text makes the parsers throw', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
      parseDomain(text)
      parseUrl(text)
      parseUrl(`a.example/${text}`)
    }),
  )
  t.pass()
})
