import path from 'node:path'
import { loadOrCreateCa } from '../../../ca/create.ts'
import type { ExceptionFacts, LearnedDo } from '../../../src/admin/api.ts'
import type { CaState } from '../../../src/admin/calls.ts'
import type { ConnectionRow, LogRow } from '../../../src/core/log-event.ts'
import type { HandshakeEvent, HandshakeOutcome, LearnedEntry } from '../../../src/core/tls-policy.ts'
import { connectionRow, exchangeRow } from '../../unit/store/rows.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const BROWSER = 't13d1516h2_8daaf6152771_d8a2da3f94cd'
const BANK_APP = 't13d1310h2_f57a46bbacb6_e7c285222651'

function events(
  now: number,
  host: string,
  ja4: string,
  said: [client: string, outcome: HandshakeOutcome, ago: number][],
): HandshakeEvent[] {
  return said.map(([client, outcome, ago]) => ({ time: now - ago, client, host, outcome, ja4 }))
}

/** What a school's box may have learned in a week. */
export function learnedEntries(now: number): LearnedEntry[] {
  return [
    {
      id: 'pinned:api.bankapp.example',
      kind: 'pinned',
      client: '',
      host: 'api.bankapp.example',
      since: now - 3 * DAY,
      until: now + 4 * DAY,
      retestAt: now + 21 * HOUR,
      failures: 14,
      devices: 3,
      evidence: events(now, 'api.bankapp.example', BANK_APP, [
        ['10.77.1.14', 'closed-after-certificate', 50 * MINUTE],
        ['10.77.1.23', 'closed-after-certificate', 3 * HOUR],
        ['10.77.1.14', 'bad-certificate', 5 * HOUR],
        ['10.77.1.31', 'closed-after-certificate', 26 * HOUR],
      ]),
      state: 'active',
    },
    {
      id: 'untrusting:10.77.1.88',
      kind: 'untrusting',
      client: '10.77.1.88',
      host: '',
      since: now - 2 * HOUR,
      until: now + 22 * HOUR,
      retestAt: now + 4 * HOUR,
      failures: 6,
      devices: 1,
      evidence: [
        ...events(now, 'www.bbc.co.uk', BROWSER, [['10.77.1.88', 'unknown-ca', 2 * HOUR]]),
        ...events(now, 'en.wikipedia.org', BROWSER, [['10.77.1.88', 'unknown-ca', 2 * HOUR + 4000]]),
        ...events(now, 'upload.wikimedia.org', BROWSER, [['10.77.1.88', 'unknown-ca', 2 * HOUR + 5000]]),
      ],
      state: 'active',
    },
    {
      id: 'client-cert:portal.ministry.example',
      kind: 'client-cert',
      client: '',
      host: 'portal.ministry.example',
      since: now - 5 * DAY,
      until: now + 2 * DAY,
      retestAt: now + 2 * DAY,
      failures: 1,
      devices: 1,
      evidence: events(now, 'portal.ministry.example', BROWSER, [['10.77.1.52', 'client-cert-wanted', 5 * DAY]]),
      state: 'active',
    },
    {
      id: 'pinned:telemetry.app.example',
      kind: 'pinned',
      client: 'year7',
      host: 'telemetry.app.example',
      since: now - 6 * DAY,
      until: now + DAY,
      retestAt: now + DAY,
      failures: 9,
      devices: 2,
      evidence: events(now, 'telemetry.app.example', BANK_APP, [['10.77.1.42', 'closed-after-handshake', 6 * DAY]]),
      state: 'dismissed',
    },
  ]
}

export function exceptionFacts(now: number): ExceptionFacts[] {
  return [
    {
      host: 'old.intranet.example',
      allow: ['expired', 'old-tls'],
      until: now + 5 * DAY,
      reason: 'Timetable server; replaced in the holidays',
      line: 41,
      client: '',
    },
    {
      host: 'printers.school.example',
      allow: ['untrusted'],
      until: now + 190 * DAY,
      reason: 'Signed by themselves',
      line: 45,
      client: '',
    },
    { host: 'club.example', allow: ['name'], until: now + 40 * MINUTE, reason: '', line: 0, client: '10.77.1.23' },
  ]
}

const NEVER: [host: string, reason: string][] = [
  ['push.apple.com', 'push notifications, courier and provider'],
  ['albert.apple.com', 'device activation'],
  ['gs.apple.com', 'device setup, restore, update signing'],
  ...['appldnld', 'gdmf', 'gg', 'mesu', 'swcdn', 'swdist', 'swscan', 'xp'].map((name): [string, string] => [
    `${name}.apple.com`,
    'system updates',
  ]),
  ['=mtalk.google.com', 'push notifications'],
  ...Array.from({ length: 40 }, (_, i): [string, string] => [`update${i}.os.example`, 'system updates']),
]

