import { type Case, chunked, client, get, passed, post, refusedBody, SMUGGLED } from '../case.ts'

const bad = (section: string, title: string, body: string): Case =>
  client(section, title, chunked(body + SMUGGLED), refusedBody())
const good = (section: string, title: string, body: string, originBody: string, trailers?: string): Case =>
  client(
    section,
    title,
    chunked(body),
    passed({ originBody, ...(trailers === undefined ? {} : { originHas: [trailers] }) }),
  )

const END = '0\r\n\r\n'

/** RFC 9112 §7: chunked bodies of requests. */
export const CHUNKS: readonly Case[] = [
  ...(
    [
      '0x3',
      '+3',
      '-3',
      '3 3',
      ' 3',
      '\t3',
      '3 ',
      '3\t',
      '3_',
      'g',
      '',
      'three',
      '3.',
      '"3"',
      '3,',
      '3\0',
      '\xb3',
      '3\x0b',
      'ffffffffffffffff',
      '10000000000000003',
      '20000000000000',
      `${'0'.repeat(20_000)}3`,
    ] as const
  ).map(size =>
    bad(
      '9112 §7.1',
      `chunk size ${JSON.stringify(size.length > 30 ? '20,000 zeros' : size)}`,
      `${size}\r\nabc\r\n${END}`,
    ),
  ),
  ...(
    [
      ['bare LF after the size', `3\nabc\r\n${END}`],
      ['bare CR after the size', `3\rabc\r\n${END}`],
      ['CR CR LF after the size', `3\r\r\nabc\r\n${END}`],
      ['bare LF after the data', `3\r\nabc\n${END}`],
      ['no CRLF after the data', `3\r\nabc${END}`],
      ['data longer than its size', `3\r\nabcd\r\n${END}`],
      ['two other bytes after the data', `3\r\nabcXX${END}`],
      ['a size right after the data', '3\r\nabc0\r\n\r\n'],
      ['data shorter than its size', `5\r\nabc\r\n${END}`],
      ['an empty line before a size', `3\r\nabc\r\n\r\n${END}`],
      ['bare LF after the last chunk', `3\r\nabc\r\n0\n\r\n`],
      ['bare LF at the end', `3\r\nabc\r\n0\r\n\n`],
      ['CR and another byte at the end', '3\r\nabc\r\n0\r\n\rX'],
      ['a negative last chunk', '3\r\nabc\r\n-0\r\n\r\n'],
    ] as const
  ).map(([title, body]) => bad('9112 §7.1', title, body)),
  good('9112 §7.1', 'one chunk', `3\r\nabc\r\n${END}`, 'abc'),
  good('9112 §7.1', 'many chunks', `${'1\r\nx\r\n'.repeat(500)}${END}`, 'x'.repeat(500)),
  good('9112 §7.1', 'no data', END, ''),
  good('9112 §7.1', 'sizes in capitals', `A\r\n0123456789\r\n${END}`, '0123456789'),
  good('9112 §7.1', 'a few leading zeros', `00000003\r\nabc\r\n000\r\n\r\n`, 'abc'),
  good('9112 §7.1', 'CRLF in the data', `8\r\na\r\n0\r\n\r\n\r\n${END}`, 'a\r\n0\r\n\r\n'),
  client(
    '9112 §7.1',
    'byte by byte',
    [post('Transfer-Encoding: chunked'), { drip: `3\r\nabc\r\n${END}` }],
    passed({ originBody: 'abc' }),
  ),
  client(
    '9112 §7.1',
    'the next request after a chunked body',
    chunked(`3\r\nabc\r\n${END}`) + get(),
    passed({ statuses: [200, 200], requests: 2 }),
  ),

  ...(
    [
      ['a name', '3;a'],
      ['name and value', '3;a=b'],
      ['a quoted value', '3;a="b;c \\" d"'],
      ['several', '3;a;b=c;d="e"'],
      ['blanks round it', '3 ; a = b'],
    ] as const
  ).map(([title, size]) => {
    const trial = good('9112 §7.1.1', `extension: ${title}`, `${size}\r\nabc\r\n${END}`, 'abc')
    return trial
  }),
  ...(
    [
      ['no name', '3;'],
      ['no name before the value', '3;=b'],
      ['no value', '3;a='],
      ['bare LF', '3;a\nabc\r\n0\r\n\r\nX'],
      ['bare CR', '3;a\rb'],
      ['NUL', '3;a\0b'],
      ['ESC', '3;a=\x1b'],
      ['an open quote', '3;a="b'],
      ['CRLF in quotes', '3;a="\r\n"'],
      ['a bare LF in quotes', '3;a="\n"'],
      ['two semicolons', '3;;a'],
      ['no semicolon', '3 a'],
      ['8-bit bytes in a name', '3;\xff'],
    ] as const
  ).map(([title, size]) => bad('9112 §7.1.1', `extension: ${title}`, `${size}\r\nabc\r\n${END}`)),

  good('9112 §7.1.2', 'a trailer', '3\r\nabc\r\n0\r\nX-T: v\r\n\r\n', 'abc', 'X-T: v\r\n'),
  good(
    '9112 §7.1.2',
    'two trailers, with blanks',
    '3\r\nabc\r\n0\r\nX-T:v \r\nx-u:\t w\r\n\r\n',
    'abc',
    'X-T: v\r\nx-u: w\r\n',
  ),
  ...(
    [
      ['a space before the colon', 'X-T : v\r\n'],
      ['a fold', 'X-T: v\r\n w\r\n'],
      ['bare LF', 'X-T: v\n'],
      ['bare CR', 'X-T: v\rw\r\n'],
      ['NUL', 'X-T: \0\r\n'],
      ['no colon', 'X-T\r\n'],
      ['no name', ': v\r\n'],
      ['a name that is no token', 'X(T): v\r\n'],
      ['200 kB', `X-T: ${'v'.repeat(200_000)}\r\n`],
      ['5,000 lines', 'X: v\r\n'.repeat(5000)],
    ] as const
  ).map(([title, trailer]) => bad('9112 §7.1.2', `trailer: ${title}`, `3\r\nabc\r\n0\r\n${trailer}\r\n`)),
  ...(
    [
      'Content-Length: 7',
      'Transfer-Encoding: chunked',
      'Host: other.example',
      'Authorization: Basic eDp5',
      'Connection: close',
      'Max-Forwards: 0',
      'Trailer: X-T',
      'Expect: 100-continue',
      'Proxy-Authorization: Basic eDp5',
      'TE: gzip',
      'Upgrade: websocket',
      'Content-Encoding: gzip',
      'Content-Type: text/html',
      'Content-Range: bytes 0-1/2',
      'Cookie: a=b',
      'Range: bytes=0-1',
      'If-Match: *',
      'Cache-Control: no-store',
      'X-Forwarded-For: 192.0.2.1',
      'Via: 1.1 x',
    ] as const
  ).map(field =>
    client(
      '9110 §6.5.1',
      `trailer that must not go on: ${field.split(':')[0]}`,
      chunked(`3\r\nabc\r\n0\r\nX-T: v\r\n${field}\r\n\r\n`),
      passed({ originBody: 'abc', originLacks: [new RegExp(`abc[^]*${field.split(':')[0]}`, 'i')] }),
    ),
  ),
]
