import type { AddressInfo } from 'node:net'
import net from 'node:net'
import zlib from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import type { Fetcher, FetchRequest } from '../../../../src/tls/fetch/fetch.ts'
import { NotAsked, type Resolve } from '../../../../src/tls/fetch/resolve.ts'
import { parseFetchUrl } from '../../../../src/tls/fetch/target.ts'
import { loopbackFetcher, type Web, web } from '../revocation/answers.ts'

type Outcome = { error: string | null; body: Buffer | null }

function get(fetcher: Fetcher, url: string, more: Partial<FetchRequest> = {}): Promise<Outcome> {
  const request = {
    url,
    method: 'GET',
    body: null,
    contentType: null,
    maxBytes: 1000,
    timeMs: 60_000,
    ...more,
  } as const
  return new Promise(resolve => {
    fetcher.fetch(request, (error, body) => resolve({ error, body }))
  })
}

async function serve(t: ExecutionContext, answer?: Web['answer']): Promise<Web> {
  const it = await web(answer)
  t.teardown(it.close)
  return it
}

/** Says `head` to whoever connects, then whatever `then` does. */
async function raw(t: ExecutionContext, head: string, then?: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(head)
      if (then) then(socket)
      else socket.end()
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://pki.example:${(server.address() as AddressInfo).port}/`
}

test('GET and POST arrive as they should, without anything that tells about us', async t => {
  let heads: Record<string, unknown> = {}
  const site = await serve(t, (request, response, body) => {
    heads = request.headers
    response.end(`${request.method} ${request.url} ${body}`)
  })
  const fetcher = loopbackFetcher()
  t.is(String((await get(fetcher, `${site.url('/a?b=c')}#d`)).body), 'GET /a?b=c ')
  t.deepEqual(heads, {
    host: `pki.example:${site.port}`,
    'user-agent': 'Weir',
    'accept-encoding': 'identity',
    connection: 'close',
  })
  const post = { method: 'POST', body: Buffer.from('xyz'), contentType: 'application/ocsp-request' } as const
  t.is(String((await get(fetcher, site.url('/o'), post)).body), 'POST /o xyz')
  t.is(heads['content-type'], 'application/ocsp-request')
})

test('bodies by length, in chunks and until the end; a short one is an error', async t => {
  const fetcher = loopbackFetcher()
  const bodies = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', 'abc'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
    ['HTTP/1.0 200 OK\r\n\r\nabc', 'abc'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc', null],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc', null],
    ['SSH-2.0-x\r\n', null],
    ['', null],
  ] as const
  for (const [answer, expected] of bodies) {
    const { error, body } = await get(fetcher, await raw(t, answer))
    t.is(body === null ? null : String(body), expected, answer)
    t.is(error === null, expected !== null)
  }
})

test('an answer larger than allowed ends at the limit, announced or not, endless or not', async t => {
  const fetcher = loopbackFetcher()
  const announced = await raw(t, 'HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n', () => {})
  t.is((await get(fetcher, announced)).error, 'the body is too large')
  let sent = 0
  const endless = await raw(t, 'HTTP/1.1 200 OK\r\n\r\n', function more(socket) {
    const chunk = Buffer.alloc(65536)
    const write = () => {
      while (!socket.destroyed && socket.write(chunk)) sent += chunk.length
    }
    socket.on('drain', write)
    write()
  })
  t.is((await get(fetcher, endless)).error, 'the body is too large')
  t.true(sent < 20_000_000)
})

