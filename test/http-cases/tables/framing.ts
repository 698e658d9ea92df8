import { type Case, chunked, client, get, head, passed, post, refused, SMUGGLED } from '../case.ts'

const framed = (body: string, ...fields: string[]) => post(...fields) + body
const CHUNKS = '3\r\nabc\r\n0\r\n\r\n'

/** RFC 9112 §6: where a request's body ends. What two readers could read differently is refused. */
export const FRAMING: readonly Case[] = [
  client(
    '9112 §6.1',
    'a chunked body whose coding Connection names',
    framed(CHUNKS, 'Connection: transfer-encoding', 'Transfer-Encoding: chunked'),
    passed({ originBody: 'abc' }),
  ),
  ...(
    [
      ['Content-Length first', ['Content-Length: 6', 'Transfer-Encoding: chunked']],
      ['Transfer-Encoding first', ['Transfer-Encoding: chunked', 'Content-Length: 6']],
      ['Content-Length: 0', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
      ['names in odd case', ['content-LENGTH: 6', 'tRANSFER-encoding: CHUNKED']],
      ['Transfer-Encoding: identity', ['Content-Length: 6', 'Transfer-Encoding: identity']],
      [
        'the length named in Connection',
        ['Connection: content-length', 'Content-Length: 6', 'Transfer-Encoding: chunked'],
      ],
    ] as const
  ).map(([title, fields]) =>
    client('9112 §6.1', `both lengths: ${title}`, framed(`0\r\n\r\n${SMUGGLED}`, ...fields), refused()),
  ),
  ...(
    [
      'xchunked',
      'chunkedx',
      'chunked,',
      ',chunked',
      'chunked, chunked',
      'chunked, identity',
      'identity',
      'identity, chunked',
      'gzip',
      'gzip, chunked',
      'chunked, gzip',
      'deflate, chunked',
      '"chunked"',
      "'chunked'",
      'chunked;q=1',
      'chunked ; x',
      'chun ked',
      'chunk',
      '\x0bchunked',
      'chunked\x0c',
      '\0chunked',
      'chunked\0',
      '\x00',
      '',
      ' ',
      'x, chunked',
      'chunked\xa0',
      'chun\u212aed'.replace('\u212a', '\xe2\x84\xaa'),
    ] as const
  ).map(value =>
    client(
      '9112 §6.1',
      `Transfer-Encoding: ${JSON.stringify(value)}`,
      framed(`0\r\n\r\n${SMUGGLED}`, `Transfer-Encoding: ${value}`),
      refused([400, 501]),
    ),
  ),
  ...['Chunked', 'CHUNKED', 'chunked \t', '\t chunked'].map(value =>
    client(
      '9112 §6.1',
      `Transfer-Encoding: ${JSON.stringify(value)} is chunked`,
      framed(CHUNKS, `Transfer-Encoding: ${value}`),
      passed({ originBody: 'abc' }),
    ),
  ),
  client(
    '9112 §6.1',
    'two Transfer-Encodings',
    framed(`0\r\n\r\n${SMUGGLED}`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
    refused(),
  ),
  client(
    '9112 §6.1',
    'two equal Transfer-Encodings',
    framed(CHUNKS, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    refused(),
  ),
  client(
    '9112 §6.1',
    'Transfer-Encoding in HTTP/1.0',
    head('POST /@ID HTTP/1.0', 'Transfer-Encoding: chunked') + CHUNKS,
    refused(),
  ),
  client(
    '9112 §6.1',
    'Transfer_Encoding is another field',
    framed('abc', 'Content-Length: 3', 'Transfer_Encoding: chunked'),
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.1',
    'Content_Length is another field',
    framed('abc', 'Content-Length: 3', 'Content_Length: 1'),
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.1',
    'GET with a chunked body',
    head('GET /@ID HTTP/1.1', 'Transfer-Encoding: chunked') + CHUNKS,
    passed({ originBody: 'abc' }),
  ),

  ...(
    [
      '+3',
      '-3',
      '-0',
      '3_0',
      '0x3',
      '3 ,3',
      '3,3',
      '3, 3',
      '3,4',
      '3.0',
      '3e0',
      '3;',
      '3 3',
      '"3"',
      'three',
      '',
      '\x0b3',
      '3\x0c',
      '3\0',
      '\xa03',
      '\xd9\xa3',
      'NaN',
      'Infinity',
      '18446744073709551619',
      '9007199254740993',
      '1'.repeat(400),
    ] as const
  ).map(value =>
    client(
      '9112 §6.2',
      `Content-Length: ${JSON.stringify(value.length > 30 ? `${value.slice(0, 9)}…` : value)}`,
      framed(`abc${SMUGGLED}`, `Content-Length: ${value}`),
      refused([400, 413]),
    ),
  ),
  client('9112 §6.2', 'two Content-Lengths', framed('abcdef', 'Content-Length: 3', 'Content-Length: 6'), refused()),
  client('9112 §6.2', 'two equal Content-Lengths', framed('abc', 'Content-Length: 3', 'Content-Length: 3'), refused()),
  client(
    '9112 §6.2',
    'Content-Length twice, in odd case',
    framed('abc', 'Content-Length: 3', 'CONTENT-LENGTH: 0'),
    refused(),
  ),
  client(
    '9112 §6.2',
    'leading zeros',
    framed('abc', 'Content-Length: 0000000000003'),
    passed({ originBody: 'abc', originHas: [/\r\nContent-Length: 3\r\n/i] }),
  ),
  client(
    '9112 §6.2',
    'blanks round the length',
    framed('abc', 'Content-Length: \t 3 \t'),
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.2',
    'GET with a body',
    `${head('GET /@ID HTTP/1.1', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.2',
    'DELETE with a body',
    `${head('DELETE /@ID HTTP/1.1', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.2',
    'HEAD with a body',
    `${head('HEAD /@ID HTTP/1.1', 'Content-Length: 3')}abc`,
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §6.2',
    'POST without a body',
    post('Content-Length: 0'),
    passed({ originBody: '', originHas: [/content-length: 0/i] }),
  ),
  client('9112 §6.3', 'POST without any length has no body', post(), passed({ originBody: '' })),
  client(
    '9112 §6.3',
    'the next request after a body',
    framed('abc', 'Content-Length: 3') + get(),
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  client(
    '9112 §6.3',
    'a body that reads like a request',
    framed(
      SMUGGLED.replace('@ID', '000').replace('@HOST', 'x'),
      `Content-Length: ${SMUGGLED.replace('@ID', '000').replace('@HOST', 'x').length}`,
    ),
    passed(),
  ),
  client(
    '9112 §6.3',
    'bytes after the body that are no request',
    [framed('abc', 'Content-Length: 3'), 300, '\x01\x02\x03\r\n'],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client('9112 §8', 'a body cut off', [framed('abc', 'Content-Length: 10'), 'FIN'], {
    kind: 'refused',
    statuses: [400],
    requests: 'cut',
    closed: true,
    originClosed: true,
  }),
  client('9112 §8', 'a chunked body cut off', [chunked('3\r\nabc\r\n'), 'FIN'], {
    kind: 'refused',
    statuses: [400],
    requests: 'cut',
    closed: true,
    originClosed: true,
  }),
  client('9112 §8', 'a body cut off by a reset', [framed('abc', 'Content-Length: 10'), 200, 'RST'], {
    kind: 'refused',
    statuses: [400],
    requests: 'cut',
    closed: true,
    originClosed: true,
  }),
  client('9112 §8', 'a head cut off', [get().slice(0, -2), 'FIN'], refused()),
]
