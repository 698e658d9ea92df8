import type { TLSSocket } from 'node:tls'
import { WeirError } from '../../core/errors.ts'
import { type CertificateFacts, readCertificate } from '../x509.ts'

/** RFC 8446 §4.4.2 wants extra certificates tolerated; nobody sends so many with good intent. */
const MAX_PRESENTED = 20

/**
 * Every certificate the server sent, in its order, the strangers too: getPeerX509Certificate() carries the list of the
 * handshake message as its issuerCertificate links, while getPeerCertificate(true) keeps only those that issue each other
 * and adds roots. Reading changes nothing; it costs 20 µs a certificate. Empty after a resumption.
 */
export function presentedChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = []
  let at = socket.getPeerX509Certificate()
  for (; at !== undefined && chain.length < MAX_PRESENTED; at = at.issuerCertificate) chain.push(at.raw)
  return chain
}

/** The facts of those that can be read; the error when the server's own cannot. An unreadable one above may be a stranger. */
export function readPresented(chain: readonly Buffer[]): { presented: CertificateFacts[]; error: WeirError | null } {
  if (chain.length === 0)
    return { presented: [], error: new WeirError('origin-cert-invalid', 'The server showed none.') }
  const own = readCertificate(chain[0]!, true)
  if (typeof own === 'string')
    return { presented: [], error: new WeirError('origin-cert-invalid', `Its own certificate is malformed: ${own}.`) }
  const above = chain.slice(1, MAX_PRESENTED).map(der => readCertificate(der, true))
  return { presented: [own, ...above.filter(facts => typeof facts !== 'string')], error: null }
}
