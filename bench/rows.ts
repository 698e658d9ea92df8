import type { Lab } from '../test/lab/lab.ts'
import { connections, type H2load, h2load, h2loadRate, type Load } from './load.ts'
import type { Subject } from './products.ts'
import { BIG_MIB, HOSTS, VISITS } from './site.ts'

/** How much of everything; `--quick` takes less. */
export interface Size {
  readonly rounds: number
  /** Of one run of a row's load, in seconds; it is repeated until the product has used `cpuS`, or `limitS` have passed. */
  readonly runS: number
  readonly cpuS: number
  readonly limitS: number
  /** Of the load before the first measurement. */
  readonly warmS: number
  readonly visits: number
  readonly bulkFiles: number
  readonly idle: number
}

/** One subject in one row. */
export interface Attempt {
  readonly lab: Lab
  readonly size: Size
  readonly round: number
  /** Who signs what the client sees. */
  readonly caFile: string
  /** Requests or connections a second, as the warm-up found; it sets the length of the measurement. */
  readonly rate: number
}

/** One line of the table. */
export interface Row {
  readonly key: string
  readonly title: string
  readonly unit: 'requests' | 'connections' | 'GiB'
  readonly subjects: readonly Subject[]
  /** One of the row's requests, to see before it is measured that it goes the way it is meant to. */
  readonly probe: { readonly url: string; readonly http2: boolean; readonly decrypted: boolean }
  /** Of what the client gets, how much the origin has to send. */
  readonly fromOrigin: 'all' | 'none'
  /** May be run once a round. */
  readonly once: boolean
  /** Units in one of what the load counts. */
  readonly weight: number
  /** Answers the rate. */
  warm(attempt: Attempt): Promise<number>
  run(attempt: Attempt): Promise<Load>
}

const ALL: readonly Subject[] = ['weir', 'squid', 'direct']
const { main, spliced, h2 } = HOSTS
/** Names that only warm up, in front of those that are visited. */
export const WARM_VISITS = 100
const WARM_CONNECTIONS = 200
/** A client that opens connections waits for the origin and for the gateway: so many at a time keep both busy. */
const CONCURRENCY = 16

export const ROWS: readonly Row[] = [
  requests('plain-uncached', 'uncached 1 kB, plain', `http://${main.name}/1k`, { connections: 32 }),
  requests('tls-uncached', 'uncached 1 kB, decrypted', `https://${main.name}/1k`, { connections: 32 }),
  requests('h2-client', 'uncached 1 kB, decrypted, HTTP/2 client', `https://${main.name}/1k`, {
    connections: 8,
    streams: 8,
    http2: true,
  }),
  requests('h2-both', 'uncached 1 kB, decrypted, HTTP/2 client and origin', `https://${h2.name}/1k`, {
    connections: 8,
    streams: 8,
    http2: true,
  }),
  requests('tls-100k', 'uncached 100 kB, decrypted', `https://${main.name}/100k`, { connections: 16 }),
  requests('plain-cached', 'cached 1 kB, plain', `http://${main.name}/cached/1k`, { connections: 32 }),
  requests('tls-cached', 'cached 1 kB, decrypted', `https://${main.name}/cached/1k`, { connections: 32 }),
  newConnections('connect', 'new decrypted connections, full handshake', false),
  newConnections('resume', 'new decrypted connections, resumed', true),
  firstVisits(),
  bulk('bulk-plain', 'bulk, plain', `http://${main.name}/big`, true),
  bulk('bulk-tls', 'bulk, decrypted', `https://${main.name}/big`, true),
  bulk('bulk-spliced', 'bulk, spliced', `https://${spliced.name}/big`, false),
]

/** Keep-alive, uncached unless the address says otherwise. */
function requests(key: string, title: string, url: string, load: Omit<H2load, 'url'>): Row {
  const http2 = load.http2 ?? false
  const full = { url, ...load }
  return {
    key,
    title,
    unit: 'requests',
    subjects: !http2 ? ALL : url.includes(h2.name) ? ['weir', 'direct'] : ['weir'], // Squid 5 has no HTTP/2
    probe: { url, http2, decrypted: true },
    fromOrigin: url.includes('/cached/') ? 'none' : 'all',
    once: false,
    weight: 1,
    warm: ({ lab, size }) => h2loadRate(lab, full, size.warmS),
    run: ({ lab, size, rate }) => h2load(lab, full, Math.round(rate * size.runS)),
  }
}

function newConnections(key: string, title: string, resume: boolean): Row {
  const job = (attempt: Attempt, count: number) =>
    connections(attempt.lab, {
      address: main.address,
      names: [main.name],
      path: '/1k',
      caFile: attempt.caFile,
      concurrency: CONCURRENCY,
      count,
      resume,
    })
  return {
    key,
    title,
    unit: 'connections',
    subjects: ALL,
    probe: { url: `https://${main.name}/1k`, http2: false, decrypted: true },
    fromOrigin: 'all',
    once: false,
    weight: 1,
    warm: async attempt => perSecond(await job(attempt, WARM_CONNECTIONS)),
    async run(attempt) {
      const load = await job(attempt, Math.round(attempt.rate * attempt.size.runS))
      // The first connection of each lane has no ticket to offer
      const share = Math.min(100, Math.round((load.resumed / Math.max(load.done - CONCURRENCY, 1)) * 100))
      return resume ? { ...load, remark: `${share} % resumed` } : load
    },
  }
}

/** Every name for the first time: the product has to make a certificate for each. */
function firstVisits(): Row {
  const job = (attempt: Attempt, first: number, count: number) =>
    connections(attempt.lab, {
      address: VISITS.address,
      names: Array.from({ length: count }, (_, n) => VISITS.name(first + n)),
      path: '/1k',
      caFile: attempt.caFile,
      concurrency: CONCURRENCY,
      count,
      resume: false,
    })
  return {
    key: 'first-visits',
    title: 'first visits, each to another host name',
    unit: 'connections',
    subjects: ALL,
    probe: { url: `https://${VISITS.name(0)}/1k`, http2: false, decrypted: true },
    fromOrigin: 'all',
    once: true,
    weight: 1,
    warm: async attempt => perSecond(await job(attempt, 0, WARM_VISITS)),
    run: attempt => {
      const { visits } = attempt.size
      return job(attempt, WARM_VISITS + attempt.round * visits, visits)
    },
  }
}

/** Names the site needs for `firstVisits`. */
export const visitNames = (size: Size): number => WARM_VISITS + size.rounds * size.visits

function bulk(key: string, title: string, url: string, decrypted: boolean): Row {
  return {
    key,
    title,
    unit: 'GiB',
    subjects: ALL,
    probe: { url: url.replace('/big', '/1k'), http2: false, decrypted },
    fromOrigin: 'all',
    once: false,
    weight: BIG_MIB / 1024,
    // One file brings the code to speed as well as a second of them would
    warm: async ({ lab }) => perSecond(await h2load(lab, { url, connections: 1 }, 1)),
    run: ({ lab, size }) => h2load(lab, { url, connections: Math.min(4, size.bulkFiles) }, size.bulkFiles),
  }
}

function perSecond(load: Load): number {
  if (load.errors.length > 0) throw new Error(`warm-up: ${load.errors[0]}`)
  return load.wallMs === 0 ? 0 : (load.done / load.wallMs) * 1000
}
