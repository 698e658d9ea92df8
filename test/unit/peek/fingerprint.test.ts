import test from 'ava'
import { type ClientHello, helloFacts, parseClientHello } from '../../../src/peek/clienthello.ts'
import { ja3, ja4 } from '../../../src/peek/fingerprint.ts'
import { chromiumHello, opensslHello, refragment } from './hellos.ts'

const EMPTY: ClientHello = {
  sni: null,
  sniFault: null,
  sniAddress: null,
  alpn: [],
  legacyVersion: 0x0303,
  versions: [],
  cipherSuites: [],
  extensions: [],
  groups: [],
  pointFormats: [],
  signatureSchemes: [],
  keyShareGroups: [],
  ech: false,
  sessionTicket: false,
  preSharedKey: false,
}

const hex = (text: string): number[] => text.split(',').map(item => Number.parseInt(item, 16))
const dec = (text: string): number[] => (text === '' ? [] : text.split('-').map(Number))

/** A hello of Chrome as the specification's examples have it: GREASE at both ends of every list. */
const CHROME: ClientHello = {
  ...EMPTY,
  alpn: ['h2', 'http/1.1'],
  versions: [0x3a3a, 0x0304, 0x0303],
  cipherSuites: hex('2a2a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035'),
  signatureSchemes: hex('0403,0804,0401,0503,0805,0501,0806,0601'),
}
const chrome = (extensions: string): ClientHello => ({ ...CHROME, extensions: hex(extensions) })

test('JA4: published examples', t => {
  const table: [ClientHello, string][] = [
    [
      chrome('0a0a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,fafa'),
      't13d1516h2_8daaf6152771_e5627efa2ab1',
    ],
    [
      chrome('1a1a,002d,0033,0010,fe0d,0017,4469,0000,000b,000a,002b,ff01,0023,0012,0005,000d,001b,baba'),
      't13d1516h2_8daaf6152771_02713d6af862',
    ],
    [
      chrome('002d,0033,0010,fe0d,0017,44cd,0000,000b,000a,002b,ff01,0023,0012,0005,000d,001b'),
      't13d1516h2_8daaf6152771_d8a2da3f94cd',
    ],
  ]
  for (const [hello, expected] of table) t.is(ja4(hello), expected)
})

test('JA4: versions, no name, no protocol, protocols that are not text, empty lists, many suites', t => {
  const start = (hello: Partial<ClientHello>): string => ja4({ ...EMPTY, ...hello }).slice(0, 10)
  t.is(ja4(EMPTY), 't12i000000_000000000000_000000000000')
  t.is(start({ legacyVersion: 0x0301 }), 't10i000000')
  t.is(start({ legacyVersion: 0x0300 }), 'ts3i000000')
  t.is(start({ legacyVersion: 0x0200 }), 't00i000000')
  t.is(start({ versions: [0x0303, 0x0302] }), 't12i000000')
  t.is(start({ extensions: [0, 0x1a1a] }), 't12d000100')
  t.is(start({ alpn: ['http/1.1'] }), 't12i0000h1')
  t.is(start({ alpn: ['h'] }), 't12i0000hh')
  for (const [alpn, ends] of [
    ['\xab', 'ab'],
    ['\xab\xcd', 'ad'],
    ['0\xab', '3b'],
    ['01\xab\xcd', '3d'],
    ['0\xab\xcd1', '01'],
  ])
    t.is(start({ alpn: [alpn!] }), `t12i0000${ends}`)
  t.is(start({ cipherSuites: Array.from({ length: 120 }, (_, i) => i) }), 't12i990000')
})

test('JA3: published examples', t => {
  const table: [string, string][] = [
    ['769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0', 'ada70206e40642a3e4461f35503241d5'],
    ['769,4-5-10-9-100-98-3-6-19-18-99,,,', 'de350869b8c85de67a350c8d186f11e6'],
    [
      '771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,45-51-16-65037-23-17613-0-11-10-43-65281-35-18-5-13-27,4588-29-23-24,0',
      '98487aa16281980e7d1120d399efb6a4',
    ],
  ]
  for (const [text, expected] of table) {
    const [version, suites, extensions, groups, formats] = text.split(',') as [string, string, string, string, string]
    const hello: ClientHello = {
      ...EMPTY,
      legacyVersion: Number(version),
      cipherSuites: [0x4a4a, ...dec(suites)],
      extensions: [0xdada, ...dec(extensions)],
      groups: [...dec(groups), 0x0a0a],
      pointFormats: dec(formats),
    }
    t.is(ja3(hello), expected, text)
  }
})

test('real hellos: the same however they are cut; another library is another', async t => {
  const facts = (bytes: Buffer) => {
    const result = parseClientHello(bytes)
    if (result.state !== 'hello') throw new Error(result.state)
    return helloFacts(result.hello)
  }
  const chromium = facts(chromiumHello())
  t.regex(chromium.ja4, /^t13d15\d\dh2_8daaf6152771_[0-9a-f]{12}$/)
  t.regex(chromium.ja3, /^[0-9a-f]{32}$/)
  t.is(facts(refragment(chromiumHello(), 7)).ja4, chromium.ja4)
  const openssl = facts(await opensslHello('-tls1_2', '-noservername'))
  t.regex(openssl.ja4, /^t12i\d{4}00_/)
  t.not(openssl.ja3, chromium.ja3)
})
