import type { Hook } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { FilterError } from '../store/filter-language.ts'
import type { ApiError, Problem } from './api.ts'
import type { AdminEnv } from './deps.ts'
import { ReaderError } from './reader.ts'

/** A refusal as the client shall see it. Anything else that is thrown becomes a 500 without words of its own. */
export class ApiFailure extends Error {
  override name = 'ApiFailure'
  readonly status: ContentfulStatusCode
  readonly code: ApiError['error']['code']
  readonly problems: Problem[]
  /** Seconds. */
  readonly retryAfter: number
  constructor(
    status: ContentfulStatusCode,
    code: ApiError['error']['code'],
    message: string,
    more: { problems?: Problem[]; retryAfter?: number } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.problems = more.problems ?? []
    this.retryAfter = more.retryAfter ?? 0
  }
}

/** The supervisor did not answer, or answered with an error. */
export class CallError extends Error {
  override name = 'CallError'
}

export function answerFailure(c: Context<AdminEnv>, error: Error, warn: (message: string) => void): Response {
  const failure = toFailure(error)
  const requestId = c.get('requestId')
  if (failure.status >= 500) warn(`${c.req.method} ${c.req.path} (${requestId}): ${error.message}`)
  if (failure.retryAfter > 0) c.header('Retry-After', String(failure.retryAfter))
  const { code, message, problems, retryAfter } = failure
  const body: ApiError = { error: { code, message, requestId, problems, retryAfter } }
  return c.json(body, failure.status)
}

function toFailure(error: Error): ApiFailure {
  if (error instanceof ApiFailure) return error
  if (error instanceof FilterError) {
    const problems = [{ where: 'q', line: 0, message: error.message }]
    return new ApiFailure(422, 'bad-request', error.message, { problems })
  }
  if (error instanceof ReaderError) {
    return new ApiFailure(503, 'unavailable', 'The log cannot be read at the moment.', { retryAfter: 2 })
  }
  if (error instanceof CallError) {
    return new ApiFailure(503, 'unavailable', 'The gateway does not answer at the moment.', { retryAfter: 2 })
  }
  // Thrown by the framework for a body that is no JSON.
  if (error instanceof HTTPException && error.status < 500) {
    return new ApiFailure(400, 'bad-request', 'The request cannot be read.')
  }
  return new ApiFailure(500, 'internal', 'Something went wrong. The request id is in the log.')
}

/** A parameter or body of the wrong shape: 422 with each place. */
export const validationFailed: Hook<unknown, AdminEnv, string, unknown> = result => {
  if (result.success) return
  const problems = result.error.issues.slice(0, 20).map(issue => ({
    where: issue.path.join('.'),
    line: 0,
    message: issue.message,
  }))
  throw new ApiFailure(422, 'bad-request', 'The request has mistakes.', { problems })
}
