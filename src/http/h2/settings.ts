import type { ClientSessionOptions, ServerSessionOptions } from 'node:http2'
import type { HttpLimits } from '../limits.ts'

/**
 * node:http2 leaves nearly everything open by default (2^32-1 streams at once, for one). node consumes the connection's
 * window at once and a stream's only while somebody reads, so what one connection can make us hold is streams × window:
 * 25 MiB on the client's side, at most `UPSTREAM_BUDGET` on the origin's. A stalled stream never stalls its neighbours.
 */
export const MAX_STREAMS = 100
const KIB = 1024
const MIB = 1024 * KIB

/** nghttp2 ends a connection on a larger field section, whatever was announced. */
const MAX_FIELD_BYTES = 64 * KIB

/** CVE-2023-44487: a browser that leaves a page resets its 100 streams at once, an attacker goes on. */
const RESET_BURST = 300
const RESETS_PER_S = 50
/** CVE-2025-8671, the same with resets that the client makes us send: no honest client ever does. */
export const OFFENCE_BURST = 100
export const OFFENCES_PER_S = 5

/** Clients are a LAN away: 256 KiB a round trip is more than the wire carries. */
const CLIENT_WINDOW = 256 * KIB
const CLIENT_CONNECTION_WINDOW = 4 * MIB

/**
 * Requests taken back on one connection to an origin before it gets no new ones. Origins end a connection on rapid resets,
 * and with it what other clients have on it; so one client's go on elsewhere before that.
 */
export const MAX_CANCELS = 200

const UPSTREAM_BUDGET = 64 * MIB
const UPSTREAM_CONNECTION_WINDOW = 16 * MIB
/** Bytes on the way per millisecond of round trip: 32 MiB/s for one stream. */
const WINDOW_PER_MS = 32 * KIB

/** Bounds that both sides share. */
function shared(limits: HttpLimits) {
  return {
    // MB; new streams are refused above. A backstop: bodies queued for slow readers count, and back-pressure bounds those.
    maxSessionMemory: 128,
    maxHeaderListPairs: limits.maxHeaders,
    maxOutstandingPings: 4,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    // A proxy passes duplicates on as they are; whether a field may be one is the ends' affair (RFC 9110 §5.3).
    strictSingleValueFields: false,
    // Strict, nghttp2 would take such a field out and let the rest pass (RFC 9113 §8.1.1 forbids that); so we see it
    strictFieldWhitespaceValidation: false,
  }
}

export function serverOptions(limits: HttpLimits): ServerSessionOptions {
  return {
    ...shared(limits),
    maxSessionRejectedStreams: 100,
    streamResetBurst: RESET_BURST,
    streamResetRate: RESETS_PER_S,
    settings: {
      initialWindowSize: CLIENT_WINDOW,
      maxConcurrentStreams: MAX_STREAMS,
      maxHeaderListSize: Math.min(limits.maxHeadBytes, MAX_FIELD_BYTES),
    },
  }
}

export const clientConnectionWindow = CLIENT_CONNECTION_WINDOW
export const upstreamConnectionWindow = UPSTREAM_CONNECTION_WINDOW

/** Receive window of one upstream stream: what `rttMs` of 32 MiB/s needs, within 256 KiB and 2 MiB. */
export function upstreamWindow(rttMs: number): number {
  return Math.min(2 * MIB, Math.max(256 * KIB, Math.ceil(rttMs) * WINDOW_PER_MS))
}

/** Streams at once on one upstream connection, so that all of them stalled stay within the budget. */
export function upstreamStreams(window: number): number {
  return Math.min(MAX_STREAMS, Math.floor(UPSTREAM_BUDGET / window))
}

export function clientOptions(limits: HttpLimits, window: number): ClientSessionOptions {
  return {
    ...shared(limits),
    peerMaxConcurrentStreams: MAX_STREAMS,
    settings: {
      enablePush: false,
      initialWindowSize: window,
      maxHeaderListSize: Math.min(limits.maxHeadBytes, MAX_FIELD_BYTES),
    },
  } as ClientSessionOptions
}
