import { badOrigin, both, type Case, cut, get, head, OK, origin, passed } from '../case.ts'

const ok = (body: string, ...fields: string[]) =>
  `HTTP/1.1 200 OK\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n${body}`
const chunks = (body: string, ...fields: string[]) => ok(body, 'Transfer-Encoding: chunked', ...fields)
const END = '0\r\n\r\n'
/** An answer of the origin's that must never be anybody's. */
const SPLIT = 'HTTP/1.1 203 Split\r\nContent-Length: 5\r\n\r\nsplit'
const CLEAN = { clientLacks: ['split', '203'] }

/** RFC 9112 §4, §6 and §7 from the origin's side: 502, or a visible cut. */
export const RESPONSES: readonly Case[] = [
  ...(
    [
      ['garbage', '\0\x01\x02\r\n\r\n'],
      ['HTTP/0.9', '<html>hello</html>\r\n\r\n'],
      ['lower-case http', 'http/1.1 200 OK\r\n\r\n'],
      ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'],
      ['ICY', 'ICY 200 OK\r\n\r\n'],
      ['no status', 'HTTP/1.1\r\n\r\n'],
      ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
      ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
      ['a status with a sign', 'HTTP/1.1 +20 OK\r\n\r\n'],
      ['status 099', 'HTTP/1.1 099 OK\r\n\r\n'],
      ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n'],
      ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
      ['a tab before the status', 'HTTP/1.1\t200 OK\r\n\r\n'],
      ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n'],
      ['a bare CR in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n'],
      ['a bare LF after the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
      ['bare LFs only', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
      ['an empty line before it', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
      ['a space before it', ' HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ] as const
  ).map(([title, text]) => origin('9112 §4', title, text, badOrigin())),
  origin('9112 §4', 'a head cut off', ['HTTP/1.1 200 OK\r\nContent-Le', 'FIN'], badOrigin()),
  origin('9112 §4', 'nothing at all', ['FIN'], badOrigin({ requests: 'any' })),
  origin('9112 §4', 'a reset instead of an answer', ['RST'], badOrigin({ requests: 'any' })),
  origin('9112 §4', 'a reset in the head', ['HTTP/1.1 200 OK\r\n', 100, 'RST'], badOrigin()),
  ...(
    [
      ['no reason', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', 200],
      ['no reason and no space', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 200],
      ['a reason with obs-text', 'HTTP/1.1 200 \xe4\xff ok\r\nContent-Length: 2\r\n\r\nok', 200],
      ['a long reason', `HTTP/1.1 200 ${'x'.repeat(2000)}\r\nContent-Length: 2\r\n\r\nok`, 200],
      ['status 299', 'HTTP/1.1 299 X\r\nContent-Length: 2\r\n\r\nok', 299],
      ['status 799', 'HTTP/1.1 799 X\r\nContent-Length: 2\r\n\r\nok', 799],
      ['status 451', 'HTTP/1.1 451 X\r\nContent-Length: 2\r\n\r\nok', 451],
      ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 200],
      ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok', 200],
    ] as const
  ).map(([title, text, status]) =>
    origin('9112 §4', title, text, passed({ statuses: [status], body: 'ok', clientHas: [/^HTTP\/1\.1 /] })),
  ),
  origin(
    '9112 §4',
    'the reason phrase stays',
    'HTTP/1.1 200 Fine By Me\r\nContent-Length: 2\r\n\r\nok',
    passed({ clientHas: [/^HTTP\/1\.1 200 Fine By Me\r\n/] }),
  ),

  ...(
    [
      ['a space before the colon', 'X-A : b'],
      ['a space before the colon of a length', 'Content-Length : 2'],
      ['a fold', 'X-A: b\r\n c'],
      ['a fold of the length', 'Content-Length:\r\n 2'],
      ['no colon', 'X-A'],
      ['no name', ': b'],
      ['NUL in a value', 'X-A: b\0'],
      ['a bare CR in a value', 'X-A: b\rSet-Cookie: x=y'],
      ['a bare LF in a value', 'X-A: b\nSet-Cookie: x=y'],
      ['ESC in a value', 'X-A: \x1b[0m'],
      ['8-bit bytes in a name', 'X-\xe4: b'],
      ['a space in a name', 'X A: b'],
      ['3,000 fields', 'X-A: b\r\n'.repeat(3000).slice(0, -2)],
      ['a field of 1 MB', `X-A: ${'v'.repeat(1_000_000)}`],
    ] as const
  ).map(([title, field]) => origin('9112 §5', title, ok('ok', field, 'Content-Length: 2'), badOrigin())),
  ...(
    [
      ['both lengths', ['Content-Length: 6', 'Transfer-Encoding: chunked']],
      ['both lengths, the other way round', ['Transfer-Encoding: chunked', 'Content-Length: 6']],
      ['two lengths', ['Content-Length: 5', 'Content-Length: 2']],
      ['two equal lengths', ['Content-Length: 5', 'Content-Length: 5']],
      ...['+5', '-5', '5_0', '0x5', '5, 5', '5,6', '5.0', '', '"5"', '5 5', '5\0', '18446744073709551617'].map(
        v => [`Content-Length: ${JSON.stringify(v)}`, [`Content-Length: ${v}`]] as const,
      ),
      ...[
        'gzip',
        'gzip, chunked',
        'chunked, chunked',
        'chunked, gzip',
        'identity',
        'xchunked',
        '"chunked"',
        'chunked;q=1',
        '',
        '\x0bchunked',
      ].map(v => [`Transfer-Encoding: ${JSON.stringify(v)}`, [`Transfer-Encoding: ${v}`]] as const),
      ['two Transfer-Encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip']],
    ] as const
  ).map(([title, fields]) => origin('9112 §6', title, ok(`${END}${SPLIT}`, ...fields), badOrigin(CLEAN))),
  origin(
    '9112 §6.1',
    'Transfer-Encoding in HTTP/1.0',
    `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n${END}`,
    badOrigin(),
  ),
  origin('9112 §6.1', 'CHUNKED', ok(`2\r\nok\r\n${END}`, 'Transfer-Encoding: CHUNKED'), passed({ body: 'ok' })),
  origin('9112 §6.2', 'leading zeros', ok('ok', 'Content-Length: 0002'), passed({ body: 'ok' })),

  origin('9112 §6.3', 'a body until close', [ok('ok'), 100, ' and more', 'FIN'], passed({ body: 'ok and more' })),
  origin('9112 §6.3', 'a body until close in HTTP/1.0', ['HTTP/1.0 200 OK\r\n\r\nok', 'FIN'], passed({ body: 'ok' })),
  origin(
    '9112 §6.3',
    'a body until close for HTTP/1.0',
    [ok('ok'), 'FIN'],
    passed({ closed: true, clientHas: [/\r\n\r\nok$/] }),
    head('GET /@ID HTTP/1.0'),
  ),
  origin('9112 §8', 'a body until close that ends in a reset', [ok('ok'), 200, 'RST'], cut()),
  origin('9112 §8', 'a body shorter than its length', [ok('ok', 'Content-Length: 10'), 100, 'FIN'], cut()),
  origin('9112 §8', 'a body shorter than its length, reset', [ok('ok', 'Content-Length: 10'), 200, 'RST'], cut()),
  origin('9112 §8', 'a chunked body without its last chunk', [chunks('2\r\nok\r\n'), 100, 'FIN'], cut()),
  origin('9112 §8', 'a chunked body cut in a chunk', [chunks('a\r\nok'), 100, 'FIN'], cut()),
  origin('9112 §8', 'a chunked body cut in its size', [chunks('2\r\nok\r\n1'), 100, 'FIN'], cut()),
  origin('9112 §8', 'a chunked body cut before its last CRLF', [chunks('2\r\nok\r\n0\r\n'), 100, 'FIN'], cut()),
  origin('9112 §8', 'a chunked body cut in its trailers', [chunks('2\r\nok\r\n0\r\nX-T: '), 100, 'FIN'], cut()),
  origin(
    '9112 §8',
    'a chunked body cut off, for HTTP/1.0',
    [chunks('2\r\nok\r\n'), 200, 'RST'],
    { ...cut(), kind: 'cut', statuses: [200] },
    head('GET /@ID HTTP/1.0'),
  ),

  ...[
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    OK,
  ].map(text => {
    const status = Number(text.slice(9, 12))
    const title = `an answer after ${text.split('\r\n').slice(0, 2).join(', ').slice(9)}`
    return both(
      '9112 §6.3',
      title,
      [get(), 400, get()],
      [text + SPLIT, OK],
      passed({ statuses: [status, 200], requests: 2, connections: 2, body: 'ok', ...CLEAN }),
    )
  }),
  both(
    '9112 §6.3',
    'a body after HEAD',
    [head('HEAD /@ID HTTP/1.1'), 400, get()],
    [ok(SPLIT, `Content-Length: ${SPLIT.length}`), OK],
    passed({ statuses: [200, 200], requests: 2, connections: 2, body: 'ok', ...CLEAN }),
  ),
  both(
    '9112 §6.3',
    'an answer after chunks',
    [get(), 400, get()],
    [chunks(END + SPLIT), OK],
    passed({ statuses: [200, 200], requests: 2, connections: 2, body: 'ok', ...CLEAN }),
  ),
  both(
    '9112 §6.3',
    'a late answer on an idle connection',
    [get(), 600, get()],
    [[OK, 200, SPLIT], OK],
    passed({ statuses: [200, 200], requests: 2, connections: 2, body: 'ok', ...CLEAN }),
  ),
  both(
    '9112 §6.3',
    'a late byte after 204',
    [get(), 600, get()],
    [['HTTP/1.1 204 No Content\r\n\r\n', 200, '\n'], OK],
    passed({ statuses: [204, 200], requests: 2, body: 'ok' }),
  ),
  both(
    '9112 §6.3',
    'bytes after the length do not go on',
    get(),
    [ok(`ok${SPLIT}`, 'Content-Length: 2')],
    passed({ body: 'ok', originClosed: true, ...CLEAN }),
  ),
  origin(
    '9110 §15.3.5',
    '204 has no length',
    'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    passed({ statuses: [204], clientLacks: [/content-length/i, /transfer-encoding/i] }),
  ),
  origin(
    '9110 §15.4.5',
    '304 to a condition',
    'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    passed({ statuses: [304], clientHas: ['"x"'] }),
    get('If-None-Match: "x"'),
  ),
  origin('9110 §15.3.6', '205', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', passed({ statuses: [205] })),
  origin(
    '9110 §15.3.7',
    '206',
    'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/4\r\nContent-Length: 2\r\n\r\nok',
    passed({ statuses: [206], body: 'ok' }),
    get('Range: bytes=0-1'),
  ),

  ...(
    [
      ['chunk size "0x2"', '0x2\r\nok\r\n'],
      ['chunk size "+2"', '+2\r\nok\r\n'],
      ['chunk size "2 "', '2 \r\nok\r\n'],
      ['chunk size "2_"', '2_\r\nok\r\n'],
      ['chunk size "-2"', '-2\r\nok\r\n'],
      ['an empty chunk size', '\r\nok\r\n'],
      ['a chunk size of 17 digits', '00000000000000002\r\nok\r\n'],
      ['bare LF after a size', '2\nok\r\n'],
      ['bare LF after the data', '2\r\nok\n'],
      ['no CRLF after the data', '2\r\nok'],
      ['a chunk longer than its size', '2\r\nokay\r\n'],
      ['a bare LF in an extension', '2;a\nok\r\n'],
      ['NUL in an extension', '2;\0\r\nok\r\n'],
    ] as const
  ).map(([title, body]) => origin('9112 §7.1', title, chunks(`5\r\nfirst\r\n${body}${END}`), cut())),
  ...(
    [
      ['a space before the colon', 'X-T : v\r\n'],
      ['a fold', 'X-T: v\r\n w\r\n'],
      ['a bare LF', 'X-T: v\n'],
      ['NUL', 'X-T: \0\r\n'],
      ['200 kB', `X-T: ${'v'.repeat(200_000)}\r\n`],
    ] as const
  ).map(([title, trailer]) =>
    origin('9112 §7.1.2', `trailer: ${title}`, chunks(`5\r\nfirst\r\n0\r\n${trailer}\r\n`), cut()),
  ),
  origin(
    '9112 §7.1',
    'many small chunks',
    chunks(`${'1\r\nx\r\n'.repeat(2000)}${END}`),
    passed({ body: 'x'.repeat(2000) }),
  ),
  origin(
    '9112 §7.1',
    'a chunk that comes byte by byte',
    [chunks(''), { drip: `5\r\nhello\r\n${END}` }],
    passed({ body: 'hello' }),
  ),
  origin(
    '9112 §7.1.1',
    'extensions go no further',
    chunks(`2;a="b";c\r\nok\r\n${END}`),
    passed({ body: 'ok', clientLacks: [';c'] }),
  ),
  origin(
    '9112 §7.1.2',
    'trailers',
    chunks('2\r\nok\r\n0\r\nX-T: v\r\nx-u: w\r\n\r\n', 'Trailer: X-T, x-u'),
    passed({ body: 'ok', trailers: 'X-T: v\r\nx-u: w\r\n', clientHas: ['Trailer: X-T, x-u\r\n'] }),
  ),
  ...[
    'Content-Length: 7',
    'Transfer-Encoding: chunked',
    'Set-Cookie: a=b',
    'Connection: close',
    'Content-Encoding: gzip',
    'Content-Type: text/html',
    'Cache-Control: no-store',
    'Location: /x',
    'Content-Security-Policy: none',
    'Strict-Transport-Security: max-age=0',
  ].map(field =>
    origin(
      '9110 §6.5.1',
      `trailer that must not go on: ${field.split(':')[0]}`,
      chunks(`2\r\nok\r\n0\r\nX-T: v\r\n${field}\r\n\r\n`),
      passed({ body: 'ok', clientLacks: [new RegExp(`\\r\\n0\\r\\n[^]*${field.split(':')[0]}:`, 'i')] }),
    ),
  ),
]
