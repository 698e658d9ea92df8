import type { TlsException } from '../core/tls-policy.ts'

/**
 * What was overlooked for one may not be used by another: part of the key of connections and sessions. Nearly always the
 * empty string.
 */
export function exceptionKey(exception: TlsException | null): string {
  if (exception === null) return ''
  const { allow, until, only } = exception
  return `${[...allow].sort().join('+')}@${until}${only === null ? '' : `|${only.client}|${only.fingerprint}`}`
}
