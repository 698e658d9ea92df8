import type { Context, MiddlewareHandler } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { CA_FORMATS } from '../../ca/export.ts'
import { plainAddr } from '../core/addr.ts'
import type { SessionRecord } from '../store/accounts.ts'
import type { AdminDeps, AdminEnv } from './deps.ts'
import { ApiFailure } from './failure.ts'

/** Answered without sign-in: signing in itself, and what a new device needs to trust the gateway. */
const OPEN = new Set([
  'POST /api/v1/session',
  'GET /api/v1/ca',
  ...CA_FORMATS.flatMap(format => [`GET /api/v1/ca/cert.${format}`, `GET /api/v1/ca/next.${format}`]),
  'GET /api/v1/openapi.json',
])
const MAX_TOKEN = 100

export function requireSession(deps: AdminDeps): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method
    if (!OPEN.has(`${method} ${c.req.path}`)) {
      const token = sessionToken(c, deps.secure)
      const session = (await findSession(deps, token)) ?? (await findBearer(deps, c))
      if (session === null) throw new ApiFailure(401, 'sign-in', 'Sign in first.')
      c.set('session', session)
      c.set('token', token)
    }
    await next()
  }
}

/**
 * Writes must come from our own pages. Browsers always tell the origin of a write; programs that tell none have no
 * cookie of someone else's to abuse. SameSite=Strict on the cookie is the second lock.
 */
export const sameOrigin: MiddlewareHandler<AdminEnv> = async (c, next) => {
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
    const site = c.req.header('sec-fetch-site')
    const origin = c.req.header('origin')
    const foreign = (site !== undefined && site !== 'same-origin') || (origin !== undefined && !isOwn(origin, c))
    if (foreign) throw new ApiFailure(403, 'origin', 'This came from another site.')
  }
  await next()
}

function isOwn(origin: string, c: Context<AdminEnv>): boolean {
  try {
    return new URL(origin).host === new URL(c.req.url).host
  } catch {
    return false
  }
}

export function findSession(deps: Pick<AdminDeps, 'call'>, token: string): Promise<SessionRecord | null> {
  return token === '' ? Promise.resolve(null) : deps.call('session.find', { token })
}

/** `Authorization: Bearer …`, or null. */
export async function findBearer(deps: Pick<AdminDeps, 'call'>, c: Context<AdminEnv>): Promise<SessionRecord | null> {
  const match = /^Bearer ([\w-]{20,100})$/i.exec(c.req.header('authorization') ?? '')
  return match === null ? null : deps.call('bearer.find', { token: match[1]! })
}

/** '' when there is none worth asking about. */
export function sessionToken(c: Context<AdminEnv>, secure: boolean): string {
  const token = getCookie(c, cookieName(secure)) ?? ''
  return token.length <= MAX_TOKEN ? token : ''
}

/** A session cookie in the browser's sense; its end is kept by the server. */
export function giveCookie(c: Context<AdminEnv>, token: string, secure: boolean): void {
  setCookie(c, cookieName(secure), token, { httpOnly: true, sameSite: 'Strict', path: '/', secure })
}

export function takeCookie(c: Context<AdminEnv>, secure: boolean): void {
  deleteCookie(c, cookieName(secure), { path: '/', secure })
}

/** The prefix binds the cookie to this very host; Safari accepts it on TLS only. */
function cookieName(secure: boolean): string {
  return secure ? '__Host-weir_session' : 'weir_session'
}

export function remoteAddr(c: Context<AdminEnv>): string {
  return plainAddr(c.env.incoming.socket.remoteAddress ?? '')
}
