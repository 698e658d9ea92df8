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

/** Of connections to origins; one key is one (address, verified name, profile). */
export interface PoolLimits {
  /** Connections and dials of one key. */
  readonly maxPerKey: number
  /** HTTP/1 connections of one key that one client has in use; it waits for more. */
  readonly maxPerClient: number
  /** Resting connections of all keys; h2 connections count always. */
  readonly maxIdle: number
  /** Requests of one key that wait for a connection; half of them may be one client's. */
  readonly maxWaiting: number
  readonly idleMs: number
  /** Longest wait for a connection. */
  readonly waitMs: number
}

/** Every bound that `http:` of the configuration sets, as one worker keeps it. */
export interface Limits {
  readonly http: HttpLimits
  readonly pool: PoolLimits
  readonly client: {
    /** Connections of all clients; beyond it one is closed as soon as it is accepted. */
    readonly maxConnections: number
    /** Connections of one device: a browser with a hundred tabs stays far below. */
    readonly maxPerClient: number
    /** From the start of a connection until it is known what it carries: a whole ClientHello or a request's Host. */
    readonly helloMs: number
    /** TLS with the client, from its ClientHello on. */
    readonly handshakeMs: number
  }
  readonly origin: {
    readonly connectMs: number
    /** The handshake and what its certificate has to be asked about. */
    readonly tlsMs: number
  }
  /** Splices, WebSockets and whatever else is relayed as bytes. */
  readonly tunnel: {
    /** Without a byte either way: tunnels carry what is silent for minutes, as shells and push channels. */
    readonly idleMs: number
    /** The same once one side has ended. */
    readonly halfIdleMs: number
  }
}

const KIB = 1024

/** What holds unless the configuration says otherwise: stated here and nowhere else. docs/limits.md says why each. */
export const LIMITS: Limits = Object.freeze({
  http: Object.freeze({
    maxHeadBytes: 100 * KIB, // 64 KiB of fields and a 32 KiB target, with room
    maxTargetBytes: 32 * KIB,
    maxHeaders: 1000,
    maxBlankLines: 4,
    maxTrailerBytes: 16 * KIB,
    maxChunkOverhead: 16 * KIB,
    maxHeldBytes: 64 * KIB,
    maxInterim: 32,
    headMs: 30_000,
    idleMs: 50_000, // every slow or idle client is gone within 60 s
    bodyProgressMs: 30_000,
    minBodyBytes: 512,
    writeProgressMs: 45_000,
    responseHeadMs: 120_000,
    responseIdleMs: 600_000,
    lingerMs: 3_000,
    maxLingerBytes: 1024 * KIB,
  }),
  pool: Object.freeze({
    maxPerKey: 256,
    maxPerClient: 192,
    maxIdle: 1024,
    maxWaiting: 512,
    idleMs: 30_000,
    waitMs: 60_000,
  }),
  client: Object.freeze({ maxConnections: 30_000, maxPerClient: 2048, helloMs: 10_000, handshakeMs: 15_000 }),
  origin: Object.freeze({ connectMs: 15_000, tlsMs: 15_000 }),
  tunnel: Object.freeze({ idleMs: 15 * 60_000, halfIdleMs: 30_000 }),
})
