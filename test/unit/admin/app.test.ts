import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import type { Summary, TrafficDetail, TrafficPage } from '../../../src/admin/api.ts'
import { boxProblems } from '../../../src/admin/routes/summary.ts'
import { connectionRow, exchangeRow, until } from '../store/rows.ts'
import { boxStatus, startBox } from './box.ts'

test('traffic: both kinds, newest first, by key, with counts; and the drawer', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const rows = Array.from({ length: 25 }, (_, i) => exchangeRow({ status: 200 + i, conn: 'w1-9' }))
  await box.write(
    ...rows,
    connectionRow({ exchanges: 25, tier: 'inspect', conn: 'w1-9', clientTls: 'TLSv1.3' }),
    connectionRow(),
  )
  const page = async (query: string): Promise<TrafficPage> =>
    (await box.get(`/api/v1/${query}`, cookie)).json() as Promise<TrafficPage>
  const first = await page('traffic?limit=10')
  t.like(first, { total: 26, exact: true, next: 17 })
  t.like(first.rows[0], { id: 27, kind: 'connection', host: 'bank.example', tier: 'names', method: '' })
  t.like(first.rows[1], { id: 25, kind: 'exchange', status: 224 })
  const rest = await page(`traffic?limit=100&before=${first.next}`)
  t.deepEqual([rest.rows[0]!.id, rest.rows.length, rest.next], [16, 16, null])
  t.is((await page('connections')).total, 2)
  t.is((await page('exchanges?q=status:204')).rows.length, 1)
  const detail = (await (await box.get('/api/v1/exchanges/3', cookie)).json()) as TrafficDetail
  t.like(detail.exchange, {
    httpVersion: 20,
    connection: 'w1-9',
    timings: { totalMs: 20, connectMs: 5, waitMs: 10, bodyMs: 5 },
  })
  t.like(detail.connection, {
    clientTls: 'TLSv1.3',
    tierWhy: { code: 'rule', rule: 'Banks', ruleLine: 7, list: '', listLine: 0 },
  })
  t.is((await box.get('/api/v1/exchanges/999', cookie)).status, 404)
})

test('a filter or parameter that is wrong is 422 with the place and a sentence', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const cases: [string, string, RegExp][] = [
    ['traffic?q=colour:red', 'q', /no "colour:"/],
    ['traffic?q=status:abc', 'q', /not a number/],
    [`live?q=${encodeURIComponent('host:"open')}`, 'q', /not closed/],
    ['traffic?limit=5000', 'limit', /./],
    ['traffic?before=-1', 'before', /./],
    ['summary?range=1y', 'range', /./],
    ['explain?client=nobody&url=https://a.example/', 'client', /IP address/],
    ['explain?client=10.0.0.1&url=ftp://a.example/', 'url', /http/],
  ]
  for (const [path, where, message] of cases) {
    const response = await box.get(`/api/v1/${path}`, cookie)
    t.is(response.status, 422, path)
    const { error } = (await response.json()) as {
      error: { problems: { where: string; message: string }[]; requestId: string }
    }
    t.is(error.problems[0]!.where, where, path)
    t.regex(error.problems[0]!.message, message)
    t.is(error.requestId, response.headers.get('x-request-id')!)
  }
})

