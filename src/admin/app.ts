import { randomBytes } from 'node:crypto'
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { requireSession, sameOrigin } from './auth.ts'
import type { AdminApp, AdminDeps, AdminEnv } from './deps.ts'
import { ApiFailure, answerFailure, validationFailed } from './failure.ts'
import { ROUTES } from './routes/index.ts'

const SMALL_BODY = 64 << 10
/** A policy document of a mebibyte, as JSON. */
const POLICY_BODY = 2 << 20

/**
 * No inline script or style, nothing from elsewhere, no framing. `data:` images: the chart's and the QR code's.
 */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  [
    'Content-Security-Policy',
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Permissions-Policy', 'camera=(), geolocation=(), microphone=()'],
]

/** The whole admin server as one function from Request to Response. */
export function createAdminApp(deps: AdminDeps): AdminApp {
  const app: AdminApp = new OpenAPIHono<AdminEnv>({ defaultHook: validationFailed })
  app.use(async (c, next) => {
    c.set('requestId', randomBytes(8).toString('hex'))
    await next()
    for (const [name, value] of SECURITY_HEADERS) c.res.headers.set(name, value)
    c.res.headers.set('X-Request-Id', c.get('requestId'))
  })
  app.use('/api/*', async (c, next) => {
    c.header('Cache-Control', 'no-store')
    await next()
  })
  app.use('/api/*', limitBody)
  app.use('/api/*', sameOrigin)
  app.use('/api/*', requireSession(deps))
  app.onError((error, c) => answerFailure(c, error, deps.warn))
  for (const register of ROUTES) register(app, deps)
  app.doc31('/api/v1/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Weir', version: deps.version, description: 'Everything the admin UI does.' },
  })
  app.all('/api/*', () => {
    throw new ApiFailure(404, 'not-found', 'There is nothing here.')
  })
  app.get('*', c => deps.files.answer(c.req.raw))
  return app
}

const refuseBody = (): never => {
  throw new ApiFailure(413, 'too-large', 'The request is too large.')
}
const smallBody = bodyLimit({ maxSize: SMALL_BODY, onError: refuseBody })
const policyBody = bodyLimit({ maxSize: POLICY_BODY, onError: refuseBody })
const limitBody: typeof smallBody = (c, next) =>
  c.req.path === '/api/v1/policy' ? policyBody(c, next) : smallBody(c, next)
