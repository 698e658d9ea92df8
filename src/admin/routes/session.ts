import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { hashPassword, MAX_PASSWORD, verifyPassword } from '../../store/password.ts'
import type { Session } from '../api.ts'
import { giveCookie, remoteAddr, takeCookie } from '../auth.ts'
import type { AdminApp, AdminDeps, AdminEnv } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { answers, SESSION } from '../schemas.ts'

const MIN_PASSWORD = 10
const password = z.string().min(1).max(MAX_PASSWORD)

const signIn = createRoute({
  method: 'post',
  path: '/api/v1/session',
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ user: z.string().min(1).max(64), password }) } },
    },
  },
  responses: answers(SESSION, 'Signed in; the session is in the cookie'),
})

const whoAmI = createRoute({ method: 'get', path: '/api/v1/session', responses: answers(SESSION, 'Who is signed in') })

const signOut = createRoute({
  method: 'delete',
  path: '/api/v1/session',
  responses: answers(z.object({}), 'The session has ended'),
})

const changePassword = createRoute({
  method: 'post',
  path: '/api/v1/session/password',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ current: password, next: z.string().min(MIN_PASSWORD).max(MAX_PASSWORD) }),
        },
      },
    },
  },
  responses: answers(SESSION, 'Changed; every other session of the user has ended'),
})

export function sessionRoutes(app: AdminApp, deps: AdminDeps): void {
  app.openapi(signIn, async c => {
    const { user, password } = c.req.valid('json')
    await checkPassword(deps, c, user, password)
    const { token, expiresAt } = await deps.call('session.create', { user, addr: remoteAddr(c) })
    giveCookie(c, token, deps.secure)
    const session = await deps.call('session.find', { token })
    return c.json(answer(deps, user, expiresAt, session?.mustChangePassword ?? false), 200)
  })

  app.openapi(whoAmI, c => {
    const { user, expiresAt, mustChangePassword } = c.get('session')
    return c.json(answer(deps, user, expiresAt, mustChangePassword), 200)
  })

  app.openapi(signOut, async c => {
    await deps.call('session.delete', { token: c.get('token') })
    takeCookie(c, deps.secure)
    return c.json({}, 200)
  })

  app.openapi(changePassword, async c => {
    const { current, next } = c.req.valid('json')
    const { user, expiresAt } = c.get('session')
    await checkPassword(deps, c, user, current)
    await deps.call('user.password', { user, hash: await hashPassword(next), keepToken: c.get('token') })
    return c.json(answer(deps, user, expiresAt, false), 200)
  })
}

/** One text and one amount of time for every kind of wrong. */
async function checkPassword(deps: AdminDeps, c: Context<AdminEnv>, user: string, password: string): Promise<void> {
  const addr = remoteAddr(c)
  const wait = deps.limiter.begin(addr, user)
  if (wait > 0) throw new ApiFailure(429, 'too-many', 'Too many attempts. Try again later.', { retryAfter: wait })
  let right = false
  try {
    const found = await deps.call('user.find', { name: user })
    right = await verifyPassword(password, found?.hash ?? null)
  } finally {
    deps.limiter.end(addr, user, right)
  }
  if (!right) {
    deps.warn(`Sign-in failed from ${addr}.`)
    throw new ApiFailure(401, 'credentials', 'User or password is wrong.')
  }
}

function answer(deps: AdminDeps, user: string, expiresAt: number, mustChangePassword: boolean): Session {
  return { user, role: 'admin', expiresAt, version: deps.version, mustChangePassword }
}
