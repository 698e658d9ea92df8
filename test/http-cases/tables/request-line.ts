import { type Case, client, get, HOST, head, passed, refused } from '../case.ts'

const line = (text: string) => `${text}\r\n${HOST}\r\n`
const at = (target: string) => line(`GET ${target} HTTP/1.1`)

/** RFC 9112 §2 and §3: the first line, and where a request goes. */
export const REQUEST_LINE: readonly Case[] = [
  ...(
    [
      ['LF', '\nGET /@ID HTTP/1.1\n', '\n'],
      ['CR LF, one bare LF after the request line', 'GET /@ID HTTP/1.1\n', '\r\n'],
      ['CR CR LF', 'GET /@ID HTTP/1.1\r\r\n', '\r\n'],
      ['CR alone', 'GET /@ID HTTP/1.1\r', '\r\n'],
    ] as const
  ).map(([title, first, end]) =>
    client('9112 §2.2', `line end: ${title}`, `${first}Host: @HOST${end}X-Case: @ID${end}${end}`, refused()),
  ),
  client('9112 §2.2', 'bare LF after a field', `GET /@ID HTTP/1.1\r\nHost: @HOST\nX-Case: @ID\r\n\r\n`, refused()),
  client('9112 §2.2', 'bare LF as the empty line', `GET /@ID HTTP/1.1\r\n${HOST}\n`, refused()),
  client('9112 §2.2', 'LF CR LF as the empty line', `GET /@ID HTTP/1.1\r\n${HOST}\n\r\n`, refused()),
  client('9112 §2.2', 'one empty line before the request', `\r\n${get()}`, passed()),
  client(
    '9112 §2.2',
    'two empty lines between requests',
    `${get()}\r\n\r\n${get()}`,
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  client('9112 §2.2', 'a space before the first field', `GET /@ID HTTP/1.1\r\n ${HOST}\r\n`, refused()),
  client('9112 §2.2', 'a folded line before the first field', `GET /@ID HTTP/1.1\r\n X: y\r\n${HOST}\r\n`, refused()),

  client('9112 §2.3', 'HTTP/0.9', 'GET /@ID\r\n', refused()),
  client(
    '9112 §2.3',
    'HTTP/0.9 after a request',
    [get(), 'GET /@ID\r\n'],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client('9112 §2.3', 'HTTP/0.9 with fields after it', `GET /@ID\r\n${HOST}\r\n`, refused()),
  client('9112 §2.3', 'a space and no version', line('GET /@ID '), refused()),
  ...['HTTP/2.0', 'HTTP/3.0', 'HTTP/0.9', 'HTTP/9.9'].map(version =>
    client('9112 §2.3', version, line(`GET /@ID ${version}`), refused([505, 400])),
  ),
  ...[
    'http/1.1',
    'HTTP/1',
    'HTTP/1.',
    'HTTP/1.10',
    'HTTP/01.1',
    'HTTP/1.1x',
    'HTTP/+1.1',
    'HTTP /1.1',
    'HTTP/1,1',
    'HTTP/1.1\0',

    'HTTP\\1.1',
  ].map(version =>
    client('9112 §2.3', `version ${JSON.stringify(version)}`, line(`GET /@ID ${version}`), refused([400, 505])),
  ),
  client(
    '9112 §2.3',
    'HTTP/1.2 is read as HTTP/1.1',
    line('GET /@ID HTTP/1.2'),
    passed({ originHas: [/^GET \/\S+ HTTP\/1\.1\r/] }),
  ),
  client(
    '9112 §2.3',
    'HTTP/1.0',
    line('GET /@ID HTTP/1.0'),
    passed({ closed: true, originHas: [/^GET \/\S+ HTTP\/1\.1\r/] }),
  ),

  client('9112 §3', 'two spaces after the method', line('GET  /@ID HTTP/1.1'), refused()),
  client('9112 §3', 'two spaces before the version', line('GET /@ID  HTTP/1.1'), refused()),
  client('9112 §3', 'a tab after the method', line('GET\t/@ID HTTP/1.1'), refused()),
  client('9112 §3', 'a tab before the version', line('GET /@ID\tHTTP/1.1'), refused()),
  client('9112 §3', 'a vertical tab before the version', line('GET /@ID\x0bHTTP/1.1'), refused()),
  client('9112 §3', 'a space after the version', line('GET /@ID HTTP/1.1 '), refused()),
  client('9112 §3', 'a space in the target', line('GET /@ID x HTTP/1.1'), refused()),
  client('9112 §3', 'a second version in the target', line('GET /@ID HTTP/1.1 HTTP/1.1'), refused()),

  ...['get', 'Get', 'BREW', 'PROPFIND', 'M-SEARCH', "!#$%&'*+-.^_`|~09", 'PURGE', 'x'.repeat(31)].map(method =>
    client('9112 §3.1', `method ${method}`, line(`${method} /@ID HTTP/1.1`), passed({ originHas: [`${method} /`] })),
  ),
  ...['G@T', 'GE(T', '"GET"', 'GET:', 'G\x80T', 'GE\0T', 'GET/'].map(method =>
    client('9112 §3.1', `method ${JSON.stringify(method)}`, [get(), line(`${method} /@ID HTTP/1.1`)], {
      ...refused(),
      statuses: [200, 400],
      kind: 'passed',
      requests: 1,
    }),
  ),
  client(
    '9112 §3.1',
    'a long method of 60 octets',
    [get(), line(`${'X'.repeat(60)} /@ID HTTP/1.1`)],
    passed({ statuses: [200, 200], requests: 2 }),
  ),
  client('9110 §9.3.6', 'CONNECT', line('CONNECT @HOST:443 HTTP/1.1'), refused([400, 405, 501])),
  client('9110 §9.3.6', 'CONNECT in origin-form', line('CONNECT /@ID HTTP/1.1'), refused([400, 405, 501])),
  client('9110 §9.3.8', 'TRACE', line('TRACE /@ID HTTP/1.1'), passed()),
  client('9110 §9.3.8', 'TRACE with a body', `${head('TRACE /@ID HTTP/1.1', 'Content-Length: 3')}abc`, refused()),

  ...(
    [
      ['8-bit bytes', '/@ID/\xe4\xf6\xfc/\xff'],
      ['UTF-8 bytes', '/@ID/\xc3\xa4'],
      ['characters browsers do not encode', '/@ID/|^`{}<>"\\\'[]'],
      ['percent-encoded, in lower case and needlessly', '/@ID/%7euser%2f%2E%2e/%00'],
      ['invalid percent-encoding', '/@ID/%zz%'],
      ['dot segments', '/@ID/a/../b/./c'],
      ['two slashes at its beginning', '//@ID//x'],
      ['an empty query', '/@ID?'],
      ['question marks in the query', '/@ID?a=b?c=d&&=;'],
      ['a colon at its beginning', '/:80/@ID'],
      ['an address in the query', '/@ID?u=http://other.example/'],
      ['8 kB', `/@ID/${'x'.repeat(8_000)}`],
      ['32 kB', `/@ID/${'x'.repeat(32_700)}`],
    ] as const
  ).map(([title, target]) =>
    client('9112 §3.2.1', `target: ${title}`, at(target), passed({ originHas: [`${target} HTTP/1.1\r\n`] })),
  ),
  client('9112 §3', 'target of 40 kB', at(`/@ID/${'x'.repeat(40_000)}`), refused(414)),
  client('9112 §3', 'target of 200 kB without an end', `GET /${'x'.repeat(200_000)}`, refused([414, 431])),
  ...(
    [
      ['a fragment', '/@ID#x'],
      ['NUL', '/@ID\0x'],
      ['ESC', '/@ID\x1b[0m'],
      ['DEL', '/@ID\x7f'],
      ['a bare CR', '/@ID\rx'],
      ['no slash', '@ID'],
      ['a question mark first', '?@ID'],
      ['a backslash first', '\\@ID'],
      ['*', '*'],
      ['authority-form with GET', '@HOST:80'],
    ] as const
  ).map(([title, target]) =>
    client('9112 §3.2', `target: ${title}`, [get(), at(target)], {
      ...refused(),
      kind: 'passed',
      statuses: [200, 400],
      requests: 1,
    }),
  ),

  client('9112 §3.2.2', 'absolute-form', at('@SCHEME://@HOST/@ID?q'), passed({ originHas: [/^GET \/\S+\?q HTTP/] })),
  client(
    '9112 §3.2.2',
    'absolute-form, scheme and host in capitals',
    at('@SCHEME_CAPS://@HOST_CAPS/@ID'),
    passed({ originHas: [/^GET \/\S+ HTTP/] }),
  ),
  client('9112 §3.2.2', 'absolute-form with its default port', at('@SCHEME://@HOST:@PORT/@ID'), passed()),
  client(
    '9112 §3.2.2',
    'absolute-form without a path',
    head('GET @SCHEME://@HOST HTTP/1.1'),
    passed({ originHas: [/^GET \/ HTTP/] }),
  ),
  client(
    '9112 §3.2.2',
    'absolute-form with a query and no path',
    head('GET @SCHEME://@HOST?@ID HTTP/1.1'),
    passed({ originHas: [/^GET \/\?\S+ HTTP/] }),
  ),
  client('9112 §3.2.2', 'absolute-form against Host', at('@SCHEME://other.example/@ID'), refused([400, 421])),
  client('9112 §3.2.2', 'absolute-form, port against Host', at('@SCHEME://@HOST:8080/@ID'), refused([400, 421])),
  client(
    '9112 §3.2.2',
    'absolute-form without Host',
    'GET @SCHEME://@HOST/@ID HTTP/1.1\r\nX-Case: @ID\r\n\r\n',
    refused(),
  ),
  client('9112 §3.2.2', 'absolute-form with userinfo', at('@SCHEME://user:pass@@HOST/@ID'), refused()),
  client('9112 §3.2.2', 'absolute-form with an empty host', at('@SCHEME:///@ID'), refused()),
  ...['ftp', 'file', 'javascript', 'ws'].map(scheme =>
    client('9112 §3.2.2', `absolute-form with ${scheme}:`, [get(), at(`${scheme}://@HOST/@ID`)], {
      ...refused(),
      kind: 'passed',
      statuses: [200, [400, 421]],
      requests: 1,
    }),
  ),
  client('9112 §3.2.4', 'OPTIONS *', line('OPTIONS * HTTP/1.1'), passed({ originHas: ['OPTIONS * HTTP/1.1\r\n'] })),
  client(
    '9112 §3.2.4',
    'OPTIONS absolute-form without a path',
    line('OPTIONS @SCHEME://@HOST HTTP/1.1'),
    passed({ originHas: ['OPTIONS * HTTP/1.1\r\n'] }),
  ),
  client('9112 §3.2.4', 'OPTIONS of a path', line('OPTIONS /@ID HTTP/1.1'), passed({ originHas: ['OPTIONS /'] })),
]
