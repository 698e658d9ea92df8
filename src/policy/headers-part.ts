import { z } from 'zod'
import type { ForwardedMode, HeaderPolicy, ViaMode } from '../core/header-policy.ts'
import { parseDomain } from './names.ts'
import { ALWAYS, isMapping, oneOf, some, textWith } from './schema-parts.ts'

/** More hosts of one's own than anybody names one by one. */
const MAX_HOSTS = 500

const host = textWith(value => {
  const parsed = parseDomain(value)
  return typeof parsed === 'string' ? parsed : null
})

/** The `headers` mapping: what requests say about the way they came. */
export const headersPart = z
  .strictObject(
    {
      forwarded: oneOf(['remove', 'keep', 'set']).optional(),
      forwardedTo: some(host, 'intranet.example')
        .max(MAX_HOSTS, `has more than ${MAX_HOSTS} entries; name the domain above them.`)
        .optional(),
      via: oneOf(['pseudonym', 'full', 'none']).optional(),
    },
    { error: 'must be a mapping, such as { forwarded: set }.' },
  )
  .refine(value => !isMapping(value) || value.forwardedTo === undefined || keepsOrSets(value.forwarded), {
    path: ['forwardedTo'],
    error: 'says who is told, but nobody is; it needs "forwarded: set" or "forwarded: keep" beside it.',
    ...ALWAYS,
  })

/** A misspelt mode is a mistake of its own, and told as such. */
function keepsOrSets(forwarded: unknown): boolean {
  return forwarded !== undefined && forwarded !== 'remove'
}

export function compileHeaders(part: z.output<typeof headersPart> | null | undefined): HeaderPolicy {
  return new HeaderRules(part?.forwarded ?? 'remove', part?.forwardedTo ?? null, part?.via ?? 'pseudonym')
}

class HeaderRules implements HeaderPolicy {
  readonly via: ViaMode
  readonly #forwarded: ForwardedMode
  /** Names, and whether each is for itself alone; null: every host. */
  readonly #hosts: ReadonlyMap<string, boolean> | null

  constructor(forwarded: ForwardedMode, hosts: readonly string[] | null, via: ViaMode) {
    this.via = via
    this.#forwarded = forwarded
    this.#hosts = hosts === null ? null : hostMap(hosts)
  }

  forwarded(host: string): ForwardedMode {
    const hosts = this.#hosts
    return hosts === null || covers(hosts, host) ? this.#forwarded : 'remove'
  }
}

/** A name that is there both ways is there with all below it. */
function hostMap(texts: readonly string[]): Map<string, boolean> {
  const hosts = new Map<string, boolean>()
  for (const text of texts) {
    const parsed = parseDomain(text)
    if (typeof parsed !== 'string') hosts.set(parsed.name, parsed.exact && hosts.get(parsed.name) !== false)
  }
  return hosts
}

function covers(hosts: ReadonlyMap<string, boolean>, host: string): boolean {
  if (hosts.has(host)) return true
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    if (hosts.get(host.slice(dot + 1)) === false) return true
  }
  return false
}