test('a huge head, many heads of 1xx, a switched protocol: no answer', async t => {
  const fetcher = loopbackFetcher()
  const huge = await raw(t, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(10_000)}\r\n\r\nabc`)
  t.regex((await get(fetcher, huge)).error!, /no answer \(HPE_HEADER_OVERFLOW\)/)
  const early = await raw(t, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(500), () => {})
  t.is((await get(fetcher, early, { timeMs: 300 })).error, 'no answer in time')
  const switched = await raw(t, 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc', () => {})
  t.is((await get(fetcher, switched)).error, 'the server switches protocols')
})

test('a slow drip ends in time', async t => {
  const drip = await raw(t, 'HTTP/1.1 200 OK\r\n\r\n', socket => {
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  t.is((await get(loopbackFetcher(), drip, { timeMs: 200 })).error, 'no answer in time')
})

test('a resolver that never answers ends in time', async t => {
  const fetcher = loopbackFetcher({ resolve: () => {} })
  t.is((await get(fetcher, 'http://pki.example/', { timeMs: 100 })).error, 'no answer in time')
  t.is(fetcher.running, 0)
})

test('coded bodies are refused, nothing is unfolded', async t => {
  const bomb = zlib.gzipSync(Buffer.alloc(1_000_000))
  const site = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
  })
  t.is((await get(loopbackFetcher(), site.url('/'), { maxBytes: 10_000_000 })).error, 'the body is encoded')
})

test('three redirects are followed, a fourth is not', async t => {
  const site = await serve(t, (request, response) => {
    const n = Number(request.url!.slice(1))
    if (n === 0) response.end('here')
    else response.writeHead(302, { location: `/${n - 1}` }).end('x'.repeat(100_000))
  })
  const fetcher = loopbackFetcher()
  t.is(String((await get(fetcher, site.url('/3'))).body), 'here')
  t.is((await get(fetcher, site.url('/4'))).error, 'too many redirects')
})

test('a POST is only sent on where it stays one', async t => {
  const site = await serve(t, (request, response) => {
    if (request.url === '/a') response.end(request.method)
    else response.writeHead(Number(request.url!.slice(1)), { location: '/a' }).end()
  })
  const fetcher = loopbackFetcher()
  const post = { method: 'POST', body: Buffer.from('x') } as const
  t.is((await get(fetcher, site.url('/302'), post)).error, 'status 302 to a POST')
  t.is(String((await get(fetcher, site.url('/307'), post)).body), 'POST')
})

test('a redirect is judged like the first URL', async t => {
  let location = ''
  const site = await serve(t, (_request, response) => {
    response.writeHead(302, { location }).end()
  })
  const resolve = (host: string, done: (error: null, addrs: string[]) => void) =>
    done(null, [host === 'pki.example' ? '127.0.0.1' : '10.0.0.1'])
  const cases: [string, RegExp][] = [
    [`http://10.0.0.1:${site.port}/`, /not public/],
    ['http://[::1]/', /not public/],
    ['http://inner.example/', /not public/],
    ['https://pki.example/', /scheme https: is not http/],
    ['file:///etc/passwd', /scheme file:/],
    ['ftp://pki.example/', /scheme ftp:/],
    ['http://me:secret@pki.example/', /credentials/],
    ['http://localhost/', /not a public name/],
    ['//10.0.0.1/', /not public/],
    ['http://\u0000/', /malformed/],
  ]
  for (const [to, why] of cases) {
    location = to.replace('\u0000', '%00')
    t.regex((await get(loopbackFetcher({ resolve }), site.url(`/${encodeURIComponent(to)}`))).error!, why, to)
  }
})

test('without the allowance nothing on loopback is spoken to, however it is spelled', async t => {
  const site = await serve(t)
  const fetcher = loopbackFetcher({ networks: [] })
  const { port } = site
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:0:0:1]',
    '\u2460\u2461\u2466.0.0.1',
  ]) {
    const { error } = await get(fetcher, `http://${host}:${port}/`)
    t.regex(error!, /not public|malformed|not a public name/, host)
  }
  for (const host of ['localhost', 'box', 'localhost.'])
    t.regex((await get(fetcher, `http://${host}/`)).error!, /not a public name/)
  t.deepEqual(site.seen, [])
})

test('a name is asked for once; one private address among public ones condemns it', async t => {
  const site = await serve(t)
  let asked = 0
  const answers = [['127.0.0.1'], ['10.0.0.1']]
  const fetcher = loopbackFetcher({ resolve: (_host, done) => done(null, answers[asked++]!) })
  t.is((await get(fetcher, site.url('/'))).error, null)
  t.is(asked, 1)
  for (const addrs of [
    ['127.0.0.1', '10.0.0.1'],
    ['fd00::1'],
    ['::ffff:10.0.0.1'],
    ['fe80::1%lo'],
    ['not an address'],
  ]) {
    const mixed = loopbackFetcher({ resolve: (_host, done) => done(null, addrs) })
    t.is((await get(mixed, site.url('/'))).error, 'the address is not public', addrs.join())
  }
  t.is(site.seen.length, 1)
})

