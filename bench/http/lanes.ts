/** Ways a case goes: through which gateway, decrypted or not. */
export const LANES = ['weir.plain', 'weir.tls', 'squid.plain', 'squid.tls'] as const
export type Lane = (typeof LANES)[number]

/** Addresses of the client host: the gateway's kernel tells by them whose connection it is. */
export const SOURCES = { weir: '10.77.1.10', squid: '10.77.1.11' } as const
export type Product = keyof typeof SOURCES

export const productOf = (lane: Lane): Product => lane.split('.')[0] as Product
export const isTls = (lane: Lane): boolean => lane.endsWith('.tls')

/** The one name every case asks for, and the addresses it may be asked for at: one for each case at a time. */
export const NAME = 'site.cases.example'
export const AT_ONCE = 24
export const addressAt = (i: number): string => `203.0.113.${20 + i}`
