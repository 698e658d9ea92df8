import net from 'node:net'
import { plainAddr } from '../core/addr.ts'
import type { Reason, Tier } from '../core/decision.ts'
import { UserError } from '../core/errors.ts'
import type { TlsException } from '../core/tls-policy.ts'
import type { CompiledPolicy } from './decide.ts'
import { canonicalName } from './names.ts'
import { NEVER_DECRYPT } from './never-decrypt.ts'

export interface Question {
  /** Address of the client. */
  client: string
  /** `https://host/path`; without a scheme, https is meant. */
  url: string
  /** Milliseconds since the epoch. */
  at: number
  /** Address the client would connect to; without it no rule with `destinations` matches a URL that has a name. */
  dst?: string
}

/** One half of the answer: what was decided, and by which words of the document. */
export interface Because {
  reason: Reason
  /** The deciding rule as it stands in the document; '' when none did. */
  ruleText: string
}

export interface Explanation {
  client: string
  url: string
  at: number
  policyVersion: string
  tier: Tier
  tierBecause: Because
  verdict: 'allow' | 'block'
  verdictBecause: Because
  /** At which point the verdict falls: when only the name is known, or with the whole URL. */
  decidedAt: 'connection' | 'request'
  /** What may be overlooked at the origin; null on plain HTTP and where no exception is in force. */
  exception: TlsException | null
}

/** What would happen, by the same functions that decide for traffic. Throws UserError on a question that makes no sense. */
export function explain(policy: CompiledPolicy, question: Question): Explanation {
  const client = plainAddr(question.client)
  if (net.isIP(client) === 0) throw new UserError(`"${question.client.slice(0, 80)}" is no IP address of a client.`)
  const url = parseQuestionUrl(question.url)
  const scheme = url.protocol === 'http:' ? 'http' : 'https'
  const host = canonicalName(url.hostname) ?? url.hostname
  const facts = {
    clientAddr: client,
    dstAddr: question.dst ?? (net.isIP(host) !== 0 ? host : ''),
    dstPort: url.port === '' ? (scheme === 'http' ? 80 : 443) : Number(url.port),
    host,
    now: question.at,
  }
  const connection = policy.decideConnection(facts)
  // Plain HTTP is readable without a certificate, so only `pass` keeps its requests from view
  const readable = scheme === 'https' ? connection.tier === 'inspect' : connection.tier !== 'pass'
  const byName = connection.verdict === 'block' || !readable
  const decision = byName ? connection : policy.decideRequest({ ...facts, scheme, path: url.pathname + url.search })
  return {
    client,
    url: url.href,
    at: question.at,
    policyVersion: policy.version,
    tier: connection.tier,
    tierBecause: because(policy, connection.tierReason),
    verdict: decision.verdict,
    verdictBecause: because(policy, decision.reason),
    decidedAt: byName ? 'connection' : 'request',
    // A spliced connection is judged by the client itself, which knows nothing of our exceptions
    exception: scheme === 'https' && connection.tier === 'inspect' ? policy.exceptionFor(host, question.at) : null,
  }
}

function parseQuestionUrl(text: string): URL {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`)
  if (url === null || url.hostname === '' || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new UserError(`"${text.slice(0, 200)}" is no http or https address, such as https://shop.example/cart.`)
  }
  return url
}

function because(policy: CompiledPolicy, reason: Reason): Because {
  const rule = reason.rule === null ? undefined : policy.rules.find(one => one.line === reason.line)
  if (rule === undefined) return { reason, ruleText: '' }
  const lines = policy.text.split('\n').slice(rule.line - 1, rule.endLine)
  return { reason, ruleText: lines.join('\n') }
}

const TIER_WORDS: Record<Tier, string> = {
  inspect: 'inspect: decrypted and read',
  names: 'names: only the names in the handshake are seen',
  pass: 'pass: not looked into',
}

/** For the terminal; ends with a newline. */
export function formatExplanation(explanation: Explanation): string {
  const { verdict, decidedAt } = explanation
  const moment = decidedAt === 'request' ? 'with the whole URL known' : 'by the name alone, before any request is seen'
  const lines = [
    `client   ${explanation.client}`,
    `url      ${explanation.url}`,
    `at       ${new Date(explanation.at).toISOString()}`,
    `policy   version ${explanation.policyVersion}`,
    '',
    `tier     ${TIER_WORDS[explanation.tier]}`,
    ...reasonLines(explanation.tierBecause, 'no rule sets a tier: the default of the box'),
    '',
    `verdict  ${verdict}, ${moment}`,
    ...reasonLines(explanation.verdictBecause, 'no rule sets an action: the default of the policy'),
    ...exceptionLines(explanation.exception),
  ]
  return `${lines.join('\n')}\n`
}

function exceptionLines(exception: TlsException | null): string[] {
  if (exception === null) return []
  const { host, allow, until, reason, line } = exception
  return [
    '',
    `origin   ${[...allow].join(', ')} is overlooked until ${new Date(until).toISOString()}`,
    `         exception for ${host}, line ${line}: ${reason}`,
  ]
}

function reasonLines({ reason, ruleText }: Because, otherwise: string): string[] {
  if (reason.code === 'never-decrypt') {
    const entry = NEVER_DECRYPT.split('\n')[reason.listLine - 1]?.replace(/\s+/g, ' ') ?? ''
    return [`         never opened by default, never-decrypt.txt line ${reason.listLine}`, `         | ${entry}`]
  }
  if (reason.code === 'ech')
    return ['         a public name of Encrypted Client Hello: opened, so that the client names the site']
  if (reason.rule === null) return [`         ${otherwise}${reason.line > 0 ? ` (line ${reason.line})` : ''}`]
  const list = reason.list === null ? '' : `, list "${reason.list}" line ${reason.listLine}`
  return [
    `         rule "${reason.rule}", line ${reason.line}${list}`,
    ...ruleText.split('\n').map(line => `         | ${line}`),
  ]
}
