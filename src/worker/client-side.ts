import { TLSSocket } from 'node:tls'
import type { Policy } from '../core/decision.ts'
import type { HandshakeEvent } from '../core/tls-policy.ts'
import type { SharedFacts } from '../enrol/shared-facts.ts'
import { outcomeOf } from '../learn/outcome.ts'
import { helloFacts } from '../peek/clienthello.ts'
import { type PeekResult, peek } from '../peek/peek.ts'
import type { Peeked, Stations } from '../pipeline/stations.ts'
import { type LearnedLookup, overlay, refusalOf } from '../policy/overlay.ts'
import { refuseHello } from '../tls/alert.ts'
import { terminate } from '../tls/terminate.ts'

const PEEK = { maxBytes: 65_536, firstByteMs: 1500, totalMs: 10_000 }
const HANDSHAKE_MS = 20_000
const ALPN = ['h2', 'http/1.1'] as const

export interface ClientSideDeps {
  policy(): Policy
  facts: SharedFacts
  learned: LearnedLookup
  handshake(event: HandshakeEvent): void
}

type ClientSide = Pick<
  Stations,
  'peek' | 'peekLater' | 'refuseHello' | 'overlay' | 'refusalOf' | 'terminate' | 'outcomeOf' | 'handshake'
>

/** What meets the client: its first bytes, the decision about them, and our end of its TLS. */
export function clientSide({ policy, facts, learned, handshake }: ClientSideDeps): ClientSide {
  return {
    peek: (socket, done) => void peek(socket, PEEK, result => done(peeked(result))),
    peekLater: (socket, firstByteMs, done) =>
      peek(
        socket,
        { ...PEEK, firstByteMs, totalMs: firstByteMs + PEEK.totalMs, host: !(socket instanceof TLSSocket) },
        result => done(peeked(result)),
      ),
    refuseHello,
    overlay: (decision, connection, hello) => {
      const enrolling = facts.enrolling(connection.clientAddr, connection.host ?? connection.dstAddr, connection.now)
      return overlay(policy(), decision, { ...connection, hello, enrolling }, learned)
    },
    refusalOf,
    terminate: (socket, context, options, done) =>
      terminate(socket, context, { alpn: ALPN, handshakeMs: HANDSHAKE_MS, ...options }, done),
    outcomeOf,
    handshake,
  }
}

function peeked(result: PeekResult): Peeked {
  return result.kind === 'tls' ? { kind: 'tls', facts: helloFacts(result.hello) } : result
}
