import { addrBytes } from '../core/addr.ts'
import type { HelloFacts } from '../core/conn.ts'
import type { ErrorCode } from '../core/errors.ts'

/** What a client is told whose hello is refused (RFC 8446 §6.2, RFC 6066 §3, RFC 7301 §3.2). */
export const ALERT = {
  accessDenied: 49,
  protocolVersion: 70,
  internalError: 80,
  unrecognizedName: 112,
  noApplicationProtocol: 120,
} as const

/** Nothing is minted for what is no name. An address where a name belongs is as good as none if it is the destination. */
export function mayBeCertified({ badName, sniAddress }: HelloFacts, dstAddr: string): boolean {
  if (badName || sniAddress === null) return !badName
  const asked = addrBytes(sniAddress)
  const going = addrBytes(dstAddr)
  return asked !== null && going !== null && Buffer.compare(asked, going) === 0
}

/** The words of the hello's parser, as far as they have a code of their own. */
export function codeOf(why: string): ErrorCode {
  if (why === 'sslv2') return 'client-tls-old'
  return why === 'several-names' || why === 'bad-server-name' ? 'client-tls-name' : 'client-tls'
}