test('the box itself is never asked, also in an allowed network', async t => {
  const site = await serve(t)
  const fetcher = loopbackFetcher({ isOwn: addr => addr === '127.0.0.1' })
  t.is((await get(fetcher, site.url('/'))).error, 'the address is not public')
  t.deepEqual(site.seen, [])
})

test('other ports than 80 are for networks that the admin named', async t => {
  const fetcher = loopbackFetcher({ resolve: (_host, done) => done(null, ['1.1.1.1']) })
  t.is((await get(fetcher, 'http://pki.example:8080/')).error, 'port 8080 is not allowed')
  t.is((await get(fetcher, 'http://1.1.1.1:22/')).error, 'port 22 is not allowed')
})

test('URLs: bounded, http, without credentials, fragment or local names', t => {
  t.like(parseFetchUrl('HTTP://A.Example:80/x?y#z'), {
    host: 'a.example',
    port: 80,
    path: '/x?y',
    authority: 'a.example',
  })
  t.like(parseFetchUrl('http://[2001:DB8::1]/'), { host: '2001:db8::1', isAddress: true, authority: '[2001:db8::1]' })
  t.is(typeof parseFetchUrl(`http://a.example/${'x'.repeat(2100)}`), 'string')
  t.is(typeof parseFetchUrl('ldap://a.example/'), 'string')
  t.is(typeof parseFetchUrl('/x'), 'string')
  t.is(typeof parseFetchUrl('http://a.example/\r\nX: y'), 'object', 'line breaks are dropped by the URL parser')
  t.notRegex((parseFetchUrl('http://a.example/\r\nX: y') as { path: string }).path, /[\r\n ]/)
})

test('URLs written by anybody: refused, or harmless in a request line and a Host header', t => {
  const octet = fc.nat(255).map(code => String.fromCharCode(code))
  const text = fc
    .array(fc.oneof(octet, fc.constantFrom('/', ':', '@', '[', ']', '.', '%0d%0a', '\\', '?', '\r\n')))
    .map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.constantFrom('http://', 'http://a.example', 'http:', ''), text, (start, rest) => {
      for (const target of [parseFetchUrl(start + rest), parseFetchUrl(rest, 'http://a.example/b')]) {
        if (typeof target === 'string') continue
        t.regex(target.path, /^\/[!-~]*$/)
        t.regex(target.authority, /^[!-~]+$/)
        t.notRegex(target.authority, /[@/\\?#]/)
        t.true(Number.isInteger(target.port))
      }
    }),
    { numRuns: 3000 },
  )
})

test('who failed is asked again after a minute, then two, up to an hour; success forgets', async t => {
  let now = 0
  let status = 500
  const site = await serve(t, (_request, response) => {
    response.writeHead(status).end('x')
  })
  const fetcher = loopbackFetcher({ now: () => now })
  const ask = () => get(fetcher, site.url('/'))
  t.is((await ask()).error, 'status 500')
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    now += minutes * 60_000 - 1
    t.is((await ask()).error, 'it failed a short while ago')
    now += 1
    t.is((await ask()).error, 'status 500')
  }
  t.is((await get(fetcher, site.url('/other'))).error, 'status 500', 'another URL of the host is asked')
  now += 3_600_000
  status = 200
  t.is((await ask()).error, null)
  status = 500
  t.is((await ask()).error, 'status 500')
  now += 60_000
  t.is((await ask()).error, 'status 500')
})

test('a dead host is not asked by any URL; a late redirect to it does not make it look dead', async t => {
  const dead = await serve(t)
  dead.close()
  const site = await serve(t, (_request, response) => {
    response.writeHead(302, { location: `http://victim.example:${dead.port}/` }).end()
  })
  const fetcher = loopbackFetcher()
  t.regex((await get(fetcher, site.url('/'))).error!, /ECONNREFUSED/)
  t.regex((await get(fetcher, `http://victim.example:${dead.port}/1`)).error!, /ECONNREFUSED/)
  t.is((await get(fetcher, `http://victim.example:${dead.port}/2`)).error, 'it failed a short while ago')
})

