import type { LearnedEntry } from '../core/tls-policy.ts'
import { exactly } from '../store/filter-language.ts'
import { REFUSALS, type TlsUse } from '../store/tls-summary.ts'
import type { ExceptionFacts, ExceptionsAnswer, LearnedAnswer, TrustAnswer, TrustedDevice } from './api.ts'
import type { AdminDeps } from './deps.ts'

/** What the supervisor knows about TLS put beside what the log says, each number with the filter that lists its rows. */

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const DAYS = 7
/** However many pages are open, the log is asked so often at most. */
const KEEP_MS = 5000
const MAX_DEVICES = 500
/** A filter has at most 20 terms. */
const MAX_INNER = 15
const BROKEN_OFF = `handshake:${REFUSALS.join(',')}`

const readers = new WeakMap<object, () => Promise<TlsUse>>()

/** The log's side, kept for some seconds; all routes of one app share it. */
export function tlsUseReader(deps: Pick<AdminDeps, 'reader'>): () => Promise<TlsUse> {
  const made = readers.get(deps) ?? makeReader(deps)
  readers.set(deps, made)
  return made
}

function makeReader(deps: Pick<AdminDeps, 'reader'>): () => Promise<TlsUse> {
  let kept: { at: number; use: Promise<TlsUse> } | null = null
  return () => {
    const now = Date.now()
    if (kept !== null && now - kept.at < KEEP_MS) return kept.use
    // Whole hours, so that a link is the same for an hour and its rows are those counted here.
    const since = Math.floor((now - DAYS * DAY_MS) / HOUR_MS) * HOUR_MS
    const use = deps.reader.call('tlsUse', { since })
    kept = { at: now, use }
    use.catch(() => {
      kept = null
    })
    return use
  }
}

/** In force before dismissed, then newest first. */
export function findLearned(entries: readonly LearnedEntry[], q: string): LearnedEntry[] {
  const part = q.trim().toLowerCase()
  return entries
    .filter(({ host, client }) => host.includes(part) || client.toLowerCase().includes(part))
    .sort((a, b) => Number(a.state === 'dismissed') - Number(b.state === 'dismissed') || b.since - a.since)
}

export function withUse(entries: LearnedEntry[], use: TlsUse): LearnedAnswer['entries'] {
  return entries.map(entry => {
    const groups = use.refused.filter(
      group => (entry.host === '' || group.host === entry.host) && (!isAddress(entry) || group.client === entry.client),
    )
    const terms = [BROKEN_OFF, `after:${use.since}`]
    if (entry.host !== '') terms.unshift(exactly('host', entry.host))
    if (isAddress(entry)) terms.unshift(exactly('client', entry.client))
    return {
      ...entry,
      refused: { count: sum(groups), q: terms.join(' ') },
      refusedDevices: new Set(groups.map(group => group.client)).size,
    }
  })
}

/** The name of a policy group begins with a letter and has no colon; an address has a digit first, or a colon. */
function isAddress({ client }: LearnedEntry): boolean {
  return client !== '' && (/^[0-9]/.test(client) || client.includes(':'))
}

export function exceptionsWithUse(exceptions: ExceptionFacts[], use: TlsUse): ExceptionsAnswer['exceptions'] {
  const hosts = new Set(exceptions.map(exception => exception.host))
  return exceptions.map(exception => {
    const { host } = exception
    // A host below with an exception of its own is not this one's.
    const inner = [...hosts].filter(other => other !== host && isBelow(other, host)).slice(0, MAX_INNER)
    const count = use.exceptions
      .filter(used => isBelow(used.host, host) && !inner.some(other => isBelow(used.host, other)))
      .reduce((total, used) => total + used.count, 0)
    const terms = [`host:"${host}"`, ...inner.map(other => `-host:"${other}"`), 'exception:yes', `after:${use.since}`]
    return { ...exception, used: { count, q: terms.join(' ') } }
  })
}

function isBelow(host: string, base: string): boolean {
  return host === base || host.endsWith(`.${base}`)
}

/** Every device seen in that time: first who refuses, then who has shown nothing, then who trusts. */
export function trustOf(use: TlsUse, learned: readonly LearnedEntry[]): TrustAnswer {
  const untrusting = new Set(
    learned.filter(entry => entry.kind === 'untrusting' && entry.state === 'active').map(entry => entry.client),
  )
  const refusals = Map.groupBy(use.refused, group => group.client)
  const devices = use.seen.map(({ client, time, host }): TrustedDevice => {
    const groups = refusals.get(client) ?? []
    const last = groups.reduce((a, b) => (b.last > (a?.last ?? 0) ? b : a), groups[0])
    const isLearned = untrusting.has(client)
    // Who trusts us may still run an app that does not; only who never does, does not trust us.
    const trusts = isLearned ? false : time > 0 ? true : groups.length > 0 ? false : null
    const sign =
      trusts === true
        ? { at: time, host, outcome: 'trusted' as const }
        : { at: last?.last ?? 0, host: last?.host ?? '', outcome: last?.outcome ?? ('' as const) }
    return {
      client,
      trusts,
      ...sign,
      refused: { count: sum(groups), q: `${exactly('client', client)} ${BROKEN_OFF} after:${use.since}` },
      refusedSince: groups.reduce((first, group) => Math.min(first, group.first), groups[0]?.first ?? 0),
      learned: isLearned,
    }
  })
  devices.sort((a, b) => rank(a) - rank(b) || b.at - a.at || (a.client < b.client ? -1 : 1))
  return { devices: devices.slice(0, MAX_DEVICES), more: use.more || devices.length > MAX_DEVICES }
}

function rank({ trusts }: TrustedDevice): number {
  return trusts === false ? 0 : trusts === null ? 1 : 2
}

function sum(groups: readonly { count: number }[]): number {
  return groups.reduce((total, group) => total + group.count, 0)
}
