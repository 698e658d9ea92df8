import type { ConnectionRow, ExchangeRow, LogRow } from '../../../src/core/log-event.ts'
import { connectionRow, exchangeRow } from '../../unit/store/rows.ts'

/** A school's day in small: the same every time, so that screenshots and counts can be compared. */
export class Rng {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }
  /** 0 ≤ x < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  pick<T>(list: readonly T[]): T {
    // Squared: the first of a list are the popular ones.
    return list[Math.floor(this.next() ** 2 * list.length)]!
  }
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from))
  }
}

const CLIENTS = [14, 23, 88, 31, 52, 17, 61, 42, 75, 36, 29, 93]
  .map(n => `10.77.1.${n}`)
  .concat('fd77:1::14', 'fd77:1::2a')

const SITES: [string, string[], string][] = [
  ['www.bbc.co.uk', ['/news/science', '/bitesize/subjects/zng4d2p', '/news', '/weather/2643743'], 'text/html'],
  ['en.wikipedia.org', ['/wiki/Weir', '/wiki/Photosynthesis', '/w/load.php?modules=startup'], 'text/html'],
  [
    'static.files.bbci.co.uk',
    ['/core/bundle.4f1b.js', '/fonts/reith.woff2', '/images/hero-1600.webp'],
    'application/javascript',
  ],
  ['classroom.school.example', ['/api/v2/courses/81/stream?page=1', '/assets/app.css', '/u/0/h'], 'application/json'],
  ['cdn.learning.example', ['/video/seg-00412.m4s', '/img/tile-12.png', '/js/player.min.js'], 'image/png'],
  ['api.weather.example', ['/v1/forecast?lat=51.5&lon=-0.1'], 'application/json'],
  ['www.nationalgeographic.example', ['/animals/otter', '/photo-of-the-day'], 'text/html'],
  ['upload.wikimedia.org', ['/wikipedia/commons/thumb/3/3e/Weir.jpg/640px-Weir.jpg'], 'image/jpeg'],
]
const BLOCKED: [string, string, string, number, string, number][] = [
  ['ads.tracker.example', '/collect?v=2', 'Ads and trackers', 12, 'ads.txt', 4211],
  ['games.example', '/play', 'Games', 18, '', 0],
  ['pixel.metrics.example', '/1x1.gif', 'Ads and trackers', 12, 'ads.txt', 9120],
  ['social.example', '/feed', 'Social in lessons', 25, '', 0],
]
const CLOSED: [string, 'names' | 'pass', string, number][] = [
  ['bank.example', 'names', 'Banks', 31],
  ['updates.os.example', 'pass', 'System updates', 36],
  ['api.health.example', 'names', 'Health', 33],
]

function size(rng: Rng): number {
  return Math.floor(200 * 10 ** (rng.next() * 3.2))
}

function exchange(rng: Rng, time: number, n: number): ExchangeRow {
  const [host, paths, type] = rng.pick(SITES)
  const hit = rng.next()
  const cache = hit < 0.28 ? 'hit' : hit < 0.33 ? 'revalidated' : hit < 0.8 ? 'miss' : 'bypass'
  const asked = cache !== 'hit'
  const connectMs = asked && rng.next() < 0.3 ? rng.int(4, 40) : 0
  const waitMs = asked ? rng.int(3, 120) : 0
  const bodyMs = rng.int(0, 30)
  return exchangeRow({
    time,
    conn: `k3f9a-${n}`,
    client: rng.pick(CLIENTS),
    host,
    path: rng.pick(paths),
    method: rng.next() < 0.06 ? 'POST' : 'GET',
    status: rng.pick([200, 200, 200, 200, 200, 304, 204, 301, 404, 500]),
    contentType: type,
    bytesUp: rng.int(120, 900),
    bytesDown: size(rng),
    cache,
    cacheReason: cache === 'bypass' ? rng.pick(['private', 'no-store', 'method', 'vary']) : '',
    durationMs: connectMs + waitMs + bodyMs + 1,
    connectMs,
    waitMs,
    bodyMs,
    httpVersion: rng.next() < 0.8 ? 20 : 11,
    originHttpVersion: asked ? 20 : 0,
    originTls: asked ? 'TLSv1.3' : '',
    upstream: asked ? '192.0.2.81:443' : '',
    upstreamReused: asked && connectMs === 0 ? 1 : 0,
  })
}

function blocked(rng: Rng, time: number, n: number): ExchangeRow {
  const [host, path, rule, ruleLine, list, listLine] = rng.pick(BLOCKED)
  return exchangeRow({
    time,
    conn: `k3f9a-${n}`,
    client: rng.pick(CLIENTS),
    host,
    path,
    status: 403,
    contentType: 'text/html',
    verdict: 'block',
    reason: list === '' ? 'rule' : 'list',
    rule,
    ruleLine,
    list,
    listLine,
    cache: 'none',
    bytesDown: 2140,
    durationMs: 1,
    connectMs: 0,
    waitMs: 0,
    bodyMs: 1,
    originHttpVersion: 0,
    originTls: '',
    upstream: '',
  })
}

function closed(rng: Rng, time: number, n: number): ConnectionRow {
  const [host, tier, tierRule, tierRuleLine] = rng.pick(CLOSED)
  return connectionRow({
    time,
    conn: `k3f9a-${n}`,
    client: rng.pick(CLIENTS),
    clientPort: rng.int(40_000, 60_000),
    host,
    tier,
    tierRule,
    tierRuleLine,
    bytesUp: size(rng),
    bytesDown: size(rng) * 3,
    durationMs: rng.int(200, 60_000),
  })
}

function failed(rng: Rng, time: number, n: number): LogRow {
  if (rng.next() < 0.5)
    return connectionRow({
      time,
      conn: `k3f9a-${n}`,
      client: rng.pick(CLIENTS),
      host: 'api.bankapp.example',
      tier: 'inspect',
      tierReason: 'default',
      tierRule: '',
      tierRuleLine: 0,
      verdict: 'fail',
      reason: 'error',
      error: 'client-tls-distrust',
      errorDetail: 'alert unknown_ca',
      bytesUp: 517,
      bytesDown: 1400,
      durationMs: 12,
    })
  return exchangeRow({
    time,
    conn: `k3f9a-${n}`,
    client: rng.pick(CLIENTS),
    host: 'old.intranet.example',
    path: '/timetable',
    status: 526,
    verdict: 'fail',
    reason: 'error',
    cache: 'none',
    error: 'origin-cert-expired',
    errorDetail: 'valid until 2026-10-02',
    bytesDown: 1800,
    upstream: '192.0.2.99:443',
  })
}

export function anyRow(rng: Rng, time: number, n: number): LogRow {
  const kind = rng.next()
  if (kind < 0.74) return exchange(rng, time, n)
  if (kind < 0.86) return closed(rng, time, n)
  if (kind < 0.98) return blocked(rng, time, n)
  return failed(rng, time, n)
}

/** `count` rows over the last `spanMs` before `now`, oldest first, in waves like lessons. */
export function history(count: number, spanMs: number, now: number, seed = 7): LogRow[] {
  const rng = new Rng(seed)
  const rows: LogRow[] = []
  for (let i = 0; i < count; i++) {
    const at = (i + rng.next()) / count
    const time = Math.floor(now - spanMs + (at + Math.sin(at * 44) / 110 - Math.sin(44) / 110) * spanMs)
    rows.push(anyRow(rng, time, i))
  }
  return rows.sort((a, b) => a.time - b.time)
}
