import type { Allowance, TlsException, TlsPolicy } from '../core/tls-policy.ts'
import type { PolicyDocument } from './schema.ts'
import { exceptionHost, parseUntil } from './tls-schema.ts'

/** What holds where the document says nothing. */
const DEFAULT_TLS: TlsPolicy = {
  revocation: 'soft',
  override: 'never',
  oldClients: 'refuse',
  notHttp: 'relay',
  untrusting: 'names',
  pinned: 'names',
  neverDecrypt: 'default',
}

/** Longer than that nobody remembers why. Leap days included. */
const MAX_AHEAD_MS = (2 * 365 + 1) * 86_400_000

export function compileTls(part: PolicyDocument['tls']): TlsPolicy {
  const tls = { ...DEFAULT_TLS }
  // A key without a value is left out by the schema, so nothing is overwritten by undefined
  return Object.assign(tls, part ?? {})
}

type Place = { line: number; problem(message: string): void }

/** The exceptions of a document that passed the schema; what only shows with all of them and the clock is told here. */
export function compileExceptions(
  document: NonNullable<PolicyDocument['exceptions']>,
  importedAt: number | null,
  at: (path: readonly PropertyKey[]) => Place,
): TlsException[] {
  const lines = new Map<string, number>()
  return document.map((one, i) => {
    const { line } = at(['exceptions', i])
    const host = exceptionHost(one.host)
    const until = parseUntil(one.until) ?? 0
    const before = lines.get(host)
    if (before === undefined) lines.set(host, line)
    else at(['exceptions', i, 'host']).problem(`"${host}" has an exception in line ${before} already; make them one.`)
    if (importedAt !== null && until > importedAt + MAX_AHEAD_MS) {
      at(['exceptions', i, 'until']).problem('lies more than two years ahead; nobody remembers then why it is there.')
    }
    return { host, allow: new Set<Allowance>(one.allow), until, reason: one.reason, line, only: null }
  })
}