/** The log behind that: who refused, who accepted, where an exception was used. */
export function tlsRows(now: number): LogRow[] {
  const rows: LogRow[] = []
  const broken = (client: string, host: string, handshake: string, ja4: string, ago: number): ConnectionRow =>
    connectionRow({
      time: now - ago,
      client,
      host,
      conn: `t-${rows.length}`,
      tier: 'inspect',
      tierReason: 'default',
      tierRule: '',
      tierRuleLine: 0,
      verdict: 'fail',
      reason: 'error',
      error: 'client-tls-distrust',
      errorDetail: handshake === 'unknown-ca' ? 'alert unknown_ca' : '',
      handshake,
      ja4,
      ja3: 'cd08e31494f9531f560d64c695473da9',
      clientTls: 'TLSv1.3',
      bytesUp: 517,
      bytesDown: 1400,
      durationMs: 12,
    })
  for (const { evidence } of learnedEntries(now))
    for (const { client, host, outcome, ja4, time } of evidence)
      if (outcome !== 'client-cert-wanted') rows.push(broken(client, host, outcome, ja4, now - time))
  rows.push(broken('10.77.1.99', 'www.bbc.co.uk', 'unknown-ca', BROWSER, 20 * MINUTE))
  rows.push(connectionRow({ time: now - HOUR, client: '10.77.1.7', host: 'updates.os.example', tier: 'pass' }))
  for (const [i, client] of ['10.77.1.14', '10.77.1.23', '10.77.1.31', '10.77.1.42', 'fd77:1::14'].entries()) {
    const conn = `t-ok-${i}`
    const time = now - (i + 1) * 7 * MINUTE
    rows.push(
      connectionRow({
        time,
        client,
        host: 'www.bbc.co.uk',
        conn,
        tier: 'inspect',
        tierReason: 'default',
        tierRule: '',
        tierRuleLine: 0,
        exchanges: 1,
        handshake: 'trusted',
        ja4: BROWSER,
        clientTls: 'TLSv1.3',
        ech: i === 0 ? 1 : 0,
      }),
      exchangeRow({ time, client, host: 'www.bbc.co.uk', path: '/news', conn, revocation: 'ocsp' }),
    )
  }
  for (let i = 0; i < 4; i++) {
    const conn = `t-old-${i}`
    const exception = 'expired, old-tls (line 41: Timetable server; replaced in the holidays)'
    const shared = {
      time: now - i * HOUR - MINUTE,
      client: '10.77.1.23',
      host: 'old.intranet.example',
      conn,
      exception,
    }
    rows.push(
      connectionRow({
        ...shared,
        tier: 'inspect',
        exchanges: 1,
        handshake: 'trusted',
        ja4: BROWSER,
        clientTls: 'TLSv1.3',
      }),
      exchangeRow({ ...shared, path: '/timetable', originTls: 'TLSv1.0', revocation: 'none' }),
    )
  }
  return rows.sort((a, b) => a.time - b.time)
}

/** The supervisor's half of what the page "TLS & CA" asks, with a state that its buttons change. */
export function tlsCalls(dir: string, now: number): Record<string, (params: never) => unknown> {
  let learned = learnedEntries(now)
  const made = (name: string) => loadOrCreateCa(path.join(dir, name), { hostname: name }).public
  const ca: CaState = { current: made('branch-4'), next: null, previous: [], encrypted: false }
  return {
    'learned.list': () => learned,
    'learned.do': ({ id, do: what }: { id: string; do: LearnedDo['do'] }) => {
      const found = learned.some(entry => entry.id === id)
      if (what === 'remove') learned = learned.filter(entry => entry.id !== id)
      else
        learned = learned.map(entry =>
          entry.id === id ? { ...entry, state: what === 'dismiss' ? 'dismissed' : 'active' } : entry,
        )
      return found
    },
    'learned.export': () => ({ yaml: '- name: "Learned (pinned): api.bankapp.example"\n' }),
    'tls.exceptions': () => exceptionFacts(now),
    'tls.never-decrypt': () => ({
      inForce: true,
      entries: NEVER.map(([host, reason], i) => ({ host, reason, line: i + 10 })),
    }),
    'ca.state': () => ca,
    'ca.rotate': ({ step }: { step: 'prepare' | 'finish' | 'cancel' }) => {
      if ((step === 'prepare') === (ca.next !== null)) return { refused: 'That step does not fit.' }
      if (step === 'finish') {
        ca.previous = [ca.current, ...ca.previous]
        ca.current = ca.next!
      }
      ca.next = step === 'prepare' ? made('branch-4-next') : null
      return { refused: '' }
    },
  }
}
