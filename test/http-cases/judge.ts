import type { Case, Expect } from './case.ts'
import { type Message, readAnswers } from './messages.ts'

/** What the two ends of one case saw. */
export interface Observed {
  readonly id: string
  /** All that came to the client, Latin-1. */
  readonly client: string
  readonly clientEnd: 'open' | 'closed' | 'reset'
  readonly requests: readonly SeenRequest[]
  /** Bytes after a request that are none, at the origin. */
  readonly stray: string
  /** Connections of the origin that the case used, and how many of these were ended by the gateway (or by the case). */
  readonly connections: number
  readonly ended: number
}

export interface SeenRequest {
  readonly head: string
  readonly body: string
  readonly trailers: string
  readonly complete: boolean
}

/**
 * What is wrong, or null. `exact`: the status must be the one named; else, for products with habits of their own, any
 * refusal is as good as another.
 */
export function judge(trial: Case, seen: Observed, exact: boolean): string | null {
  const over = seen.clientEnd !== 'open'
  const answers = readAnswers(seen.client, methodsOf(trial), over)
  const { expect } = trial
  return (
    wrongAtOrigin(expect, seen) ??
    wrongStatuses(expect, answers.finals, exact) ??
    wrongEnd(expect, seen, answers.finals) ??
    wrongText(expect, seen, answers)
  )
}

function methodsOf(trial: Case): string[] {
  const text = trial.send.map(step => (typeof step === 'object' ? step.drip : step)).join('')
  return [...text.matchAll(/^(\S+) \S+ HTTP\/1\.\d\r$/gm)].map(match => match[1]!)
}

function wrongAtOrigin(expect: Expect, { requests, stray }: Observed): string | null {
  if (stray !== '') return `the origin got bytes of no request: ${shown(stray)}`
  if (expect.requests === 'any') return null
  const whole = requests.filter(request => request.complete)
  if (expect.requests === 'cut') {
    if (whole.length > 0 || requests.length > 1) return 'the origin got it as a whole request'
    return null
  }
  if (requests.length !== expect.requests) return `requests at the origin: ${requests.length}`
  return whole.length === requests.length ? null : 'the origin got only a part of a request'
}

function wrongStatuses(expect: Expect, finals: readonly Message[], exact: boolean): string | null {
  const got = finals.map(message => message.status)
  const told = got.length === 0 ? 'no answer' : got.join(', ')
  const { kind, statuses } = expect
  if (kind === 'refused' && got.length === 0) return null // by the end of the connection, which is looked at elsewhere
  if (!exact && (kind === 'refused' || kind === 'bad-origin')) {
    return got.length === 1 && got[0]! >= (kind === 'refused' ? 400 : 500) ? null : told
  }
  // Cut off before its head was out, or in its middle
  if (kind === 'cut' && got.length === 0) return null
  const fits = (status: number, i: number) => [statuses[i]].flat().includes(status)
  return got.length === statuses.length && got.every(fits) ? null : told
}

function wrongEnd(expect: Expect, seen: Observed, finals: readonly Message[]): string | null {
  const last = finals.at(-1)
  const whole = last === undefined || (last.complete && !(last.untilClose && seen.clientEnd === 'reset'))
  if (expect.kind === 'cut' && last !== undefined && whole) return 'the answer looks whole'
  if (expect.kind !== 'cut' && !whole) return 'the answer is cut off'
  if (expect.closed === true && seen.clientEnd === 'open') return 'the connection stays open'
  if (expect.closed === false && seen.clientEnd !== 'open') return 'the connection is closed'
  if (expect.originClosed === true && seen.ended < seen.connections) return "the origin's connection stays open"
  if (expect.connections !== undefined && expect.connections !== seen.connections)
    return `connections to the origin: ${seen.connections}`
  return null
}

function wrongText(expect: Expect, seen: Observed, answers: ReturnType<typeof readAnswers>): string | null {
  const atOrigin = seen.requests.map(r => `${r.head}\r\n${r.body}${r.trailers}`).join('')
  const interims = answers.interims.map(message => message.status)
  if (expect.interim !== undefined && interims.join() !== expect.interim.join())
    return `interim: ${interims.join(', ') || 'none'}`
  if (answers.rest !== '' && expect.kind === 'passed' && answers.finals.at(-1)?.status !== 101)
    return `bytes after the answer: ${shown(answers.rest)}`
  const request = seen.requests.at(-1)
  const answer = answers.finals.at(-1)
  return (
    lacks('to the origin', atOrigin, filled(expect.originHas, seen.id)) ??
    has('to the origin', atOrigin, expect.originLacks) ??
    lacks('to the client', seen.client, expect.clientHas) ??
    has('to the client', seen.client, expect.clientLacks) ??
    differs('request body', request?.body, expect.originBody) ??
    differs('body', answer?.body, expect.body) ??
    differs('trailers', answer?.trailers, expect.trailers)
  )
}

const filled = (patterns: Patterns, id: string): Patterns =>
  patterns?.map(pattern => (typeof pattern === 'string' ? pattern.replaceAll('@ID', id) : pattern))

type Patterns = readonly (string | RegExp)[] | undefined

const found = (text: string, pattern: string | RegExp) =>
  typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)

function lacks(where: string, text: string, patterns: Patterns): string | null {
  const missing = patterns?.find(pattern => !found(text, pattern))
  return missing === undefined ? null : `not ${where}: ${shown(String(missing))}`
}

function has(where: string, text: string, patterns: Patterns): string | null {
  const present = patterns?.find(pattern => found(text, pattern))
  return present === undefined ? null : `${where}: ${shown(String(present))}`
}

function differs(what: string, got: string | undefined, wanted: string | undefined): string | null {
  return wanted === undefined || got === wanted ? null : `${what}: ${shown(got ?? 'none')}`
}

const shown = (text: string): string => {
  const quoted = JSON.stringify(text.slice(0, 60))
  return text.length > 60 ? `${quoted}…` : quoted
}
