import type Database from 'better-sqlite3'
import type { HandshakeOutcome } from '../core/tls-policy.ts'

/** How clients ended handshakes with us and where exceptions were used, since a moment; all lists bounded. */
export interface TlsUse {
  /** Milliseconds since the epoch. */
  since: number
  refused: Refused[]
  /** The newest connection with proof of trust of each client that was seen at all; time 0: none. */
  seen: Seen[]
  /** Lines of the traffic log in which a TLS exception was used. */
  exceptions: { host: string; count: number }[]
  /** A list is cut off. */
  more: boolean
}

/** One client at one host. */
export interface Refused {
  client: string
  host: string
  count: number
  first: number
  last: number
  /** The last one's. */
  outcome: HandshakeOutcome
}

export interface Seen {
  client: string
  time: number
  host: string
}

/** Ways to end a handshake that mean: not this certificate. The index `connections_refused` has the same words. */
export const REFUSALS = [
  'unknown-ca',
  'bad-certificate',
  'closed-after-certificate',
  'closed-after-handshake',
] as const satisfies HandshakeOutcome[]

const MAX_REFUSED = 5000
const MAX_CLIENTS = 1000
const MAX_HOSTS = 2000
/** Of a client's newest connections so many are looked at for one that shows trust: who has none there, has none. */
const LOOK_BACK = 300

/** As in the index's own words, or SQLite would not see that it may be used. */
const REFUSED = `handshake IN (${REFUSALS.map(word => `'${word}'`).join(', ')}) AND exchanges = 0`

export function tlsUse(db: Database.Database, since: number): TlsUse {
  const refused = db
    .prepare(
      `SELECT client, host, count(*) AS count, min(time) AS first, max(time) AS last,
        substr(max(format('%015d', time) || handshake), 16) AS outcome
      FROM connections WHERE ${REFUSED} AND time >= ? GROUP BY client, host ORDER BY last DESC LIMIT ${MAX_REFUSED + 1}`,
    )
    .all(since) as Refused[]
  const clients = clientsOf(db)
  const exceptions = db
    .prepare(
      `SELECT host, sum(n) AS count FROM (
        SELECT host, count(*) AS n FROM exchanges WHERE exception <> '' AND time >= ? GROUP BY host
        UNION ALL
        SELECT host, count(*) FROM connections WHERE exception <> '' AND exchanges = 0 AND time >= ? GROUP BY host
      ) GROUP BY host ORDER BY count DESC, host LIMIT ${MAX_HOSTS + 1}`,
    )
    .all(since, since) as TlsUse['exceptions']
  return {
    since,
    refused: refused.slice(0, MAX_REFUSED),
    seen: clients.slice(0, MAX_CLIENTS).flatMap(client => lastTrust(db, client, since) ?? []),
    exceptions: exceptions.slice(0, MAX_HOSTS),
    more: refused.length > MAX_REFUSED || clients.length > MAX_CLIENTS || exceptions.length > MAX_HOSTS,
  }
}

/** Every client in the log, by jumping from one to the next in the index: its cost grows with clients, not with rows. */
function clientsOf(db: Database.Database): string[] {
  const sql = `WITH RECURSIVE step(client) AS (
      SELECT min(client) FROM connections
      UNION ALL
      SELECT (SELECT min(client) FROM connections WHERE client > step.client) FROM step WHERE client IS NOT NULL
    )
    SELECT client FROM step WHERE client IS NOT NULL LIMIT ${MAX_CLIENTS + 1}`
  return db.prepare(sql).pluck().all() as string[]
}

/** null: not seen since then at all. */
function lastTrust(db: Database.Database, client: string, since: number): Seen | null {
  const rows = db
    .prepare(`SELECT time, host, handshake FROM connections WHERE client = ? ORDER BY id DESC LIMIT ${LOOK_BACK}`)
    .iterate(client) as IterableIterator<{ time: number; host: string; handshake: string }>
  let seen = false
  for (const { time, host, handshake } of rows) {
    // By id, so nearly by time: a long connection is written late.
    if (time < since) continue
    seen = true
    if (handshake === 'trusted') return { client, time, host }
  }
  return seen ? { client, time: 0, host: '' } : null
}
