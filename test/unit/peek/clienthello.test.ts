import test from 'ava'
import { type ClientHello, helloFacts, MAX_HELLO_BYTES, parseClientHello } from '../../../src/peek/clienthello.ts'
import { ja3, ja4 } from '../../../src/peek/fingerprint.ts'
import { chromiumHello, curlHello, nodeHello, opensslHello, refragment } from './hellos.ts'

function parsed(bytes: Buffer): ClientHello {
  const result = parseClientHello(bytes)
  if (result.state !== 'hello') throw new Error(JSON.stringify(result))
  return result.hello
}

interface Extension {
  id: number
  body: Buffer
}

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const block = (body: Buffer): Buffer => Buffer.concat([u16(body.length), body])

/** A ClientHello of our own making, in one record. */
function build(extensions: Extension[], tail = Buffer.alloc(0)): Buffer {
  const list = Buffer.concat(extensions.map(e => Buffer.concat([u16(e.id), block(e.body)])))
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    block(u16(0x1301)),
    Buffer.from([1, 0]),
    block(list),
    tail,
  ])
  const message = Buffer.concat([
    Buffer.from([1, body.length >> 16, (body.length >> 8) & 255, body.length & 255]),
    body,
  ])
  return Buffer.concat([Buffer.from([22, 3, 1]), block(message)])
}

function serverName(name: string | Buffer, type = 0): Extension {
  const entry = Buffer.concat([Buffer.from([type]), block(Buffer.from(name))])
  return { id: 0, body: block(entry) }
}

test('node: name, ALPN, post-quantum share, facts', async t => {
  const bytes = await nodeHello({ servername: 'Mail.Example.ORG', ALPNProtocols: ['h2', 'http/1.1'] })
  t.true(bytes.length > 1400, 'the X25519MLKEM768 share makes it larger than one packet')
  const hello = parsed(bytes)
  t.is(hello.sni, 'mail.example.org')
  t.deepEqual(hello.alpn, ['h2', 'http/1.1'])
  t.true(hello.keyShareGroups.includes(0x11ec))
  t.true(hello.groups.includes(23))
  t.true(hello.cipherSuites.includes(0x1301))
  t.deepEqual(helloFacts(hello), {
    sni: 'mail.example.org',
    alpn: ['h2', 'http/1.1'],
    maxVersion: 0x0304,
    ech: false,
    ecdsa: true,
    badName: false,
    sniAddress: null,
    ja3: ja3(hello),
    ja4: ja4(hello),
  })
})

test('openssl s_client: TLS 1.2 only, no name, RSA only', async t => {
  const hello = parsed(await opensslHello('-tls1_2', '-noservername', '-sigalgs', 'RSA+SHA256'))
  t.is(hello.sni, null)
  t.is(hello.sniFault, null)
  t.deepEqual(hello.versions, [])
  t.deepEqual(hello.signatureSchemes, [0x0401])
  const facts = helloFacts(hello)
  t.is(facts.maxVersion, 0x0303)
  t.false(facts.ecdsa)
})

test('curl', async t => {
  const hello = parsed(await curlHello('www.example.net'))
  t.is(hello.sni, 'www.example.net')
  t.deepEqual(hello.alpn, ['h2', 'http/1.1'])
})

test('chromium: GREASE is no version, its ECH is seen', t => {
  const hello = parsed(chromiumHello())
  t.is(hello.sni, 'school.example.org')
  t.true(hello.ech)
  t.true(hello.versions.some(v => (v & 0x0f0f) === 0x0a0a))
  t.is(helloFacts(hello).maxVersion, 0x0304)
  t.true(hello.keyShareGroups.includes(0x11ec))
  t.true(hello.extensions.includes(0xfe0d))
})

test('cut at every byte: asks for more, never for less than it has, never decides early', t => {
  for (const whole of [chromiumHello(), refragment(chromiumHello(), 100), refragment(chromiumHello(), 1)]) {
    for (let length = 0; length < whole.length; length += length < 300 ? 1 : 7) {
      const result = parseClientHello(whole.subarray(0, length))
      if (result.state !== 'more') return t.fail(`decided at ${length}: ${JSON.stringify(result)}`)
      if (result.need <= length || result.need > whole.length) return t.fail(`need ${result.need} at ${length}`)
    }
    t.is(parsed(whole).sni, 'school.example.org')
  }
})

