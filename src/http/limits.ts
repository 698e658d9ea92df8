/** Every bound of the HTTP engine; times in milliseconds, sizes in bytes. */
export interface HttpLimits {
  /** Request or status line and fields together, with their CRLFs. Larger: 431, or a bad response. */
  readonly maxHeadBytes: number
  /** Request target alone. Longer: 414. */
  readonly maxTargetBytes: number
  /** Field lines in one head or one trailer section. */
  readonly maxHeaders: number
  /** Empty lines tolerated before a request line (RFC 9112 §2.2 asks for at least one). */
  readonly maxBlankLines: number
  /** Trailer section of one body. */
  readonly maxTrailerBytes: number
  /** Chunk extensions and leading zeros of one body, beyond what its data excuses (see `ChunkDecoder`). */
  readonly maxChunkOverhead: number
  /** Bytes kept of what a peer sends ahead of its turn (pipelined requests, a body nobody reads yet); then its socket is paused. */
  readonly maxHeldBytes: number
  /** Interim (1xx) responses to one request. */
  readonly maxInterim: number
  /** From the first byte of a head to its end, and from the start of a connection to its first byte. */
  readonly headMs: number
  /** Between exchanges on a kept-alive client connection. */
  readonly idleMs: number
  /** A request body must bring `minBodyBytes` in each such span, as long as no response has begun. */
  readonly bodyProgressMs: number
  readonly minBodyBytes: number
  /** A peer must take what waits for it (at most one write and the socket's buffer) within this time. */
  readonly writeProgressMs: number
  /** From the end of the request to the first byte of the final response head. */
  readonly responseHeadMs: number
  /** Silence in the middle of a response: long, because event streams are silent by nature. */
  readonly responseIdleMs: number
  /** After an answer that ends the connection: how long and how much the client may still send before it is cut. */
  readonly lingerMs: number
  readonly maxLingerBytes: number
}

export const DEFAULT_LIMITS: HttpLimits = Object.freeze({
  maxHeadBytes: 100 * 1024, // 64 KiB of fields and a 32 KiB target, with room
  maxTargetBytes: 32 * 1024,
  maxHeaders: 1000,
  maxBlankLines: 4,
  maxTrailerBytes: 16 * 1024,
  maxChunkOverhead: 16 * 1024,
  maxHeldBytes: 64 * 1024,
  maxInterim: 32,
  headMs: 30_000,
  idleMs: 50_000, // every slow or idle client is gone within 60 s
  bodyProgressMs: 30_000,
  minBodyBytes: 512,
  writeProgressMs: 45_000,
  responseHeadMs: 120_000,
  responseIdleMs: 600_000,
  lingerMs: 3_000,
  maxLingerBytes: 1024 * 1024,
})
