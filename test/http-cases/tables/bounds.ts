import { badOrigin, type Case, chunked, client, cut, get, origin, passed, refused, refusedBody } from '../case.ts'

const chunks = (body: string) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`
const END = '0\r\n\r\n'

/** What costs much and says nothing: overhead without end. */
export const BOUNDS: readonly Case[] = [
  client(
    '9112 §2.2',
    '2,000 empty lines before the request',
    [get(), '\r\n'.repeat(2000) + get()],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client(
    '9112 §2.2',
    'empty lines, one at a time',
    [get(), ...Array.from({ length: 40 }, () => ['\r\n', 10]).flat(), get()],
    passed({ statuses: [200, 400], closed: true }),
  ),
  client(
    '9112 §7.1.1',
    'a chunk extension of 100 kB',
    chunked(`1;${'a'.repeat(100_000)}\r\nx\r\n${END}`),
    refusedBody(),
  ),
  client(
    '9112 §7.1.1',
    'a chunk extension without an end',
    [chunked('1;'), ...Array.from({ length: 20 }, () => 'a'.repeat(5000))],
    refusedBody(),
  ),
  client(
    '9112 §7.1.1',
    'an extension of 1 kB on each of 100 chunks',
    chunked(`1;${'a'.repeat(1000)}\r\nx\r\n`.repeat(100) + END),
    refusedBody(),
  ),
  client('9112 §7.1', 'zeros without an end', [chunked('0'), '0'.repeat(100_000)], refusedBody()),
  client(
    '9112 §7.1',
    '15 leading zeros on each of 20,000 chunks',
    chunked(`${'0'.repeat(15)}1\r\nx\r\n`.repeat(20_000) + END),
    refusedBody(),
  ),
  client(
    '9112 §7.1',
    '20,000 chunks of one byte',
    chunked('1\r\nx\r\n'.repeat(20_000) + END),
    passed({ originBody: 'x'.repeat(20_000) }),
  ),
  client('9112 §7.1.2', 'trailers without an end', [chunked('0\r\n'), 'X-T: v\r\n'.repeat(20_000)], refusedBody()),
  client('9112 §3', 'a first line without an end', [get(), 'X'.repeat(200_000)], {
    ...refused(),
    kind: 'passed',
    statuses: [200, [400, 414, 431]],
    requests: 1,
  }),
  client('9112 §5', 'a field name of 200 kB', get(`${'X'.repeat(200_000)}: y`), refused([431, 400])),
  client(
    '9112 §9.3.2',
    '200 pipelined requests',
    get().repeat(200),
    passed({ statuses: Array(200).fill(200), requests: 200 }),
  ),
  origin(
    '9112 §7.1.1',
    'answer: a chunk extension of 100 kB',
    chunks(`5\r\nfirst\r\n1;${'a'.repeat(100_000)}\r\nx\r\n${END}`),
    cut(),
  ),
  origin(
    '9112 §7.1.1',
    'answer: an extension of 1 kB on each of 100 chunks',
    chunks(`5\r\nfirst\r\n${`1;${'a'.repeat(1000)}\r\nx\r\n`.repeat(100)}${END}`),
    cut(),
  ),
  origin('9112 §7.1', 'answer: zeros without an end', [chunks('5\r\nfirst\r\n0'), '0'.repeat(100_000)], cut()),
  origin(
    '9112 §7.1',
    'answer: 20,000 chunks of one byte',
    chunks('1\r\nx\r\n'.repeat(20_000) + END),
    passed({ body: 'x'.repeat(20_000) }),
  ),
  origin(
    '9112 §7.1.2',
    'answer: trailers without an end',
    chunks(`5\r\nfirst\r\n0\r\n${'X-T: v\r\n'.repeat(20_000)}`),
    cut(),
  ),
  origin('9112 §4', 'answer: a reason without an end', `HTTP/1.1 200 ${'x'.repeat(300_000)}`, badOrigin()),
  origin('9112 §5', 'answer: fields without an end', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(40_000)}`, badOrigin()),
  origin('9110 §15.2', 'answer: 2,000 interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2000), badOrigin()),
]
