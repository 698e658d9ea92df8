import { type IngressOptions, listenTproxy } from './tproxy.ts'

/** The ways in. Each listens on a descriptor that the worker inherits; the order is the order of the descriptors. */
export const INGRESS = [{ name: 'tproxy', listen: listenTproxy }] as const

export type { IngressOptions }
