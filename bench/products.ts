import type { Parts } from './meter.ts'

/** A running product on the gateway. */
export interface Product {
  readonly name: 'weir' | 'squid'
  /** Its first process; all others are below it. */
  readonly pid: number
  /** PEM of its own CA: what clients have to trust. */
  readonly caFile: string
  /** Where the kernel's rules have to bring intercepted connections to port 80 and 443. */
  readonly ports: { readonly plain: number; readonly tls: number }
  readonly parts: Parts
  /** Log rows thrown away so far: a product that does not log has done less work. */
  logLost(): Promise<number>
  stop(): Promise<void>
}

/** What lies between client and origin; `direct` is a router and nothing else. */
export type Subject = Product['name'] | 'direct'