test('summary: what it counts is what its links list', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const now = Date.now()
  await box.write(
    exchangeRow({ cache: 'hit', time: now }),
    exchangeRow({ host: 'a.example', time: now - 600_000 }),
    exchangeRow({ host: 'a.example', time: now - 3 * 86_400_000 }),
    exchangeRow({
      host: 'g.example',
      verdict: 'block',
      reason: 'list',
      rule: 'No "games"',
      ruleLine: 4,
      list: 'Games',
      client: '10.77.1.11',
    }),
    exchangeRow({ verdict: 'fail', error: 'origin-cert-expired', host: 'old.example' }),
    connectionRow(),
    connectionRow({ tier: 'pass' }),
    connectionRow({ verdict: 'fail', error: 'client-tls-distrust', host: 'app.example' }),
    connectionRow({ exchanges: 4, tier: 'inspect' }),
  )
  for (const [range, all] of [
    ['1h', 7],
    ['24h', 7],
    ['7d', 8],
  ] as const) {
    const summary = (await (await box.get(`/api/v1/summary?range=${range}`, cookie)).json()) as Summary
    t.is(summary.totals.all, all, range)
    const links = Object.entries(summary.links).map(([key, q]) => [q, summary.totals[key as 'all']] as const)
    const tops = [...summary.topHosts, ...summary.topBlocked, ...summary.topClients, ...summary.problems].map(
      top => [top.q, top.count] as const,
    )
    t.true(tops.length >= 8)
    for (const [q, count] of [...links, ...tops]) {
      const page = (await (await box.get(`/api/v1/traffic?q=${encodeURIComponent(q)}`, cookie)).json()) as TrafficPage
      t.is(page.total, count, q)
    }
    const series = summary.series
    t.is(
      series.inspected.reduce((a, b) => a + b),
      summary.totals.inspected,
    )
    t.true(Object.values(series).every(column => column.length === series.time.length))
    t.like(summary.cache, { hits: 1, bytesSaved: 1000 })
    t.is(summary.clients, 2)
    t.deepEqual(
      summary.problems.map(problem => problem.code),
      ['clients-distrust', 'origin-certificate'],
    )
  }
})

test('problems of the box', t => {
  const now = Date.now()
  const codes = (...args: Parameters<typeof boxProblems>) => boxProblems(...args).map(problem => problem.code)
  t.deepEqual(codes(null, now), ['no-status'])
  t.deepEqual(codes(boxStatus({ time: now - 60_000 }), now), ['no-status'])
  t.deepEqual(codes(boxStatus(), now), [])
  const worker = { ...boxStatus().workers[0]!, state: 'dead' as const, restarts: 2 }
  const log = { rowsStored: 0, rowsDropped: 5, queued: 0, error: 'full', bytes: 0 }
  t.deepEqual(codes(boxStatus({ rules: 'removed-unhealthy', workers: [worker], log }), now), [
    'rules-removed',
    'log-error',
    'worker-down',
    'log-dropped',
    'worker-restarts',
  ])
})

test('policy, explain and purge go to the supervisor; a refused policy is 422 with lines', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  t.deepEqual(await (await box.get('/api/v1/policy', cookie)).json(), { version: 'p1', text: 'rules: []\n' })
  t.is((await box.post('/api/v1/policy', { text: 'rules: []' }, { cookie })).status, 200)
  const refused = await box.post('/api/v1/policy', { text: 'wrong' }, { cookie })
  t.is(refused.status, 422)
  t.like(await refused.json(), { error: { problems: [{ where: 'rules[0]', line: 2, message: 'No.' }] } })
  const explained = await box.get('/api/v1/explain?client=::ffff:10.0.0.1&url=https://games.example/', cookie)
  t.like(await explained.json(), { client: '10.0.0.1', verdict: 'block', tier: 'inspect', why: { rule: 'Games' } })
  t.is((await box.post('/api/v1/cache/purge', { host: 'A.example' }, { cookie })).status, 200)
  t.deepEqual(box.asked.at(-1), ['cache.purge', { host: 'a.example', user: 'admin' }])
  t.is((await box.post('/api/v1/cache/purge', { host: 5 }, { cookie })).status, 422)
})

test('bodies are bounded and must be JSON', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  t.is((await box.post('/api/v1/cache/purge', { host: 'x'.repeat(100_000) }, { cookie })).status, 413)
  t.is((await box.post('/api/v1/policy', { text: 'x'.repeat(5 << 20) }, { cookie })).status, 413)
  t.is((await box.post('/api/v1/policy', { text: '#'.repeat(1 << 20) }, { cookie })).status, 200)
  const raw = (body: string, type: string) =>
    fetch(`${box.base}/api/v1/cache/purge`, { method: 'POST', body, headers: { cookie, 'content-type': type } })
  t.is((await raw('{', 'application/json')).status, 400)
  t.true([400, 422].includes((await raw('host=a', 'application/x-www-form-urlencoded')).status))
})

