/**
 * Bytes as Latin-1 text, with @ID and @HOST to be filled in; the same in pieces, one every few milliseconds; a pause in
 * milliseconds; the end of the sender's side; a reset.
 */
export type Step = string | { readonly drip: string } | number | 'FIN' | 'RST'

/** One raw-byte case: what the client sends, what its origin answers, and what must come of it. */
export interface Case {
  /** `9112 §6.1` */
  readonly section: string
  readonly title: string
  readonly send: readonly Step[]
  /** To every request, in turn; the last one again and again. */
  readonly answers: readonly (readonly Step[])[]
  /** The answer begins when the request's head is there. */
  readonly early: boolean
  readonly expect: Expect
}

export interface Expect {
  /** Final answers at the client, in order. */
  readonly statuses: readonly (number | readonly number[])[]
  /** `none` may also be told by a connection that ends without any answer. */
  readonly kind: 'refused' | 'passed' | 'bad-origin' | 'cut'
  /** Interim answers at the client, in order. */
  readonly interim?: readonly number[]
  /** Whole requests the origin gets; `cut`: at most a part of one; `any`: of no matter. */
  readonly requests: number | 'cut' | 'any'
  /** Has the client's connection been ended by the gateway? */
  readonly closed?: boolean
  /** Has the origin's connection been ended by the gateway? */
  readonly originClosed?: boolean
  /** By so many connections the requests came to the origin. */
  readonly connections?: number
  /** In what the origin got, with @ID filled in. Its heads are as sent; bodies are without their framing. */
  readonly originHas?: readonly (string | RegExp)[]
  readonly originLacks?: readonly (string | RegExp)[]
  /** In all that the client got. */
  readonly clientHas?: readonly (string | RegExp)[]
  readonly clientLacks?: readonly (string | RegExp)[]
  /** Body of the last request, of the last answer, unframed. */
  readonly originBody?: string
  readonly body?: string
  /** Trailer section of the last answer, as sent. */
  readonly trailers?: string
}

export const HOST = 'Host: @HOST\r\nX-Case: @ID\r\n'
export const OK = 'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nok'

/** A head; `fields` without their CRLF. */
export function head(line: string, ...fields: string[]): string {
  return `${line}\r\n${HOST}${fields.map(field => `${field}\r\n`).join('')}\r\n`
}

export const get = (...fields: string[]): string => head('GET /@ID HTTP/1.1', ...fields)
export const post = (...fields: string[]): string => head('POST /@ID HTTP/1.1', ...fields)
export const chunked = (body: string, ...fields: string[]): string =>
  post('Transfer-Encoding: chunked', ...fields) + body

/** A request that must never become one of its own: the origin would count it. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: @HOST\r\nX-Case: @ID\r\n\r\n'

export const refused = (status: number | readonly number[] = 400, more: Partial<Expect> = {}): Expect => ({
  kind: 'refused',
  statuses: [status],
  requests: 0,
  closed: true,
  ...more,
})
/** The error is in the body: the head may have gone on. */
export const refusedBody = (more: Partial<Expect> = {}): Expect =>
  refused(400, { requests: 'cut', originClosed: true, ...more })
export const passed = (more: Partial<Expect> = {}): Expect => ({
  kind: 'passed',
  statuses: [200],
  requests: 1,
  ...more,
})
export const badOrigin = (more: Partial<Expect> = {}): Expect => ({
  kind: 'bad-origin',
  statuses: [502],
  requests: 1,
  originClosed: true,
  ...more,
})
/** The answer has begun and can only be cut off. */
export const cut = (more: Partial<Expect> = {}): Expect => ({
  kind: 'cut',
  statuses: [200],
  requests: 1,
  closed: true,
  originClosed: true,
  ...more,
})

type Bytes = string | readonly Step[]
const steps = (bytes: Bytes): readonly Step[] => (typeof bytes === 'string' ? [bytes] : bytes)

/** What a client sends; the origin's answer is a plain 200. */
export function client(section: string, title: string, send: Bytes, expect: Expect): Case {
  return { section, title, send: steps(send), answers: [[OK]], early: false, expect }
}

/** What an origin answers; the client's request is a plain GET. `send` replaces it. */
export function origin(section: string, title: string, answer: Bytes, expect: Expect, send: Bytes = get()): Case {
  return { section, title, send: steps(send), answers: [steps(answer)], early: false, expect }
}

/** Everything chosen. */
export function both(
  section: string,
  title: string,
  send: Bytes,
  answers: readonly Bytes[],
  expect: Expect,
  early = false,
): Case {
  return { section, title, send: steps(send), answers: answers.map(steps), early, expect }
}

/** Longer texts, or more answers, would take seconds. */
const MAX_DRIP = 700
const MAX_ANSWERS = 10

/** The same byte by byte: where a read ends must not matter. */
export function dripped(trial: Case): Case {
  const slowly = (step: Step): Step => (typeof step === 'string' && inBytes(step) ? { drip: step } : step)
  const answers = trial.answers.map(answer => answer.map(slowly))
  return trial.expect.statuses.length > MAX_ANSWERS ? trial : { ...trial, send: trial.send.map(slowly), answers }
}

const inBytes = (step: string): boolean => step.length <= MAX_DRIP && !['FIN', 'RST'].includes(step)
