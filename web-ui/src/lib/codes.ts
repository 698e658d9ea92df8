import type { TrafficRow, Why } from '../../../src/admin/api.ts'
import type { Allowance, HandshakeOutcome } from '../../../src/core/tls-policy.ts'
import { type Key, t } from '../i18n/index.ts'
import { ApiFailure } from './api.ts'

/**
 * The one place where closed codes of the server become words. Completeness is a matter of types: a code that core
 * gains without words here does not compile, because the template's type is then no Key.
 */
export function reasonText(why: Why): string {
  const key: Key = `reason.${why.code}`
  return t(key, { rule: why.rule, line: why.ruleLine, list: why.list, listLine: why.listLine })
}

export function failureText(code: TrafficRow['error']): string {
  if (code === '') return ''
  const key: Key = `failure.${code}`
  return t(key)
}

/** What a client said by the way it ended a handshake. */
export function outcomeText(outcome: HandshakeOutcome): string {
  const key: Key = `handshake.${outcome}`
  return t(key)
}

/** What an exception overlooks. */
export function allowanceText(allowance: Allowance): string {
  const key: Key = `allow.${allowance}`
  return t(key)
}

const ALLOWANCES: readonly Allowance[] = ['expired', 'weak', 'old-tls', 'name', 'untrusted']

/** As the log has it: `expired, old-tls (line 12: why)`, with its codes in words. */
export function exceptionText(text: string): string {
  const [, codes = '', rest = ''] = /^([a-z, -]*)( \(.*)?$/s.exec(text) ?? []
  const words = codes.split(', ').map(code => (isAllowance(code) ? allowanceText(code) : code))
  return codes === '' ? text : words.join(', ') + rest
}

function isAllowance(code: string): code is Allowance {
  return (ALLOWANCES as readonly string[]).includes(code)
}

const SOURCES = ['staple', 'ocsp', 'crl', 'list', 'none'] as const

/** What says that a certificate is not revoked. */
export function revocationText(source: string): string {
  const known = SOURCES.find(one => one === source)
  return known === undefined ? source : t(`revocation.${known}`)
}

/** For a call that failed: what happened, and the id under which the log has it. */
export function callText(error: unknown): string {
  if (!(error instanceof ApiFailure)) return t('error.internal')
  const key: Key = `error.${error.code}`
  const [problem] = error.problems
  const words = problem ? problem.message : t(key, { seconds: error.retryAfter })
  return error.requestId === '' ? words : `${words} ${t('error.request', { id: error.requestId })}`
}