test('many records say the same as one; what follows the last record is not looked at', t => {
  const whole = chromiumHello()
  const expected = parsed(whole)
  for (const size of [1, 2, 3, 4, 5, 63, 1000, 1900]) t.deepEqual(parsed(refragment(whole, size)), expected)
  t.deepEqual(parsed(Buffer.concat([whole, Buffer.from('early data of any kind')])), expected)
})

test('server names that are no host names', t => {
  const table: [string | Buffer, string | null, string | null][] = [
    ['a.example', 'a.example', null],
    ['A.EXAMPLE.', 'a.example', null],
    ['_dmarc.xn--bcher-kva.example', '_dmarc.xn--bcher-kva.example', null],
    ['localhost', 'localhost', null],
    ['10.0.0.1', null, 'address'],
    ['2001:db8::1', null, 'address'],
    ['10.0.0.1.', null, 'invalid'],
    ['1.2.3', null, 'invalid'],
    ['0x7f.1', null, 'invalid'],
    ['127.0.0.0x1', null, 'invalid'],
    ['a..b', null, 'invalid'],
    ['.a', null, 'invalid'],
    ['-a.example', null, 'invalid'],
    ['a-.example', null, 'invalid'],
    ['a example', null, 'invalid'],
    ['good.example\0.evil.example', null, 'invalid'],
    ['b\u00fccher.example', null, 'invalid'],
    ['../../etc', null, 'invalid'],
    ['a.example/x', null, 'invalid'],
    ['*.example', null, 'invalid'],
    ['*', null, 'invalid'],
    ['a.example..', null, 'invalid'],
    ['.', null, 'invalid'],
    ['a.example\r\nb', null, 'invalid'],
    ['a.example:443', null, 'invalid'],
    ['[2001:db8::1]', null, 'invalid'],
    [Buffer.from('bücher.example'), null, 'invalid'],
    ['a'.repeat(16_000), null, 'invalid'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`, null],
    [`${'a'.repeat(64)}.example`, null, 'invalid'],
    [`${'abc.'.repeat(63)}a`, `${'abc.'.repeat(63)}a`, null],
    [`${'abc.'.repeat(63)}ab`, null, 'invalid'],
  ]
  for (const [sent, sni, fault] of table) {
    const hello = parsed(build([serverName(sent)]))
    t.is(hello.sni, sni, String(sent))
    t.is(hello.sniFault, fault as ClientHello['sniFault'], String(sent))
    t.is(hello.sniAddress, fault === 'address' ? String(sent) : null)
    t.is(helloFacts(hello).badName, fault === 'invalid')
  }
})

test('malformed', t => {
  const good = build([serverName('a.example')])
  const change = (at: number, value: number): Buffer => {
    const copy = Buffer.from(good)
    copy[at] = value
    return copy
  }
  const table: [Buffer, string][] = [
    [change(0, 21), 'record-type'],
    [change(1, 2), 'record-version'],
    [Buffer.from([22, 3, 1, 0, 0]), 'record-length'],
    [Buffer.from([22, 3, 1, 0x40, 1]), 'record-length'],
    [change(5, 2), 'not-client-hello'],
    [change(6, 2), 'too-large'],
    [change(8, good[8]! - 1), 'trailing-bytes'],
    [change(43, 33), 'bad-length'],
    [build([], Buffer.from([0])), 'bad-length'],
    [build([serverName('a.example'), serverName('b.example')]), 'several-names'],
    [build([serverName('a.example'), serverName('a.example')]), 'several-names'],
    [
      build([
        { id: 21, body: Buffer.alloc(0) },
        { id: 21, body: Buffer.alloc(4) },
      ]),
      'duplicate-extension',
    ],
    [build([{ id: 0, body: Buffer.alloc(0) }]), 'truncated-field'],
    [build([{ id: 0, body: block(Buffer.alloc(0)) }]), 'bad-server-name'],
    [build([serverName('')]), 'bad-server-name'],
    [build([serverName('a.example', 1)]), 'bad-server-name'],
    [
      build([
        { id: 0, body: block(Buffer.concat([serverName('a.b').body.subarray(2), serverName('c.d').body.subarray(2)])) },
      ]),
      'several-names',
    ],
    [build([{ id: 16, body: block(Buffer.alloc(0)) }]), 'bad-alpn'],
    [build([{ id: 16, body: block(Buffer.from([0])) }]), 'bad-alpn'],
    [build([{ id: 43, body: Buffer.from([3, 3, 4, 3]) }]), 'bad-length'],
    [build([{ id: 10, body: block(Buffer.alloc(0)) }]), 'bad-length'],
    [build([{ id: 51, body: block(Buffer.from([0, 29, 0, 9, 1])) }]), 'truncated-field'],
  ]
  for (const [bytes, why] of table) t.deepEqual(parseClientHello(bytes), { state: 'malformed', why } as never, why)
})

test('no extensions at all, a ticket, a PSK', t => {
  const noExtensions = build([])
  const message = noExtensions.subarray(5, noExtensions.length - 2)
  message.writeUIntBE(message.length - 4, 1, 3)
  t.deepEqual(parsed(Buffer.concat([Buffer.from([22, 3, 1]), block(message)])).extensions, [])
  const hello = parsed(
    build([
      { id: 35, body: Buffer.alloc(9) },
      { id: 41, body: Buffer.alloc(2) },
    ]),
  )
  t.true(hello.sessionTicket)
  t.true(hello.preSharedKey)
  t.false(parsed(build([{ id: 35, body: Buffer.alloc(0) }])).sessionTicket)
})

test('64 KiB is the limit, over all records', t => {
  // Four full records are one handshake message of 65,532 bytes and 20 bytes of headers: too large before they came.
  const fragment = Buffer.alloc(16_384)
  const records = (length: number): Buffer => {
    fragment[0] = 1
    fragment.writeUIntBE(length - 4, 1, 3)
    return Buffer.concat(Array.from({ length: 4 }, () => Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0]), fragment])))
  }
  t.deepEqual(parseClientHello(records(65_532).subarray(0, 70_000)), { state: 'malformed', why: 'too-large' })
  t.deepEqual(parseClientHello(records(65_537).subarray(0, 9)), { state: 'malformed', why: 'too-large' })
  t.deepEqual(parseClientHello(records(65_000).subarray(0, 9)), { state: 'more', need: 16_389 + 5 + 48_616 })
  for (let length = 0; length <= MAX_HELLO_BYTES; length += 1111) {
    const result = parseClientHello(records(65_536).subarray(0, length))
    t.true(result.state !== 'more' || result.need <= MAX_HELLO_BYTES)
  }
})

test('a hello that drips in by records of one octet is gathered a few times, not once for each', t => {
  const whole = refragment(chromiumHello(), 1)
  let parses = 0
  for (let have = 1; ; parses++) {
    const result = parseClientHello(whole.subarray(0, have))
    if (result.state !== 'more') break
    t.true(result.need > have && result.need <= whole.length)
    have = result.need
  }
  t.true(parses < 60, `${parses}`)
})

test('thousands of extensions cost no quadratic time', t => {
  const many = Array.from({ length: 16_000 }, (_, i) => ({ id: i + 100, body: Buffer.alloc(0) }))
  const bytes = cut(wide(many))
  const hello = parsed(bytes)
  t.is(hello.extensions.length, 16_000)
  t.regex(helloFacts(hello).ja4, /^t12i0199/)
})

/** A handshake message in full records. */
function cut(message: Buffer): Buffer {
  const out: Buffer[] = []
  for (let at = 0; at < message.length; at += 16_384)
    out.push(Buffer.from([22, 3, 1]), block(message.subarray(at, at + 16_384)))
  return Buffer.concat(out)
}

/** Like `build`, for what does not fit into one record. */
function wide(extensions: Extension[]): Buffer {
  const list = Buffer.concat(extensions.map(e => Buffer.concat([u16(e.id), block(e.body)])))
  const start = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(33, 0),
    block(u16(0x1301)),
    Buffer.from([1, 0]),
    u16(list.length),
  ])
  const length = start.length + list.length
  return Buffer.concat([Buffer.from([1, length >> 16, (length >> 8) & 255, length & 255]), start, list])
}
