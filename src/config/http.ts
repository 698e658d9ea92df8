import { z } from 'zod'
import { LIMITS, type Limits } from '../core/limits.ts'

/** `http:` of `weir.yaml`: how long and how large each phase of a connection may be. Units are in the names; 1 KiB = 1024 bytes. */

const KIB = 1024
const DAY_S = 86_400

function count(standard: number, min: number, max: number) {
  const range = `must be a whole number from ${min} to ${max}`
  return z
    .number({ error: range })
    .refine(value => Number.isInteger(value) && value >= min && value <= max, range)
    .default(standard)
}
const seconds = (standardMs: number, min: number, max: number) => count(standardMs / 1000, min, max)
const kib = (standardBytes: number, min: number, max: number) => count(standardBytes / KIB, min, max)

const { http, pool, client, origin, tunnel } = LIMITS

const keys = z.strictObject({
  // What a client may open, and how long it may take to say what it wants
  maxConnections: count(client.maxConnections, 16, 1_000_000),
  maxConnectionsPerClient: count(client.maxPerClient, 1, 1_000_000),
  helloSeconds: seconds(client.helloMs, 2, 60), // more than the 1.5 s after which a server may speak first
  handshakeSeconds: seconds(client.handshakeMs, 1, 120),
  headSeconds: seconds(http.headMs, 1, 300),
  idleSeconds: seconds(http.idleMs, 1, 3600),
  bodySeconds: seconds(http.bodyProgressMs, 1, 600),
  minBodyBytes: count(http.minBodyBytes, 1, 1024 * KIB),
  writeSeconds: seconds(http.writeProgressMs, 1, 600),
  lingerSeconds: seconds(http.lingerMs, 1, 60),
  maxLingerKiB: kib(http.maxLingerBytes, 0, 65_536),
  // How large a message may be, from clients and from origins
  maxTargetKiB: kib(http.maxTargetBytes, 1, 512),
  maxHeadKiB: kib(http.maxHeadBytes, 4, 1024),
  maxHeaders: count(http.maxHeaders, 16, 10_000),
  maxTrailerKiB: kib(http.maxTrailerBytes, 1, 1024),
  maxChunkOverheadKiB: kib(http.maxChunkOverhead, 1, 1024),
  maxHeldKiB: kib(http.maxHeldBytes, 16, 4096),
  maxInterim: count(http.maxInterim, 1, 1000),
  // Origins
  connectSeconds: seconds(origin.connectMs, 1, 120),
  originTlsSeconds: seconds(origin.tlsMs, 1, 120),
  responseSeconds: seconds(http.responseHeadMs, 1, DAY_S),
  responseIdleSeconds: seconds(http.responseIdleMs, 1, DAY_S),
  originIdleSeconds: seconds(pool.idleMs, 1, 3600),
  maxOriginConnections: count(pool.maxPerKey, 1, 65_536),
  maxOriginConnectionsPerClient: count(pool.maxPerClient, 1, 65_536),
  maxOriginIdle: count(pool.maxIdle, 0, 65_536),
  maxOriginWaiting: count(pool.maxWaiting, 2, 65_536),
  originWaitSeconds: seconds(pool.waitMs, 1, 600),
  // Splices and WebSockets
  tunnelIdleSeconds: seconds(tunnel.idleMs, 1, DAY_S),
  tunnelHalfIdleSeconds: seconds(tunnel.halfIdleMs, 1, DAY_S),
})

export type HttpConfig = z.output<typeof keys>
type Key = keyof HttpConfig

/** The first may not be larger than the second, and why. */
const ORDER: readonly (readonly [Key, Key, string])[] = [
  ['maxTargetKiB', 'maxHeadKiB', 'the target is a part of the head'],
  ['maxConnectionsPerClient', 'maxConnections', 'one client cannot have more than all have'],
  ['maxOriginConnectionsPerClient', 'maxOriginConnections', 'one client cannot have more than all have'],
  ['tunnelHalfIdleSeconds', 'tunnelIdleSeconds', 'a tunnel that has ended one way is the less worth waiting for'],
]

/** Asked also when a key is wrong by itself: whoever reads the mistakes wants all of them. Then values may be anything. */
const isObject = ({ value }: { value: unknown }) => typeof value === 'object' && value !== null

const standard = keys.parse({})

/** The mistake is told where something is written: at the smaller one, unless that has its standard value. */
export const httpSchema = ORDER.reduce((schema, [small, large, why]) => {
  const wrong = (value: HttpConfig) => value[small] > value[large]
  const written = (value: HttpConfig) => value[small] !== standard[small]
  const more = ({ input }: { input?: unknown }) =>
    `must not be more than ${large} (${(input as HttpConfig)[large]}): ${why}`
  const less = ({ input }: { input?: unknown }) =>
    `must not be less than ${small} (${(input as HttpConfig)[small]}): ${why}`
  return schema
    .refine(value => !(wrong(value) && written(value)), { path: [small], error: more, when: isObject })
    .refine(value => !wrong(value) || written(value), { path: [large], error: less, when: isObject })
}, keys).prefault({})

/** As the stations take them: milliseconds and bytes. */
export function limitsOf(config: HttpConfig): Limits {
  return {
    http: {
      ...http,
      maxHeadBytes: config.maxHeadKiB * KIB,
      maxTargetBytes: config.maxTargetKiB * KIB,
      maxHeaders: config.maxHeaders,
      maxTrailerBytes: config.maxTrailerKiB * KIB,
      maxChunkOverhead: config.maxChunkOverheadKiB * KIB,
      maxHeldBytes: config.maxHeldKiB * KIB,
      maxInterim: config.maxInterim,
      headMs: config.headSeconds * 1000,
      idleMs: config.idleSeconds * 1000,
      bodyProgressMs: config.bodySeconds * 1000,
      minBodyBytes: config.minBodyBytes,
      writeProgressMs: config.writeSeconds * 1000,
      responseHeadMs: config.responseSeconds * 1000,
      responseIdleMs: config.responseIdleSeconds * 1000,
      lingerMs: config.lingerSeconds * 1000,
      maxLingerBytes: config.maxLingerKiB * KIB,
    },
    pool: {
      maxPerKey: config.maxOriginConnections,
      maxPerClient: config.maxOriginConnectionsPerClient,
      maxIdle: config.maxOriginIdle,
      maxWaiting: config.maxOriginWaiting,
      idleMs: config.originIdleSeconds * 1000,
      waitMs: config.originWaitSeconds * 1000,
    },
    client: {
      maxConnections: config.maxConnections,
      maxPerClient: config.maxConnectionsPerClient,
      helloMs: config.helloSeconds * 1000,
      handshakeMs: config.handshakeSeconds * 1000,
    },
    origin: { connectMs: config.connectSeconds * 1000, tlsMs: config.originTlsSeconds * 1000 },
    tunnel: { idleMs: config.tunnelIdleSeconds * 1000, halfIdleMs: config.tunnelHalfIdleSeconds * 1000 },
  }
}
