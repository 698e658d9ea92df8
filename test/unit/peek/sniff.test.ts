import test from 'ava'
import { type Sniffed, sniff, sniffHost } from '../../../src/peek/sniff.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

test('what the first bytes are', t => {
  const table: [string, Sniffed][] = [
    ['', 'more'],
    ['\x16', 'more'],
    ['\x16\x03', 'tls'],
    ['\x16\x03\x01\x02\x00', 'tls'],
    ['\x16\x02', 'other'],
    ['\x80', 'more'],
    ['\x80\x2e\x01', 'more'],
    ['\x80\x2e\x01\x03\x01', 'sslv2'],
    ['\x80\x2e\x01\x00\x02', 'sslv2'],
    ['\x80\x2e\x01\x00\x03', 'other'],
    ['\x80\x2e\x04', 'other'],
    ['\xff\xfb\x1f\xff\xfb', 'other'], // telnet
    ['P', 'more'],
    ['PRI * HTTP/2.0\r\n\r\nSM', 'more'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'h2'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04', 'h2'],
    ['PRI * HTTP/2.0\r\n\r\nGO', 'h1'], // the codec refuses the version
    ['G', 'more'],
    ['GET', 'more'],
    ['GET ', 'more'],
    ['GET /', 'more'],
    ['GET / ', 'more'],
    ['GET / HTT', 'more'],
    ['GET / HTTP/', 'h1'],
    ['get / HTTP/1.1', 'h1'],
    ['M-SEARCH * HTTP/1.1\r\n', 'h1'],
    ['GET http', 'more'],
    ['GET http://a/ HTTP/1.1\r\n', 'h1'],
    ['GET HTTPS://a/ HTTP/1.1\r\n', 'h1'],
    ['CONNECT a:443 HTTP/1.1\r\n', 'h1'],
    ['CONNECT [::1]:443 HTTP/1.1\r\n', 'h1'],
    // lenient servers answer these as HTTP, so the codec must get to refuse them
    ['\r\n\r\nGET / HTTP/1.1\r\n', 'h1'],
    ['\nGET / HTTP/1.1\r\n', 'h1'],
    ['GET  /\tHTTP/1.1\r\n', 'h1'],
    ['GET /\r\n', 'h1'],
    ['GET / http/1.1\r\n', 'h1'],
    ['GET /\x80 HTTP/1.1\r\n', 'h1'],
    // other people's protocols
    ['SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n', 'other'],
    ['SSH-2.0-Go\r\n', 'other'],
    ['EHLO mail.example\r\n', 'other'],
    ['NICK /dev\r\n', 'h1'],
    ['USER joe\r\n', 'other'],
    ['RTSP\r\n', 'other'],
    ['OPTIONS * RTSP/1.0\r\n', 'other'],
    ['OPTIONS rtsp://a/b RTSP/1.0\r\n', 'other'],
    ['REGISTER sip:example.org SIP/2.0\r\n', 'other'],
    ['\x13BitTorrent protocol', 'other'],
    ['\0\0\0\x2f', 'other'],
    ['\x05\x01\x00', 'other'],
    ['<stream:stream>', 'other'],
    ['{"a":1}', 'other'],
    ['A'.repeat(33), 'other'],
    [`GET /${'a'.repeat(20_000)}`, 'h1'],
    ['\r\n'.repeat(10_000), 'other'],
    [`GET${' '.repeat(20_000)}`, 'h1'],
  ]
  for (const [text, expected] of table) t.is(sniff(bytes(text)), expected, JSON.stringify(text.slice(0, 50)))
})

test('every prefix of a request is h1 or more, every prefix of the preface is more', t => {
  const request = 'PUT /a?b HTTP/1.1\r\nHost: a\r\n\r\n'
  let seen = false
  for (let i = 0; i <= request.length; i++) {
    const now = sniff(bytes(request.slice(0, i)))
    t.true(now === 'h1' || (now === 'more' && !seen), `${i}`)
    seen ||= now === 'h1'
  }
  t.true(seen)
})

test('the host a request names', t => {
  const table: [string, string | null | undefined][] = [
    ['GET / HTTP/1.1\r\nHost: Example.ORG\r\n', 'example.org'],
    ['GET / HTTP/1.1\r\nhost:example.org.:8080 \r\n', 'example.org'],
    ['GET / HTTP/1.1\r\nA: b\r\nHOST: 10.0.0.1:80\r\n\r\n', '10.0.0.1'],
    ['GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n', '2001:db8::1'],
    ['GET / HTTP/1.1\nHost: bare-lf.example\n', 'bare-lf.example'],
    ['\r\nGET / HTTP/1.1\r\nHost: a.example\r\n', 'a.example'],
    ['GET http://b.example:80/x HTTP/1.1\r\nHost: a.example\r\n', 'b.example'],
    ['GET / HTTP/1.0\r\nA: b\r\n\r\n', null],
    ['GET / HTTP/1.1\r\nHost: a b\r\n', null],
    ['GET / HTTP/1.1\r\nHost: a@b\r\n', null],
    ['GET / HTTP/1.1\r\nHost: a:port\r\n', null],
    ['GET / HTTP/1.1\r\nHost: \r\n', null],
    ['GET / HTTP/1.1\r\nHost: [::1\r\n', null],
    ['GET / HTTP/1.1\r\n\r\nHost: body.example\r\n', null],
    ['GET / HTTP/1.1\r\nX-Host: no.example\r\n', undefined],
    ['GET / HTTP/1.1\r\nHost: exam', undefined],
    ['GET / HT', undefined],
    ['GET /\r\n', null], // HTTP/0.9 has no fields
    ['GET http://b.example/\r\n', 'b.example'],
    ['GET / HTTP/1.1x\r\n', undefined],
    [`GET / HTTP/1.1\r\nA: ${'a'.repeat(16_400)}\r\nHost: far.example\r\n`, null],
  ]
  for (const [text, expected] of table) {
    const found = sniffHost(bytes(text))
    t.deepEqual(
      found,
      expected === undefined ? { state: 'more' } : { state: 'host', host: expected },
      text.slice(0, 60),
    )
  }
})
