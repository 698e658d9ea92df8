/** Ports that the gateway intercepts, and ports that it routes. */
export const WAYS = {
  direct: { http: 8080, https: 8443 },
  weir: { http: 80, https: 443 },
} as const
export type Way = keyof typeof WAYS

export const MODES = ['http', 'h1', 'h2'] as const
/** HTTP/1.1 plain and in TLS, HTTP/2. */
export type Mode = (typeof MODES)[number]

export const HOSTS = {
  'web.test': '203.0.113.60',
  'calls.test': '203.0.113.61',
  /** Knows HTTP/1.1 only. */
  'old.test': '203.0.113.62',
  /** The first two again, under a name that the policy leaves closed. */
  'closed.test': '203.0.113.63',
  'calls.closed.test': '203.0.113.64',
} as const
export type HostName = keyof typeof HOSTS

/** What one run was at both ends. */
export interface Run {
  readonly client: readonly string[]
  readonly origin: readonly string[]
  /** The Via that the origin saw. */
  readonly via: string
  /** For the log of the test, not compared. */
  readonly remark: string
}
