import { TLSSocket } from 'node:tls'
import type { CaPublic } from '../core/ca.ts'
import type { Policy } from '../core/decision.ts'
import type { Limits } from '../core/limits.ts'
import { mayCertify } from '../core/name-limits.ts'
import type { HandshakeEvent } from '../core/tls-policy.ts'
import type { SharedFacts } from '../enrol/shared-facts.ts'
import { outcomeOf } from '../learn/outcome.ts'
import { helloFacts } from '../peek/clienthello.ts'
import { type PeekResult, peek } from '../peek/peek.ts'
import type { Peeked, Stations } from '../pipeline/stations.ts'
import { isEchPublicName } from '../policy/ech-names.ts'
import { type LearnedLookup, overlay, refusalOf } from '../policy/overlay.ts'
import { refuseHello } from '../tls/alert.ts'
import { terminate } from '../tls/terminate.ts'

const MAX_HELLO_BYTES = 65_536
/** A client silent for so long lets its server speak first. */
const FIRST_BYTE_MS = 1500
/** `http/1.0` for those that offer nothing else (`curl --http1.0`): left out, it would be a way past the policy. */
const ALPN = ['h2', 'http/1.1', 'http/1.0'] as const

export interface ClientSideDeps {
  policy(): Policy
  facts: SharedFacts
  /** The one in use. */
  ca(): CaPublic
  learned: LearnedLookup
  handshake(event: HandshakeEvent): void
  limits: Limits['client']
}

type ClientSide = Pick<
  Stations,
  'peek' | 'peekLater' | 'refuseHello' | 'overlay' | 'refusalOf' | 'terminate' | 'outcomeOf' | 'handshake'
>

/** What meets the client: its first bytes, the decision about them, and our end of its TLS. */
export function clientSide({ policy, ca, facts, learned, handshake, limits }: ClientSideDeps): ClientSide {
  const { helloMs, handshakeMs } = limits
  const looking = { maxBytes: MAX_HELLO_BYTES, firstByteMs: FIRST_BYTE_MS, totalMs: helloMs }
  return {
    peek: (socket, done) => void peek(socket, looking, result => done(peeked(result))),
    peekLater: (socket, firstByteMs, done) =>
      peek(
        socket,
        { ...looking, firstByteMs, totalMs: firstByteMs + helloMs, host: !(socket instanceof TLSSocket) },
        result => done(peeked(result)),
      ),
    refuseHello,
    overlay: (decision, connection, hello) => {
      const name = connection.host ?? connection.dstAddr
      const enrolling = facts.enrolling(connection.clientAddr, name, connection.now)
      const certifiable = mayCertify(name, ca().limits)
      return overlay(policy(), decision, { ...connection, hello, enrolling, certifiable }, learned)
    },
    refusalOf,
    terminate: (socket, context, options, done) => {
      const echPublicName = isEchPublicName(options.requestName)
      terminate(socket, context, { alpn: ALPN, handshakeMs, echPublicName, ...options }, done)
    },
    outcomeOf,
    handshake,
  }
}

function peeked(result: PeekResult): Peeked {
  return result.kind === 'tls' ? { kind: 'tls', facts: helloFacts(result.hello) } : result
}
