import { both, type Case, chunked, client, get, head, OK, origin, passed, post } from '../case.ts'

const answer = (status: string, body: string, ...fields: string[]) =>
  `HTTP/1.1 ${status}\r\n${fields.map(field => `${field}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`

/** RFC 9112 §9 and RFC 9110 §9.2.2: which connections last, which requests share them, and which are sent again. */
export const PERSISTENCE: readonly Case[] = [
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
  ...(
    [
      ['HTTP/1.1', answer('200 OK', 'ok'), 1],
      ['HTTP/1.1 that says close and stays open', answer('200 OK', 'ok', 'Connection: close'), 2],
      ['HTTP/1.1 that says Close in a list', answer('200 OK', 'ok', 'Connection: x, Close'), 2],
      ['HTTP/1.0', answer('200 OK', 'ok').replace('1.1', '1.0'), 2],
      ['HTTP/1.0 with keep-alive', answer('200 OK', 'ok', 'Connection: keep-alive').replace('1.1', '1.0'), 1],
      [
        'HTTP/1.0 with keep-alive and close',
        answer('200 OK', 'ok', 'Connection: keep-alive, close').replace('1.1', '1.0'),
        2,
      ],
      ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 1],
      ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 1],
    ] as const
  ).map(([title, text, connections]) =>
    both('9112 §9.3', `two requests to an origin: ${title}`, [get(), 400, get()], [text], {
      ...passed({
        statuses: [
          [200, 204],
          [200, 204],
        ],
        requests: 2,
        connections,
      }),
    }),
  ),
  ...(
    [
      ['GET', 'a reset', ['RST'], true],
      ['GET', 'an end', ['FIN'], true],
      ['PUT', 'a reset', ['RST'], true],
      ['POST', 'a reset', ['RST'], false],
      ['PATCH', 'an end', ['FIN'], false],
      ['get', 'a reset', ['RST'], false],
      ['BREW', 'a reset', ['RST'], false],
      ['GET', 'a part of an answer and its end', ['HTTP/1.1 2', 'FIN'], false],
    ] as const
  ).map(([method, title, steps, again]) =>
    both(
      '9110 §9.2.2',
      `${method} on a used connection: ${title}`,
      [
        get(),
        400,
        head(`${method} /@ID HTTP/1.1`, ...(method === 'POST' || method === 'PATCH' ? ['Content-Length: 0'] : [])),
      ],
      [OK, steps, OK],
      passed({ statuses: [200, again ? 200 : 502], requests: again ? 3 : 2 }),
    ),
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
]
