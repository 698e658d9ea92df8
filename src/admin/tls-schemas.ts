import { z } from '@hono/zod-openapi'
import type {
  CaAnswer,
  CaCertificate,
  ExceptionsAnswer,
  LearnedAnswer,
  NeverDecryptAnswer,
  TrustAnswer,
} from './api.ts'

/** Answers about TLS and the CA as OpenAPI shows them; each is held against its type in `api.ts`. */

const int = z.int()
const count = z.int().min(0)
const text = z.string()

export const HANDSHAKE_OUTCOME = z.enum([
  'trusted',
  'unknown-ca',
  'bad-certificate',
  'closed-after-certificate',
  'closed-after-handshake',
  'ech-retry',
  'client-cert-wanted',
  'other',
])
const USE = z
  .object({ count, q: text.openapi({ description: 'Filter of the log that lists exactly these rows' }) })
  .openapi('LogUse')

export const LEARNED = z
  .object({
    total: count,
    entries: z.array(
      z.object({
        id: text,
        kind: z.enum(['untrusting', 'pinned', 'client-cert']),
        client: text.openapi({ description: 'Address, name of a group, or empty for every client' }),
        host: text.openapi({ description: 'Empty: every name' }),
        since: int,
        until: int,
        retestAt: int,
        failures: count,
        devices: count,
        evidence: z.array(z.object({ time: int, client: text, host: text, outcome: HANDSHAKE_OUTCOME, ja4: text })),
        state: z.enum(['active', 'dismissed']),
        refused: USE,
        refusedDevices: count,
      }),
    ),
  })
  .openapi('Learned') satisfies z.ZodType<LearnedAnswer>

export const EXCEPTIONS = z
  .object({
    exceptions: z.array(
      z.object({
        host: text,
        allow: z.array(z.enum(['expired', 'weak', 'old-tls', 'name', 'untrusted'])),
        until: int,
        reason: text,
        line: count,
        client: text,
        used: USE,
      }),
    ),
  })
  .openapi('Exceptions') satisfies z.ZodType<ExceptionsAnswer>

export const TRUST = z
  .object({
    devices: z.array(
      z.object({
        client: text,
        trusts: z.boolean().nullable(),
        at: int,
        host: text,
        outcome: z.union([HANDSHAKE_OUTCOME, z.literal('')]),
        refused: USE,
        refusedSince: int,
        learned: z.boolean(),
      }),
    ),
    more: z.boolean(),
  })
  .openapi('Trust') satisfies z.ZodType<TrustAnswer>

export const NEVER_DECRYPT = z
  .object({ inForce: z.boolean(), entries: z.array(z.object({ host: text, reason: text, line: int })) })
  .openapi('NeverDecrypt') satisfies z.ZodType<NeverDecryptAnswer>

const format = z.enum(['pem', 'der', 'p12', 'mobileconfig', 'firefox', 'powershell'])
const downloads = z.array(z.object({ format, path: text, contentType: text, fileName: text }))

const CERTIFICATE = z
  .object({
    subject: text,
    sha256: text,
    notBefore: int,
    notAfter: int,
    key: text,
    imported: z.boolean(),
    pathLength: int.nullable(),
    permitted: z.array(text).nullable(),
    excluded: z.array(text),
    root: z.object({ subject: text, sha256: text }).nullable(),
  })
  .openapi('CaCertificate') satisfies z.ZodType<CaCertificate>

export const CA = CERTIFICATE.extend({
  downloads,
  guides: z.array(z.object({ id: text, title: text, format, steps: z.array(text), note: text })),
  next: CERTIFICATE.extend({ downloads }).nullable(),
  previous: z.array(CERTIFICATE),
  encrypted: z.boolean(),
}).openapi('Ca') satisfies z.ZodType<CaAnswer>
