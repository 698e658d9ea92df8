import fs from 'node:fs'
import { type Decision, NO_REASON } from '../core/decision.ts'
import type { Exchange, LocalReply } from '../core/exchange.ts'
import type { FilterResult } from '../core/filter.ts'
import type { CaFile, CaHandout } from '../core/handout.ts'
import { headerGet } from '../core/headers.ts'
import type { SharedFact } from '../core/ipc.ts'
import { OVERRIDE_PATH, type Overrides } from './override.ts'
import { type EnrolFacts, enrolHtml, enrolJson, enrolText } from './page.ts'
import { guessPlatform } from './platform.ts'
import type { Proofs } from './proof.ts'
import { answer, redirect, textReply } from './replies.ts'
import { authorityOf, isOwnForm } from './same-site.ts'
import { FACT_MS } from './shared-facts.ts'
import { languageOf } from './words.ts'

/** On every host that is intercepted (RFC 8615); and a host of which everything is ours. */
export const RESERVED_PATH = '/.well-known/weir/'
export const RESERVED_HOST = 'weir.internal'

/** So long the page may be used. */
const PAGE_MS = 15 * 60_000

const SCRIPT = fs.readFileSync(new URL('./trust.js', import.meta.url))

export interface ReservedDeps {
  handout(): CaHandout
  proofs: Proofs
  overrides: Overrides
  share(fact: SharedFact): Promise<boolean>
  pageType(accept: string | null): 'html' | 'json' | 'text'
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * What is addressed to Weir itself, answered before policy is asked and without an origin: the enrolment page of devices
 * that do not trust us yet, the files they install, the trial whether they do, and clicks through a warning.
 */
export class Reserved {
  readonly #deps: ReservedDeps

  constructor(deps: ReservedDeps) {
    this.#deps = deps
  }

  /** null: the request is for somebody else. */
  answer(ex: Exchange): FilterResult | Promise<FilterResult> {
    const { path, host, method } = ex.request
    const ours = path.startsWith(RESERVED_PATH)
    if (!ours && host !== RESERVED_HOST) return null
    ex.decision = decisionOf(ex)
    const query = path.indexOf('?')
    const name = ours ? path.slice(RESERVED_PATH.length, query < 0 ? undefined : query) : ''
    if (path.startsWith(OVERRIDE_PATH) && name === 'override') return this.#deps.overrides.accept(ex)
    if (name === 'try') return this.#try(ex)
    if (method !== 'GET' && method !== 'HEAD') return textReply(405, 'This can only be read.', ['Allow', 'GET, HEAD'])
    if (name === '') return this.#page(ex)
    if (name === 'trusted') return this.#trusted(ex)
    if (name === 'trust.js') return answer(200, 'text/javascript; charset=utf-8', SCRIPT)
    return this.#file(name) ?? textReply(404, 'There is nothing here. The page is at /.well-known/weir/')
  }

  #page(ex: Exchange): LocalReply {
    const facts = this.#facts(ex)
    const { headers } = ex.request
    const type = this.#deps.pageType(headerGet(headers, 'accept'))
    const vary = ['Vary', 'Accept, Accept-Language, User-Agent']
    if (type === 'text') return answer(200, 'text/plain; charset=utf-8', enrolText(facts), vary)
    if (type === 'json') return answer(200, 'application/json', enrolJson(facts), vary)
    // A form that is sent may be led on to the same host over https; the trial is a fetch from there
    const secureOrigin = `https://${facts.authority}`
    const policy =
      `default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; img-src data:; connect-src 'self' ${secureOrigin}; ` +
      `form-action 'self' ${secureOrigin}; base-uri 'none'; frame-ancestors 'none'`
    return answer(200, 'text/html; charset=utf-8', enrolHtml(facts), [...vary, 'Content-Security-Policy', policy])
  }

