import type { Tier } from './decision.ts'
import type { CacheResult } from './exchange.ts'

/** Flat records of primitives, so that a batch is one JSON text and a row is one prepared statement. */
export interface ConnectionRow {
  kind: 'connection'
  /** Milliseconds since the epoch at which it began. */
  time: number
  conn: string
  client: string
  clientPort: number
  dst: string
  dstPort: number
  /** SNI, Host, or '' */
  host: string
  protocol: string
  alpn: string
  tier: Tier
  verdict: 'allow' | 'block' | 'fail'
  reason: string
  rule: string
  ruleLine: number
  list: string
  listLine: number
  /** Of the tier: why it was opened or not. */
  tierReason: string
  tierRule: string
  tierRuleLine: number
  bytesUp: number
  bytesDown: number
  durationMs: number
  exchanges: number
  clientTls: string
  originTls: string
  /** Fingerprints of the ClientHello, or ''. */
  ja3: string
  ja4: string
  /** An encrypted_client_hello extension was there: 0 or 1. */
  ech: number
  /** How the client ended the handshake with us (HandshakeOutcome), or ''. */
  handshake: string
  /** The TLS exception used towards the origin, or ''. */
  exception: string
  /** Closed error code or ''. */
  error: string
  errorDetail: string
}

export interface ExchangeRow {
  kind: 'exchange'
  time: number
  conn: string
  client: string
  dst: string
  host: string
  port: number
  scheme: string
  method: string
  /** Path and query. */
  path: string
  status: number
  httpVersion: number
  originHttpVersion: number
  contentType: string
  bytesUp: number
  bytesDown: number
  tier: Tier
  verdict: 'allow' | 'block' | 'fail'
  reason: string
  rule: string
  ruleLine: number
  list: string
  listLine: number
  cache: CacheResult
  cacheReason: string
  /** Milliseconds: whole, until the upstream connection was ready, from then to its first byte, body. */
  durationMs: number
  connectMs: number
  waitMs: number
  bodyMs: number
  clientTls: string
  originTls: string
  upstream: string
  upstreamReused: number
  /** The TLS exception used towards the origin, or ''. */
  exception: string
  /** What says that the origin's certificate is not revoked, or ''. */
  revocation: string
  error: string
  errorDetail: string
}

export type LogRow = ConnectionRow | ExchangeRow
