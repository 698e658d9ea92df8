import type { ApiError, Problem } from '../../../src/admin/api.ts'

export type ErrorWord = ApiError['error']['code'] | 'network'

/** A refused or failed call, as data: the code is turned into words by the page, the request id names it in the log. */
export class ApiFailure extends Error {
  readonly code: ErrorWord
  readonly requestId: string
  readonly problems: Problem[]
  readonly retryAfter: number
  constructor(code: ErrorWord, message: string, requestId: string, problems: Problem[], retryAfter: number) {
    super(message)
    this.code = code
    this.requestId = requestId
    this.problems = problems
    this.retryAfter = retryAfter
  }
}

/** Called when any call but the sign-in itself finds that the session has ended; set by lib/session. */
let onSignedOut: () => void = () => {}
export function whenSignedOut(call: () => void): void {
  onSignedOut = call
}

async function failure(response: Response): Promise<ApiFailure> {
  const id = response.headers.get('x-request-id') ?? ''
  try {
    const { error } = (await response.json()) as ApiError
    return new ApiFailure(error.code, error.message, error.requestId, error.problems, error.retryAfter)
  } catch {
    // A proxy in between, or a body cut off: the status is all we know.
    return new ApiFailure(response.status === 401 ? 'sign-in' : 'internal', `HTTP ${response.status}`, id, [], 0)
  }
}

async function call<T>(method: string, path: string, body: unknown, signal: AbortSignal | null): Promise<T> {
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      signal,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiFailure('network', String(error), '', [], 0)
  }
  if (!response.ok) {
    const failed = await failure(response)
    if (failed.code === 'sign-in' && path !== '/session') onSignedOut()
    throw failed
  }
  return (response.status === 204 ? undefined : await response.json()) as T
}

export function get<T>(path: string, signal: AbortSignal | null = null): Promise<T> {
  return call<T>('GET', path, undefined, signal)
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return call<T>('POST', path, body, null)
}

export function remove(path: string): Promise<void> {
  return call<void>('DELETE', path, undefined, null)
}

/** True for the end of a call that was replaced by a newer one: nothing to show. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
