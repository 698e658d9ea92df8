/**
 * What becomes of a request's word about whom it was sent for (Forwarded, X-Forwarded-*, X-Real-IP and their kin):
 * `remove` it; `keep` it, where another proxy of the house stands before this one; `set` it to what this box saw.
 */
export type ForwardedMode = 'remove' | 'keep' | 'set'

/**
 * Our member of Via (RFC 9110 §7.6.3): a `pseudonym`, which tells nothing of the network; the host name of the box with
 * the pseudonym as comment (`full`); or `none`, against the RFC.
 */
export type ViaMode = 'pseudonym' | 'full' | 'none'

/** The policy document's `headers` part, every default filled in. */
export interface HeaderPolicy {
  readonly via: ViaMode
  /** For requests to that host, in the spelling of RequestHead. */
  forwarded(host: string): ForwardedMode
}
