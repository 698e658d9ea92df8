import net from 'node:net'
import { z } from 'zod'
import { httpSchema } from './http.ts'

/**
 * What `weir.yaml` may say: each default is stated here and nowhere else, but for those of `http:` (core/limits.ts).
 * Relative paths are relative to the file.
 */

const port = z.number().int('must be a whole number').min(1, 'must be 1 to 65535').max(65535, 'must be 1 to 65535')

const hostPort = z.string().refine(value => parseListen(value) !== null, {
  message: 'must be an IP address and a port, such as 127.0.0.1:8080 or "[::1]:8080"',
})

const HOST_NAME =
  /^(?=.{1,253}$)(?!.*\.\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

const cidr = z.string().refine(isCidr, { message: 'must be an IP address or a network such as 10.0.0.0/8 or fd00::/8' })

const hostOrCidr = z.string().refine(value => isCidr(value) || HOST_NAME.test(value), {
  message:
    'must be a host name in lower case, such as example.com (covers everything below), or a network such as 10.0.0.0/8',
})

/** How the CA is made, at first start or by `weir ca create` or `rotate`. Only the passphrase matters to one that exists. */
const certificateAuthority = z
  .strictObject({
    kind: z.enum(['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096']).default('p256'),
    /** The common name; null: "Weir CA", the host's name and a random part. */
    name: z
      .string()
      .regex(/^[^\p{Cc}]{1,64}$/u, 'must be 1 to 64 characters on one line')
      .nullable()
      .default(null),
    years: z.number().int().min(1).max(30).default(10),
    /** CAs that may stand below it; null: any number. */
    pathLength: z.number().int().min(0).max(9).nullable().default(0),
    /** Names and networks that it may certify; [] = all. Clients refuse every other certificate of this CA. */
    permitted: z.array(hostOrCidr).max(256).default([]),
    excluded: z.array(hostOrCidr).max(256).default([]),
    /** A file (0600) with the passphrase that the CA's key is kept under. */
    passphraseFile: z.string().min(1).nullable().default(null),
  })
  .prefault({})

export const configSchema = z
  .strictObject({
    /** CA, databases, policy history; created 0700. */
    stateDir: z.string().min(1).default('/var/lib/weir'),
    /** Proxy processes; 0 = one per core. */
    workers: z.number().int().min(0).max(256).default(0),
    /** The user that workers and the admin process become once everything is loaded. */
    user: z.string().min(1).default('nobody'),
    listen: z
      .strictObject({
        /** One port takes every intercepted port, IPv4 and IPv6. */
        tproxy: port.default(3129),
        admin: hostPort.default('127.0.0.1:8080'),
      })
      .prefault({}),
    intercept: z
      .strictObject({
        /** Where clients come from. */
        interface: z
          .string()
          .regex(/^[A-Za-z0-9._-]{1,15}$/, 'must be the name of a network interface, such as eth1')
          .default('lan'),
        ports: z
          .array(port)
          .min(1, 'must name at least one port')
          .max(15, 'iptables takes at most 15 ports')
          .default([80, 443]),
        /** Destinations that are never intercepted (management hosts, networks). */
        exclude: z.array(cidr).max(256).default([]),
        /** UDP 443 from clients: `reject` makes browsers come back over TCP at once. */
        quic: z.enum(['reject', 'leave']).default('reject'),
      })
      .prefault({}),
    /** auto: kernel rules are applied on start and removed on stop. */
    rules: z.enum(['manual', 'auto']).default('manual'),
    /** What happens to traffic when no worker can serve it (with `rules: auto`). */
    onFailure: z.enum(['open', 'closed']).default('open'),
    upstream: z
      .strictObject({
        /** Dial origins from the client's own address. */
        keepClientAddress: z.boolean().default(false),
      })
      .prefault({}),
    tls: z
      .strictObject({
        /** Tier for clients without a rule. */
        tier: z.enum(['inspect', 'names', 'pass']).default('inspect'),
        /** Extra PEM files trusted for origins, beside the system's roots. */
        originRoots: z.array(z.string().min(1)).max(64).default([]),
        ca: certificateAuthority,
        /** Files that name revoked certificates, and CRLs in PEM or DER: always believed. */
        revocationLists: z.array(z.string().min(1)).max(64).default([]),
        /** Networks that are not public and still may be asked for issuers and revocation: a company's own PKI, a lab. */
        fetchNetworks: z.array(cidr).max(64).default([]),
        /** Shown to origins that ask for a certificate; without one such a host is not opened from the second attempt on. */
        clientCertificates: z
          .array(
            z.strictObject({
              /** The host and everything below it. */
              host: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a host name in lower case'),
              cert: z.string().min(1),
              key: z.string().min(1),
            }),
          )
          .max(64)
          .default([]),
      })
      .prefault({}),
    /** Time and size limits of every phase: docs/limits.md. */
    http: httpSchema,
    cache: z
      .strictObject({
        memoryMB: z.number().int().min(0).max(1_048_576).default(256),
        diskMB: z.number().int().min(0).max(1_073_741_824).default(2048),
      })
      .prefault({}),
    log: z
      .strictObject({
        retentionDays: z.number().int().min(1).max(3650).default(30),
        /** The oldest rows go when the database is larger. */
        maxMB: z.number().int().min(16).max(1_048_576).default(4096),
        clientAddress: z.enum(['full', 'pseudonym', 'none']).default('full'),
      })
      .prefault({}),
    /** A policy document to import at first start. */
    policy: z.string().min(1).nullable().default(null),
  })
  .prefault({})

export type Config = z.infer<typeof configSchema>

/** `127.0.0.1:8080` or `[::1]:8080` → its parts, else null. */
export function parseListen(value: string): { host: string; port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value)
  if (match === null) return null
  const host = match[1] ?? match[2] ?? ''
  const number = Number(match[3])
  if (net.isIP(host) === 0 || number < 1 || number > 65535) return null
  return { host, port: number }
}

function isCidr(value: string): boolean {
  const [addr = '', bits, more] = value.split('/')
  const family = net.isIP(addr)
  if (family === 0 || more !== undefined) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
