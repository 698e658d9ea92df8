import { both, type Case, chunked, client, get, head, OK, origin, passed, post, refused, SMUGGLED } from '../case.ts'

const answer = (status: string, body: string, ...fields: string[]) =>
  `HTTP/1.1 ${status}\r\n${fields.map(field => `${field}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`
const interim = (status: string, ...fields: string[]) =>
  `HTTP/1.1 ${status}\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`
const upgrade = (...fields: string[]) => get('Connection: Upgrade', ...fields)
const SWITCH = interim('101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket')

/** RFC 9110 §7.8, §9, §10.1.1, §15, RFC 9112 §9.5: what is told in between, and methods that answer in their own way. */
export const CONNECTION: readonly Case[] = [
  both(
    '9110 §9.3.2',
    'HEAD',
    head('HEAD /@ID HTTP/1.1'),
    ['HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n'],
    passed({ clientHas: ['Content-Length: 1234\r\n'], closed: false }),
  ),
  both(
    '9110 §9.3.2',
    'HEAD of what is chunked',
    head('HEAD /@ID HTTP/1.1'),
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    passed({ closed: false }),
  ),
  both(
    '9110 §9.3.2',
    'HEAD of what is ended by close',
    head('HEAD /@ID HTTP/1.1'),
    [['HTTP/1.0 200 OK\r\n\r\n', 'FIN']],
    passed(),
  ),
  both(
    '9110 §9.3.2',
    'the next request after HEAD',
    head('HEAD /@ID HTTP/1.1') + get(),
    ['HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', OK],
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  both('9110 §9.3.2', 'head is not HEAD', head('head /@ID HTTP/1.1'), [OK], passed({ body: 'ok' })),

  both(
    '9110 §10.1.1',
    '100-continue, and the body after it',
    [post('Expect: 100-continue', 'Content-Length: 3'), 200, 'abc'],
    [[interim('100 Continue'), 600, OK]],
    passed({ interim: [100], originBody: 'abc', originHas: [/expect: 100-continue/i] }),
    true,
  ),
  both(
    '9110 §10.1.1',
    '100-continue, refused by the origin',
    post('Expect: 100-continue', 'Content-Length: 3'),
    [answer('417 Expectation Failed', 'no')],
    passed({ statuses: [417], requests: 'any', body: 'no' }),
    true,
  ),
  client(
    '9110 §10.1.1',
    '100-continue, body sent at once',
    `${post('Expect: 100-continue', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  client(
    '9110 §10.1.1',
    '100-Continue in other case',
    `${post('Expect: 100-Continue', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  both(
    '9110 §10.1.1',
    'the body comes after a refusal, and reads like a request',
    [post('Expect: 100-continue', 'Content-Length: 200'), 400, SMUGGLED],
    [answer('417 Expectation Failed', 'no')],
    passed({ statuses: [417], requests: 'cut', closed: true, originClosed: true }),
    true,
  ),
  client(
    '9110 §10.1.1',
    'another expectation',
    `${post('Expect: y 100-continue', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc', originHas: [/expect: y 100-continue/i] }),
  ),
  client(
    '9110 §10.1.1',
    '100-continue without a body',
    get('Expect: 100-continue') + get(),
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  both(
    '9110 §10.1.1',
    '100-continue with HEAD',
    head('HEAD /@ID HTTP/1.1', 'Expect: 100-continue') + get(),
    [`${interim('100 Continue')}HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n`, OK],
    passed({ statuses: [200, 200], requests: 2, body: 'ok' }),
  ),
  origin(
    '9110 §15.2',
    '103 before the answer',
    [interim('103 Early Hints', 'Link: </a.css>; rel=preload'), 100, OK],
    passed({ interim: [103], clientHas: ['Link: </a.css>; rel=preload\r\n'] }),
  ),
  origin(
    '9110 §15.2',
    'two 103 and a 102',
    interim('103 Early Hints', 'Link: </a>') +
      interim('102 Processing') +
      interim('103 Early Hints', 'Link: </b>') +
      OK,
    passed({ interim: [103, 102, 103] }),
  ),
  origin('9110 §15.2', '100 nobody waited for', interim('100 Continue') + OK, passed({ body: 'ok' })),
  origin('9110 §15.2', '199', interim('199 Whatever') + OK, passed({ interim: [199] })),
  origin(
    '9110 §15.2',
    'no 103 to HTTP/1.0',
    interim('103 Early Hints') + OK,
    passed({ interim: [], body: 'ok' }),
    head('GET /@ID HTTP/1.0'),
  ),
  origin(
    '9110 §15.2',
    '100 interim answers',
    interim('103 Early Hints').repeat(100) + OK,
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true }),
  ),

  both(
    '9110 §7.8',
    'WebSocket: 101 and bytes both ways',
    [upgrade('Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'), 300],
    [[SWITCH, '\x81\x02hi']],
    passed({ statuses: [101], clientHas: ['\x81\x02hi'] }),
  ),
  both(
    '9110 §7.8',
    'another protocol',
    upgrade('Upgrade: x-lab/1'),
    [`${interim('101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: x-lab/1')}hello`],
    passed({ statuses: [101], clientHas: ['hello'] }),
  ),
  both('9110 §7.8', 'an upgrade that is declined', upgrade('Upgrade: websocket'), [OK], passed({ body: 'ok' })),
  both(
    '9110 §7.8',
    'Connection: keep-alive, Upgrade, as Firefox says it',
    [get('Connection: keep-alive, Upgrade', 'Upgrade: WebSocket'), 300],
    [[SWITCH, '\x81\x02hi']],
    passed({ statuses: [101], clientHas: ['\x81\x02hi'] }),
  ),
  both(
    '9110 §7.8',
    'declined, and the next request',
    upgrade('Upgrade: websocket') + get(),
    [answer('426 Upgrade Required', 'no'), OK],
    passed({ statuses: [426, 200], requests: 2, body: 'ok' }),
  ),
  both(
    '9110 §7.8',
    '101 to an upgrade with a body',
    `${post('Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 3')}abc`,
    [SWITCH],
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true }),
  ),
  client(
    '9110 §7.8',
    'no upgrade of HTTP/1.0',
    head('GET /@ID HTTP/1.0', 'Connection: Upgrade', 'Upgrade: websocket'),
    passed({ originLacks: [/\r\nupgrade:/i] }),
  ),
  both(
    '9110 §7.8',
    '101 nobody asked for',
    get(),
    [SWITCH],
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true, clientLacks: [' 101 '] }),
  ),
  both(
    '9110 §7.8',
    '101 to another protocol',
    upgrade('Upgrade: x-lab'),
    [SWITCH],
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true }),
  ),
  both(
    '9110 §7.8',
    '101 without Upgrade',
    upgrade('Upgrade: websocket'),
    [interim('101 Switching Protocols', 'Connection: Upgrade')],
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true }),
  ),
  both(
    '9110 §7.8',
    '101 without Connection',
    upgrade('Upgrade: websocket'),
    [interim('101 Switching Protocols', 'Upgrade: websocket')],
    passed({ kind: 'bad-origin', statuses: [502], originClosed: true }),
  ),
  client(
    '9110 §7.8',
    'Upgrade without Connection is no upgrade',
    get('Upgrade: websocket'),
    passed({ originLacks: [/upgrade/i] }),
  ),
  client(
    '9110 §7.8',
    'h2c goes no further',
    upgrade('Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
    passed({ originLacks: [/h2c/i, /http2-settings/i] }),
  ),
  client('9110 §7.8', 'TLS goes no further', upgrade('Upgrade: TLS/1.2'), passed({ originLacks: [/\r\nupgrade:/i] })),

  both(
    '9112 §9.5',
    'an answer before the body is sent',
    [post('Content-Length: 100000'), 300, 'x'.repeat(1000)],
    [answer('413 Content Too Large', 'no')],
    passed({ statuses: [413], requests: 'cut', closed: true, body: 'no' }),
    true,
  ),
  both(
    '9112 §9.5',
    'an answer while the body is being sent',
    [post('Content-Length: 100000'), 'x'.repeat(50_000), 200, 'x'.repeat(10_000), 200],
    [answer('401 Unauthorized', 'no')],
    passed({ statuses: [401], requests: 'cut', closed: true, body: 'no' }),
    true,
  ),
  both(
    '9112 §9.5',
    'a long answer begins before the body ends',
    [chunked('3\r\nabc\r\n'), 300, '3\r\ndef\r\n0\r\n\r\n'],
    [['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', 800, '0\r\n\r\n']],
    passed({ body: 'ok', originBody: 'abcdef' }),
    true,
  ),
  client(
    '9112 §9.4',
    'a request for HTTP/1.0 with a body',
    `${head('POST /@ID HTTP/1.0', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc', closed: true }),
  ),
  origin(
    '9112 §9.3',
    'HTTP/1.0 client gets no chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    passed({ closed: true, clientLacks: [/transfer-encoding/i], clientHas: [/\r\n\r\nok$/] }),
    head('GET /@ID HTTP/1.0'),
  ),
  origin(
    '9112 §9.3',
    'HTTP/1.0 client with keep-alive gets no chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    passed({ closed: true, clientLacks: [/transfer-encoding/i], clientHas: [/\r\n\r\nok$/] }),
    head('GET /@ID HTTP/1.0', 'Connection: keep-alive'),
  ),
  client(
    '9112 §3',
    'garbage after an answer',
    [get(), 300, '\0\x01\x02\x03'.repeat(50)],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client(
    '9112 §9.3',
    'a TLS hello after an answer',
    [get(), 300, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client('9113 §3.4', 'an HTTP/2 preface after an answer', [get(), 300, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], {
    ...refused(),
    kind: 'passed',
    statuses: [200, [400, 505]],
    requests: 1,
  }),
]
