import http from 'node:http'
import test from 'ava'
import type { LiveCounters, LiveGap, LiveHello, LiveRows } from '../../../src/admin/api.ts'
import { rates } from '../../../src/admin/live.ts'
import { exchangeRow, until } from '../store/rows.ts'
import { type Box, boxStatus, startBox } from './box.ts'

interface Event {
  event: string
  id: string
  data: unknown
}

/** A minimal EventSource: real HTTP, events as they come. */
async function listen(box: Box, cookie: string, query = '', headers: Record<string, string> = {}) {
  const abort = new AbortController()
  const response = await fetch(`${box.base}/api/v1/live${query}`, {
    headers: { cookie, ...headers },
    signal: abort.signal,
  })
  const events: Event[] = []
  let ended = false
  const reading = (async () => {
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map(line => line.split(/: ?(.*)/s, 2) as [string, string]),
        )
        text = text.slice(end + 2)
        if (fields.has('data'))
          events.push({
            event: fields.get('event')!,
            id: fields.get('id') ?? '',
            data: JSON.parse(fields.get('data')!),
          })
      }
    }
  })()
  void reading
    .catch(() => {})
    .finally(() => {
      ended = true
    })
  return {
    response,
    events,
    of: <T>(name: string) => events.filter(event => event.event === name).map(event => event.data as T),
    ended: () => ended,
    abort: () => abort.abort(),
  }
}

test('hello, then rows as they are written, filtered on the server', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  await box.write(exchangeRow({ host: 'before.example' }))
  const all = await listen(box, cookie)
  const some = await listen(box, cookie, `?q=${encodeURIComponent('host:b.example')}`)
  t.is(all.response.headers.get('content-type'), 'text/event-stream')
  await until(() => all.events.length > 0 && some.events.length > 0)
  t.like(all.of<LiveHello>('hello')[0], { build: 'none', lastId: 1 })
  await box.write(exchangeRow({ host: 'a.example' }), exchangeRow({ host: 'x.b.example' }))
  await until(() => all.of('row').length > 0 && some.of('row').length > 0)
  t.deepEqual(
    all
      .of<LiveRows>('row')
      .flat()
      .map(row => row.host),
    ['a.example', 'x.b.example'],
  )
  t.deepEqual(
    some
      .of<LiveRows>('row')
      .flat()
      .map(row => row.id),
    [3],
  )
  t.is(all.events.find(event => event.event === 'row')!.id, '3')
})

test('resumes after the last event id, or after a given row', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  await box.write(...Array.from({ length: 5 }, () => exchangeRow()))
  const resumed = await listen(box, cookie, '?after=1', { 'last-event-id': '3' })
  const after = await listen(box, cookie, '?after=1')
  const odd = await listen(box, cookie, '', { 'last-event-id': 'nonsense' })
  await until(() => resumed.of('row').length > 0 && after.of('row').length > 0 && odd.events.length > 0)
  t.deepEqual(
    resumed
      .of<LiveRows>('row')
      .flat()
      .map(row => row.id),
    [4, 5],
  )
  t.deepEqual(
    after
      .of<LiveRows>('row')
      .flat()
      .map(row => row.id),
    [2, 3, 4, 5],
  )
  t.like(odd.of<LiveHello>('hello')[0], { lastId: 5 })
})

test('away too long: the newest rows and a gap with the number of the others', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  await box.write(...Array.from({ length: 1200 }, () => exchangeRow()))
  const stream = await listen(box, cookie, '?after=100')
  await until(() => stream.of('row').length > 0)
  t.deepEqual(stream.of<LiveGap>('gap'), [{ missed: 600 }])
  const rows = stream.of<LiveRows>('row').flat()
  t.deepEqual([rows.length, rows[0]!.id, rows.at(-1)!.id], [500, 701, 1200])
})

test('a browser that does not read gets a gap, not a queue; memory stays bounded', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const request = http.get(`${box.base}/api/v1/live`, { headers: { cookie } })
  const response = await new Promise<http.IncomingMessage>(resolve => request.on('response', resolve))
  response.pause()
  // Far more than the socket buffers and the stream's own 256 KiB.
  for (let round = 0; round < 80; round++) {
    await box.write(
      ...Array.from({ length: 200 }, (_, i) => exchangeRow({ path: `/${'p'.repeat(2000)}${round}-${i}` })),
    )
  }
  let text = ''
  response.on('data', chunk => {
    text += chunk
  })
  response.resume()
  await until(() => text.includes('event: gap') && text.includes('79-199'))
  const shown = text.match(/"id":\d+/g)!.length
  const missed = [...text.matchAll(/"missed":(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
  t.is(shown + missed, 16_000)
  t.true(missed > 1000)
  request.destroy()
})

test('an abort releases the stream at once, and polling stops with the last one', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const streams = await Promise.all([listen(box, cookie), listen(box, cookie), listen(box, cookie)])
  t.is(box.live.size(), 3)
  for (const stream of streams) stream.abort()
  await until(() => box.live.size() === 0)
  t.is((box.live as unknown as { pollTimer: unknown }).pollTimer, null)
})

test('the number of streams is capped', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  for (let i = 0; i < 4; i++) await listen(box, cookie)
  const refused = await box.get('/api/v1/live', cookie)
  t.is(refused.status, 503)
  t.is(refused.headers.get('retry-after'), '10')
  t.is(box.live.size(), 4)
})

test('signing out ends the stream', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const stream = await listen(box, cookie)
  await fetch(`${box.base}/api/v1/session`, { method: 'DELETE', headers: { cookie } })
  await until(() => stream.ended())
  t.is(box.live.size(), 0)
})

test('counters are rates between two reports, and survive the restart of a worker', async t => {
  const box = await startBox(t)
  const stream = await listen(box, await box.signIn())
  const first = boxStatus({ time: 1000 })
  const second = structuredClone({ ...first, time: 2000 })
  second.workers[0]!.counters.exchangesTotal += 40
  second.workers[0]!.counters.blockedTotal = 0
  box.live.counters(first)
  box.live.counters(second)
  await until(() => stream.of('counters').length === 2)
  t.like(stream.of<LiveCounters>('counters')[1], {
    time: 2000,
    requestsPerSecond: 40,
    blockedPerSecond: 0,
    connections: 3,
  })
  t.is(rates(null, first).requestsPerSecond, 0)
})
