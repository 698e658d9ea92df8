import { type Case, client, get, head, OK, origin, passed, post } from '../case.ts'

const gone = (...fields: string[]) => ({ originLacks: fields.map(field => new RegExp(`\\r\\n${field}:`, 'i')) })
const answer = (...fields: string[]) => OK.replace('\r\n\r\n', `\r\n${fields.join('\r\n')}\r\n\r\n`)

/** RFC 9110 §7.6: what belongs to one connection only. */
export const HYGIENE: readonly Case[] = [
  client(
    '9110 §7.6.1',
    'fields named by Connection',
    get('Connection: X-Secret, x-other', 'X-Secret: 1', 'X-OTHER: 2', 'X-Third: 3'),
    passed({ ...gone('x-secret', 'x-other'), originHas: ['X-Third: 3'] }),
  ),
  client(
    '9110 §7.6.1',
    'fields named by the second Connection field',
    get('Connection: close', 'Connection: X-Secret', 'X-Secret: 1'),
    passed(gone('x-secret')),
  ),
  client(
    '9110 §7.6.1',
    'a field that comes before Connection names it',
    get('X-Secret: 1', 'Connection: x-secret'),
    passed(gone('x-secret')),
  ),
  client(
    '9110 §7.6.1',
    'Connection itself',
    get('Connection: keep-alive'),
    passed({ originLacks: [/\r\nconnection: [^\r]*x/i] }),
  ),
  ...[
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic eDp5',
    'TE: gzip',
    'Upgrade: x',
    'Proxy-Authentication-Info: x',
    'HTTP2-Settings: AAAA',
  ].map(field =>
    client('9110 §7.6.1', `to the origin: ${field.split(':')[0]}`, get(field), passed(gone(field.split(':')[0]!))),
  ),
  client(
    '9110 §10.1.4',
    'TE: trailers stays',
    get('TE: trailers', 'Connection: TE'),
    passed({ originHas: [/\r\nTE: trailers\r\n/i] }),
  ),
  client(
    '9110 §10.1.4',
    'of TE only trailers stays',
    get('TE: gzip;q=1, trailers', 'Connection: TE'),
    passed({ originLacks: [/te:[^\r]*gzip/i] }),
  ),
  client(
    '9110 §7.6.1',
    'Host cannot be named away',
    get('Connection: Host'),
    passed({ originHas: [/\r\nHost: @?\S/i] }),
  ),
  client(
    '9110 §7.6.1',
    'a length cannot be named away',
    `${post('Connection: Content-Length', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  client(
    '9110 §7.6.1',
    'Via cannot be named away',
    get('Connection: Via', 'Via: 1.1 before'),
    passed({ originHas: [/via: 1\.1 before/i] }),
  ),
  client('3875 §4.1.18', 'Proxy', get('Proxy: http://192.0.2.1/'), passed(gone('proxy'))),
  client('9110 §7.6.3', 'Via is added', get(), passed({ originHas: [/\r\nvia: 1\.1 \S/i] })),
  client('9110 §7.6.3', 'Via of others stays', get('Via: 1.0 a, 1.1 b'), passed({ originHas: [/1\.0 a, 1\.1 b/] })),
  client(
    '9110 §7.6.3',
    'Via says the version received',
    head('GET /@ID HTTP/1.0'),
    passed({ originHas: [/\r\nvia: 1\.0 \S/i] }),
  ),
  origin('9110 §7.6.3', 'answer: Via is added', OK, passed({ clientHas: [/\r\nvia: 1\.1 \S/i] })),
  ...(
    [
      ['fields named by Connection', ['Connection: X-Secret', 'X-Secret: 1'], /\r\nx-secret:/i],
      ['Keep-Alive', ['Keep-Alive: timeout=5'], /\r\nkeep-alive:/i],
      ['Proxy-Authenticate', ['Proxy-Authenticate: Basic'], /\r\nproxy-authenticate:/i],
      ['Proxy-Connection', ['Proxy-Connection: close'], /\r\nproxy-connection:/i],
      ['Upgrade', ['Upgrade: h2c'], /\r\nupgrade:/i],
    ] as const
  ).map(([title, fields, pattern]) =>
    origin('9110 §7.6.1', `to the client: ${title}`, answer(...fields), passed({ clientLacks: [pattern] })),
  ),
  origin(
    '9209 §2',
    'answer: Proxy-Status stays',
    answer('Proxy-Status: a; error=x'),
    passed({ clientHas: ['Proxy-Status: a; error=x'] }),
  ),
  origin(
    '9110 §8',
    'answer: validators, encoding and type stay as they are',
    answer(
      'ETag: W/"x"',
      'Content-Encoding: x-lab',
      'Content-Type: a/b;c="d"',
      'Accept-Ranges: bytes',
      'Date: Mon, 23 Nov 2026 15:00:00 GMT',
    ),
    passed({
      clientHas: [
        'ETag: W/"x"\r\nContent-Encoding: x-lab\r\nContent-Type: a/b;c="d"\r\nAccept-Ranges: bytes\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\n',
      ],
    }),
  ),
  client(
    '9110 §12',
    'Accept-Encoding, Authorization, Cookie, Range, User-Agent stay as they are',
    get('Accept-Encoding: x-lab;q=0', 'Authorization: X y', 'Cookie: a=b; c', 'Range: bytes=0-', 'User-Agent: (x)'),
    passed({
      originHas: [
        'Accept-Encoding: x-lab;q=0\r\nAuthorization: X y\r\nCookie: a=b; c\r\nRange: bytes=0-\r\nUser-Agent: (x)\r\n',
      ],
    }),
  ),
]