test('a resolver that is busy says nothing about a host', async t => {
  const site = await serve(t, (_request, response) => response.end('x'))
  const busy: Resolve[] = [() => {}, (_host, done) => done(new NotAsked('busy'), [])]
  const fetcher = loopbackFetcher({
    resolve: (host, done) => (busy.shift() ?? ((_, then) => then(null, ['127.0.0.1'])))(host, done),
  })
  t.is((await get(fetcher, site.url('/'), { timeMs: 100 })).error, 'no answer in time')
  t.is((await get(fetcher, site.url('/'))).error, 'the name does not resolve')
  t.is((await get(fetcher, site.url('/'))).error, null)
})

test('the same fetch at the same time is one', async t => {
  const site = await serve(t, (_request, response) => setTimeout(() => response.end('x'), 50))
  const fetcher = loopbackFetcher()
  const all = await Promise.all(Array.from({ length: 50 }, () => get(fetcher, site.url('/'))))
  t.true(all.every(({ body }) => String(body) === 'x'))
  t.is(site.seen.length, 1)
})

test('the last to leave ends the fetch, and it is no failure', async t => {
  const site = await serve(t, () => {})
  const fetcher = loopbackFetcher()
  const request = { url: site.url('/'), method: 'GET', body: null, contentType: null, maxBytes: 10 } as const
  const leave = [1, 2].map(() => fetcher.fetch(request, () => t.fail('told after leaving')))
  leave[0]!()
  leave[0]!()
  t.is(fetcher.running, 1)
  leave[1]!()
  t.is(fetcher.running, 0)
  site.answer = (_request, response) => response.end('y')
  t.is(String((await get(fetcher, site.url('/'))).body), 'y')
})

test('thousands of URLs: 4 run to one host, 24 in all, 256 wait, the rest is refused', async t => {
  const site = await serve(t, () => {})
  const fetcher = loopbackFetcher()
  const leave: (() => void)[] = []
  let refused = 0
  const ask = (url: string) => {
    const request = { url, method: 'GET', body: null, contentType: null, maxBytes: 10 } as const
    leave.push(fetcher.fetch(request, error => error === 'too many fetches wait' && refused++))
  }
  for (let i = 0; i < 100; i++) ask(site.url(`/${i}`))
  t.deepEqual([fetcher.running, fetcher.queued], [4, 96])
  for (let i = 0; i < 3000; i++) ask(`http://h${i}.example:${site.port}/`)
  t.deepEqual([fetcher.running, fetcher.queued, refused], [24, 256, 3000 - 20 - 160])
  for (const end of leave) end()
  t.deepEqual([fetcher.running, fetcher.queued], [0, 0])
})

test('a thousand may wait for one fetch; 4096 failures are remembered', async t => {
  const site = await serve(t, () => {})
  const fetcher = loopbackFetcher({ networks: ['127.0.0.0/8'] })
  const leave: (() => void)[] = []
  const errors: string[] = []
  const ask = (url: string) => {
    const request = { url, method: 'GET', body: null, contentType: null, maxBytes: 10 } as const
    leave.push(fetcher.fetch(request, error => errors.push(error ?? '')))
  }
  for (let i = 0; i < 1001; i++) ask(site.url('/'))
  t.deepEqual(errors, ['too many wait for this fetch'])
  for (const end of leave) end()
  errors.length = 0
  ask('http://10.0.0.1/0')
  ask('http://10.0.0.1/0')
  for (let i = 1; i <= 4096; i++) ask(`http://10.0.0.1/${i}`)
  ask('http://10.0.0.1/0')
  t.is(errors[1], 'it failed a short while ago')
  t.is(errors.at(-1), 'the address is not public')
})

test('when one ends the next starts', async t => {
  const site = await serve(t, (request, response) => response.end(request.url))
  const fetcher = loopbackFetcher()
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => get(fetcher, site.url(`/${i}`))))
  t.deepEqual(
    all.map(({ body }) => String(body)),
    Array.from({ length: 60 }, (_, i) => `/${i}`),
  )
})