  #facts(ex: Exchange): EnrolFacts {
    const { host, scheme, headers } = ex.request
    const secure = scheme === 'https'
    return {
      language: languageOf(headerGet(headers, 'accept-language')),
      // Over https on its own port, whatever port the page came by
      authority: authorityOf(host, 443, 'https'),
      secure,
      platform: guessPlatform(headerGet(headers, 'user-agent')),
      handout: this.#deps.handout(),
      tryPath: secure ? '' : this.#tryPath(ex),
      expect: this.#expected(),
    }
  }

  // ── the trial ────────────────────────────────────────────────────────────────────────────────────────────────────

  #tryPath({ conn, request }: Exchange): string {
    const until = String(this.#deps.now() + PAGE_MS)
    const proof = this.#deps.proofs.make('try', [conn.clientAddr, request.host, until])
    return `${RESERVED_PATH}try?${new URLSearchParams({ until, proof })}`
  }

  /**
   * The device's connections to this host are opened for a moment, whatever was learned about it. Only who has read our
   * page can ask for it: another site could otherwise have a device that does not trust us cut off from any host.
   */
  async #try({ conn, request }: Exchange): Promise<LocalReply> {
    if (request.method !== 'POST') return textReply(405, 'Only the button on the page leads here.', ['Allow', 'POST'])
    const sent = new URLSearchParams(request.path.slice(request.path.indexOf('?') + 1))
    const until = sent.get('until') ?? ''
    const proved = this.#deps.proofs.holds(sent.get('proof') ?? '', 'try', [conn.clientAddr, request.host, until])
    const now = this.#deps.now()
    if (!proved || !isOwnForm(request) || Number(until) <= now) {
      return textReply(403, 'The page is too old, or was made for another device. Open it again.')
    }
    const client = conn.clientAddr
    const fact = { kind: 'enrolling', client, host: request.host, until: now + FACT_MS.enrolling } as const
    if (!(await this.#deps.share(fact))) return textReply(503, 'Too many devices are trying. Try again in a minute.')
    // The button leads on, to where the browser shows whether it trusts us; the page's script looks for itself
    if (this.#deps.pageType(headerGet(request.headers, 'accept')) !== 'html') return answer(204, 'text/plain', '')
    return redirect(`https://${authorityOf(request.host, 443, 'https')}${RESERVED_PATH}`)
  }

  /** Read over a connection with our certificate, and by the page of the same host alone. */
  #trusted({ request }: Exchange): LocalReply {
    if (request.scheme !== 'https') return textReply(404, 'This can only be asked over https.')
    const origin = headerGet(request.headers, 'origin')
    const own = origin !== null && isPlainOrigin(origin, authorityOf(request.host, 443, 'https'))
    return textReply(200, this.#expected(), ['Vary', 'Origin', ...(own ? ['Access-Control-Allow-Origin', origin] : [])])
  }

  /** No origin answers this by accident. */
  #expected(): string {
    return `weir ${this.#deps.handout().authorities[0]?.sha256 ?? ''}`
  }

  // ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #file(name: string): LocalReply | null {
    const [, which, format] = /^(ca|next)\.([a-z0-9]+)$/.exec(name) ?? []
    const authority = this.#deps.handout().authorities[which === 'next' ? 1 : 0]
    const file = authority?.files.find(candidate => candidate.format === format)
    return file === undefined ? null : download(file)
  }
}

/** Apple devices offer to install a profile that is shown, and only keep one that is attached. */
function download({ format, bytes, contentType, fileName }: CaFile): LocalReply {
  const how = format === 'mobileconfig' ? 'inline' : 'attachment'
  return answer(200, contentType, bytes, ['Content-Disposition', `${how}; filename="${fileName}"`])
}

/** `http://host`, on whatever port. */
function isPlainOrigin(origin: string, authority: string): boolean {
  const start = `http://${authority}`
  return origin === start || (origin.startsWith(`${start}:`) && /^\d{1,5}$/.test(origin.slice(start.length + 1)))
}

/** It is no visit to the host, whatever policy says of that. */
function decisionOf({ conn }: Exchange): Decision {
  const tier = conn.decision?.tier ?? 'inspect'
  return { verdict: 'allow', reason: ENROLLING, tier, tierReason: conn.decision?.tierReason ?? NO_REASON }
}

const ENROLLING = Object.freeze({ ...NO_REASON, code: 'enrolling' as const })
