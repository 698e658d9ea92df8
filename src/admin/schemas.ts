import { z } from '@hono/zod-openapi'
import type {
  ApiError,
  ExplainAnswer,
  PolicyAnswer,
  Session,
  StatusAnswer,
  Summary,
  TrafficDetail,
  TrafficPage,
  TrafficRow,
  Why,
} from './api.ts'
import { HANDSHAKE_OUTCOME } from './tls-schemas.ts'

/** The answers of `api.ts` as OpenAPI shows them; each is held against its type, so the two cannot drift apart. */

const int = z.int()
const count = z.int().min(0)
const text = z.string()
const tier = z.enum(['inspect', 'names', 'pass'])
const verdict = z.enum(['allow', 'block', 'fail'])
const reason = z.enum([
  'default',
  'rule',
  'list',
  'not-http',
  'server-first',
  'no-name',
  'ech',
  'learned-untrusting',
  'learned-pinned',
  'learned-client-cert',
  'ca-limits',
  'never-decrypt',
  'alpn',
  'old-client',
  'enrolling',
  'malformed',
  'loop',
  'error',
])

export const WHY = z
  .object({ code: reason, rule: text, ruleLine: int, list: text, listLine: int })
  .openapi('Why') satisfies z.ZodType<Why>

const PROBLEM = z.object({ where: text, line: int, message: text }).openapi('Problem')

export const ERROR = z
  .object({
    error: z.object({
      code: z.enum([
        'bad-request',
        'sign-in',
        'credentials',
        'origin',
        'not-found',
        'too-large',
        'too-many',
        'unavailable',
        'internal',
      ]),
      message: text,
      requestId: text,
      problems: z.array(PROBLEM),
      retryAfter: int,
    }),
  })
  .openapi('Error') satisfies z.ZodType<ApiError>

export const SESSION = z
  .object({ user: text, role: z.literal('admin'), expiresAt: int, version: text, mustChangePassword: z.boolean() })
  .openapi('Session') satisfies z.ZodType<Session>

const ROW = z
  .object({
    id: int,
    kind: z.enum(['exchange', 'connection']),
    time: int,
    client: text,
    device: text.nullable(),
    host: text,
    port: int,
    method: text,
    scheme: text,
    path: text,
    status: int,
    contentType: text,
    bytesUp: count,
    bytesDown: count,
    tier,
    verdict,
    reason,
    rule: text,
    ruleLine: int,
    cache: z.enum(['none', 'miss', 'hit', 'revalidated', 'bypass']),
    durationMs: count,
    error: z.custom<TrafficRow['error']>(value => typeof value === 'string').openapi({ type: 'string' }),
    exception: z.union([z.literal(0), z.literal(1)]),
  })
  .openapi('TrafficRow') satisfies z.ZodType<TrafficRow>

export const PAGE = z
  .object({ rows: z.array(ROW), total: count, exact: z.boolean(), next: int.nullable(), tookMs: count })
  .openapi('TrafficPage') satisfies z.ZodType<TrafficPage>

export const DETAIL = z
  .object({
    exchange: z
      .object({
        row: ROW,
        why: WHY,
        httpVersion: int,
        originHttpVersion: int,
        cacheReason: text,
        timings: z.object({ totalMs: int, connectMs: int, waitMs: int, bodyMs: int }),
        clientTls: text,
        originTls: text,
        dst: text,
        upstream: text,
        upstreamReused: z.boolean(),
        exception: text,
        revocation: text,
        errorDetail: text,
        connection: text,
      })
      .nullable(),
    connection: z
      .object({
        row: ROW,
        connection: text,
        clientPort: int,
        dst: text,
        dstPort: int,
        protocol: text,
        alpn: text,
        why: WHY,
        tierWhy: WHY,
        exchanges: count,
        clientTls: text,
        originTls: text,
        ja3: text,
        ja4: text,
        ech: z.boolean(),
        handshake: z.union([HANDSHAKE_OUTCOME, z.literal('')]),
        exception: text,
        errorDetail: text,
      })
      .nullable(),
  })
  .openapi('TrafficDetail') satisfies z.ZodType<TrafficDetail>

const kinds = <T extends z.ZodType>(of: T) =>
  z.object({ all: of, inspected: of, names: of, passed: of, blocked: of, failed: of })
const column = z.array(z.number())

export const SUMMARY = z
  .object({
    range: z.enum(['1h', '24h', '7d']),
    from: int,
    to: int,
    bucketMs: int,
    totals: kinds(count),
    links: kinds(text),
    bytesUp: count,
    bytesDown: count,
    cache: z.object({ requests: count, hits: count, bytesSaved: count }),
    clients: count,
    series: z.object({
      time: column,
      inspected: column,
      names: column,
      passed: column,
      blocked: column,
      failed: column,
      bytes: column,
      cacheHits: column,
      cacheRequests: column,
    }),
    topHosts: z.array(z.object({ host: text, count, blocked: count, bytes: count, q: text })),
    topBlocked: z.array(z.object({ host: text, rule: text, ruleLine: int, list: text, count, q: text })),
    topClients: z.array(
      z.object({ client: text, device: text.nullable(), count, blocked: count, bytes: count, q: text }),
    ),
    problems: z.array(
      z.object({
        code: z.enum([
          'clients-distrust',
          'origin-certificate',
          'origin-failing',
          'log-dropped',
          'log-error',
          'worker-restarts',
          'worker-down',
          'rules-removed',
          'ca-expires',
          'no-status',
          'devices-untrusting',
          'names-pinned',
          'exception-ends',
          'ca-rotation',
        ]),
        severity: z.enum(['error', 'warning']),
        subject: text,
        count: int,
        q: text,
        tab: z.enum(['', 'certificate', 'install', 'bypass', 'learned', 'devices']),
        fresh: count,
      }),
    ),
  })
  .openapi('Summary') satisfies z.ZodType<Summary>

export const STATUS = z
  .object({
    time: int,
    startedAt: int,
    version: text,
    workers: z.array(
      z.object({
        id: int,
        pid: int,
        state: z.enum(['starting', 'ready', 'draining', 'dead']),
        restarts: count,
        startedAt: int,
        counters: z.object({
          connections: count,
          connectionsTotal: count,
          exchangesTotal: count,
          blockedTotal: count,
          splicedTotal: count,
          inspectedTotal: count,
          cacheHits: count,
          cacheBytes: count,
          bytesSaved: count,
          logDropped: count,
          loopLagMs: z.number(),
          rssBytes: count,
        }),
      }),
    ),
    rules: z.enum(['applied', 'manual', 'removed-unhealthy']),
    policyVersion: text,
    log: z.object({ rowsStored: count, rowsDropped: count, queued: count, error: text, bytes: count }),
  })
  .openapi('Status') satisfies z.ZodType<StatusAnswer>

export const POLICY = z.object({ version: text, text }).openapi('Policy') satisfies z.ZodType<PolicyAnswer>

export const EXPLAIN = z
  .object({
    client: text,
    url: text,
    verdict: z.enum(['allow', 'block']),
    why: WHY,
    tier,
    tierWhy: WHY,
    policyVersion: text,
  })
  .openapi('Explain') satisfies z.ZodType<ExplainAnswer>

/** One JSON answer and the errors every route may give. */
export function answers<T extends z.ZodType>(schema: T, description: string) {
  const json = <S extends z.ZodType>(of: S) => ({ 'application/json': { schema: of } })
  return {
    200: { description, content: json(schema) },
    default: { description: 'Refused or failed', content: json(ERROR) },
  }
}