test('health and metrics', async t => {
  const box = await startBox(t)
  t.is((await box.get('/healthz')).status, 200)
  const text = await (await box.get('/metrics')).text()
  t.regex(text, /^weir_exchanges_total\{worker="1"\} 100$/m)
  t.regex(text, /^# TYPE weir_log_rows_dropped_total counter$/m)
  box.setStatus(boxStatus({ time: Date.now() - 60_000 }))
  t.is((await box.get('/healthz')).status, 503)
  box.setStatus(null)
  t.is((await box.get('/healthz')).status, 503)
  t.is((await box.get('/metrics')).status, 503)
})

test('OpenAPI describes every route', async t => {
  const box = await startBox(t)
  const document = (await (await box.get('/api/v1/openapi.json')).json()) as {
    openapi: string
    paths: Record<string, object>
  }
  t.is(document.openapi, '3.1.0')
  for (const path of [
    'session',
    'summary',
    'traffic',
    'exchanges',
    'connections',
    'exchanges/{id}',
    'live',
    'ca',
    'ca/cert.pem',
    'ca/next.pem',
    'ca/rotate',
    'tls/learned',
    'tls/learned/{id}',
    'tls/learned/export',
    'tls/exceptions',
    'tls/trust',
    'tls/never-decrypt',
    'status',
    'policy',
    'explain',
    'cache/purge',
  ]) {
    t.truthy(document.paths[`/api/v1/${path}`], path)
  }
})

test('the UI: compressed, revalidated, its routes lead to the page, nothing of the disk', async t => {
  const html = '<!doctype html><title>Weir</title>'
  const box = await startBox(t, { ui: { 'index.html': html, 'assets/app-AbCd1234.js': `'${'x'.repeat(5000)}'` } })
  const page = await box.get('/live')
  t.is(await page.text(), html)
  t.is(page.headers.get('cache-control'), 'no-cache')
  t.regex(page.headers.get('content-security-policy')!, /default-src 'self'/)
  t.is(page.headers.get('x-content-type-options'), 'nosniff')
  const again = await box.get('/', '', { 'if-none-match': page.headers.get('etag')! })
  t.is(again.status, 304)
  for (const encoding of ['br', 'gzip']) {
    const asset = await box.get('/assets/app-AbCd1234.js', '', { 'accept-encoding': encoding })
    t.is(asset.headers.get('content-encoding'), encoding)
    t.regex(asset.headers.get('cache-control')!, /immutable/)
    t.is((await asset.text()).length, 5002)
  }
  t.is(
    (await box.get('/assets/app-AbCd1234.js', '', { 'accept-encoding': 'br;q=0, identity' })).headers.get(
      'content-encoding',
    ),
    null,
  )
  t.is((await box.get('/assets/missing.js')).status, 404)
  t.is((await box.get('/..%2f..%2ftraffic.db')).status, 404)
})

test('a UI that is not built says so', async t => {
  const box = await startBox(t)
  t.regex(await (await box.get('/')).text(), /not built/)
})

test('another database in the place of the old one is found by the next question', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  await box.write(exchangeRow(), exchangeRow())
  const total = async (): Promise<number> =>
    ((await (await box.get('/api/v1/traffic', cookie)).json()) as TrafficPage).total
  t.is(await total(), 2)
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(path.join(box.dir, `traffic.db${suffix}`), { force: true })
  await box.write(exchangeRow())
  t.is(await total(), 1)
})

test('a database that cannot be read is 503, and works again when it can', async t => {
  const box = await startBox(t)
  const cookie = await box.signIn()
  const file = path.join(box.dir, 'traffic.db')
  await box.store.stop()
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
  fs.writeFileSync(file, 'no database '.repeat(1000))
  const response = await box.get('/api/v1/traffic', cookie)
  t.is(response.status, 503)
  t.like(await response.json(), { error: { code: 'unavailable' } })
  await until(() => box.warnings.some(line => line.includes('/api/v1/traffic')))
})
