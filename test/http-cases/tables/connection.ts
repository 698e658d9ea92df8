import { both, type Case, chunked, client, get, head, OK, origin, passed, post, refused } from '../case.ts'

const answer = (status: string, body: string, ...fields: string[]) =>
  `HTTP/1.1 ${status}\r\n${fields.map(field => `${field}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`
const interim = (status: string, ...fields: string[]) =>
  `HTTP/1.1 ${status}\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`
const upgrade = (...fields: string[]) => get('Connection: Upgrade', ...fields)
const SWITCH = interim('101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket')

/** RFC 9112 §9, RFC 9110 §7.8, §9, §10.1.1, §15: what lasts, what is told in between, and methods that answer in their own way. */
export const CONNECTION: readonly Case[] = [
  client(
    '9112 §9.3',
    'two requests, one after the other',
    [get(), 300, get()],
    passed({ statuses: [200, 200], requests: 2, closed: false }),
  ),
  client('9112 §9.3', 'Connection: close', get('Connection: close'), passed({ closed: true })),
  client('9112 §9.3', 'Connection: CLOSE in a list', get('Connection: x, CLOSE'), passed({ closed: true })),
  client(
    '9112 §9.3',
    'close in the second Connection field',
    get('Connection: x', 'Connection: close'),
    passed({ closed: true }),
  ),
  client(
    '9112 §9.3',
    'HTTP/1.0 with keep-alive',
    [head('GET /@ID HTTP/1.0', 'Connection: keep-alive'), 300, get()],
    passed({ statuses: [200, 200], requests: 2, clientHas: [/connection: keep-alive/i] }),
  ),
  client('9112 §9.3', 'no request after close', get('Connection: close') + get(), passed({ closed: true })),
  origin(
    '9112 §9.3',
    'an origin that closes',
    [answer('200 OK', 'ok', 'Connection: close'), 'FIN'],
    passed({ body: 'ok', closed: false, clientLacks: [/connection: close/i] }),
  ),
  client(
    '9112 §9.3.2',
    'ten pipelined requests',
    get('X-N: 1').repeat(10),
    passed({ statuses: Array(10).fill(200), requests: 10 }),
  ),
  both(
    '9112 §9.3.2',
    'pipelined requests are answered in order',
    get() + get() + get(),
    [[200, answer('200 OK', 'one')], answer('201 Created', 'two'), answer('202 Accepted', 'three')],
    passed({ statuses: [200, 201, 202], requests: 3, body: 'three' }),
  ),
  client(
    '9112 §9.3.2',
    'a pipelined POST with its body',
    `${post('Content-Length: 3')}abc${chunked('3\r\nabc\r\n0\r\n\r\n')}${get()}`,
    passed({ statuses: [200, 200, 200], requests: 3 }),
  ),
  client(
    '9112 §9.3.2',
    'what is malformed among pipelined requests ends them',
    `${get()}GET  / HTTP/1.1\r\n\r\n${get()}`,
    passed({ statuses: [200, 400], requests: 1, closed: true }),
  ),
  client('9112 §9.6', 'a half-closed client gets its answer', [get(), 'FIN'], passed({ body: 'ok' })),
  both('9112 §9.6', 'a half-closed client waits for its answer', [get(), 'FIN'], [[600, OK]], passed({ body: 'ok' })),
  client(
    '9112 §9.6',
    'half-closed after two pipelined requests',
    [get() + get(), 'FIN'],
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  client(
    '9112 §9.6',
    'half-closed after its body',
    [`${post('Content-Length: 3')}abc`, 'FIN'],
    passed({ originBody: 'abc' }),
  ),
  client('9112 §2.2', 'a head byte by byte', [{ drip: get('X-A: b') }], passed({ originHas: ['X-A: b'] })),
  client(
    '9112 §2.2',
    'a head that is cut inside its CRLFs',
    [get().slice(0, -3), 50, '\n', 50, '\r', 50, '\n'],
    passed(),
  ),

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
