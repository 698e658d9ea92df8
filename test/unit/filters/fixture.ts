import { Conn } from '../../../src/core/conn.ts'
import { type Decision, NO_REASON, type Policy, type RequestFacts } from '../../../src/core/decision.ts'
import { Exchange, type LocalReply, type RequestHead } from '../../../src/core/exchange.ts'

export function exchange(request: Partial<RequestHead> = {}): Exchange {
  const conn = new Conn({
    id: 'w1-7',
    clientAddr: '10.77.1.9',
    clientPort: 50_000,
    dstAddr: '192.0.2.1',
    dstPort: 443,
    ingress: 'tproxy',
    startedAt: 1000,
    startedMono: 1,
  })
  const head: RequestHead = {
    method: 'GET',
    scheme: 'https',
    host: 'www.example',
    port: 443,
    path: '/a?b',
    headers: [],
    version: 11,
    bodyLength: 0,
    expectContinue: false,
    upgrade: null,
    ...request,
  }
  return new Exchange(conn, head, 2000, 2)
}

export function reply(status: number): LocalReply {
  return { status, headers: [], body: Buffer.from(String(status)) }
}

export function decision(more: Partial<Decision> = {}): Decision {
  return { verdict: 'allow', reason: NO_REASON, tier: 'inspect', tierReason: NO_REASON, ...more }
}

/** Notes what it was asked. */
export function policyThat(answer: Decision, asked: RequestFacts[] = []): Policy {
  return {
    version: 't',
    tls: {
      revocation: 'soft',
      override: 'never',
      oldClients: 'refuse',
      notHttp: 'relay',
      untrusting: 'names',
      pinned: 'names',
      neverDecrypt: 'none',
    },
    headers: { via: 'pseudonym', forwarded: () => 'remove' },
    exceptionFor: () => null,
    decideConnection: () => answer,
    decideRequest(facts) {
      asked.push(facts)
      return answer
    },
  }
}
