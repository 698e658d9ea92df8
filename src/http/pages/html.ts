import { clip, escapeHtml, frameHtml, plain } from '../../core/html.ts'
import type { ChainLink } from '../../core/tls-policy.ts'
import { CHAIN_STYLE, chainHtml, chainText } from './chain.ts'
import type { Words } from './words.ts'

/** A name and its value, as shown in the list of facts. Values come from the network: escaped and bounded here. */
export type Fact = readonly [label: string, value: string]

/** What some pages have besides. */
export interface PageExtras {
  /** Where the form leads that overlooks the refusal; null: there is none. */
  override: string | null
  /** The device is known not to trust us, and can read this over plain HTTP: show it the way to do so. */
  enrol: boolean
}

/** All that a page about a refusal shows. */
export interface PageParts extends PageExtras {
  /** One of our own words, as everything in `words`; the rest may hold anything. */
  tone: string
  words: Words
  detail: string
  host: string
  facts: readonly Fact[]
  /** The origin's certificates, when it is about them. */
  chain: readonly ChainLink[] | null
  /** What an admin writes into the policy document to overlook it; '' where that is not possible. */
  exception: string
}

export function renderHtml(parts: PageParts): string {
  const { words, detail, host, chain, exception, override } = parts
  let body = `<h1>${escapeHtml(words.title)}</h1>`
  if (host !== '') body += `<p class="host">${escapeHtml(clip(host))}</p>`
  body += `<p>${escapeHtml(words.text)}${detail === '' ? '' : ` ${escapeHtml(clip(detail))}`}</p>`
  body += `<p>${escapeHtml(words.whose)}</p><h2>What you can do</h2><p>${escapeHtml(words.next)}</p>`
  if (parts.enrol) body += ENROL
  if (chain !== null && chain.length > 0) body += chainHtml(chain)
  if (words.admin !== '') body += adminHtml(words.admin, exception)
  if (override !== null) body += overrideHtml(override, host)
  body += '<dl>'
  for (const [label, value] of parts.facts) body += `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(clip(value))}</dd>`
  return frameHtml({
    lang: 'en',
    tone: parts.tone,
    title: words.title,
    style: chain === null ? '' : CHAIN_STYLE,
    // The form's own Origin would else be sent as `null`
    referrer: override === null ? 'no-referrer' : 'same-origin',
    body: `${body}</dl>`,
  })
}

const ENROL = '<p><a href="/.well-known/weir/">Set this device up for this network</a></p>'

function adminHtml(text: string, exception: string): string {
  const yaml = exception === '' ? '' : `<pre tabindex="0">${escapeLines(exception)}</pre>`
  return `<details><summary>For the people who look after this network</summary><div><p>${escapeHtml(text)}</p>${yaml}</div></details>`
}

function overrideHtml(action: string, host: string): string {
  return (
    '<details><summary>Go there nevertheless</summary><div>' +
    `<p>Whoever stands behind this certificate may read and change all that is sent to and from ${escapeHtml(clip(host))}, ` +
    'passwords too. Go on only if you know why the certificate is not in order. It holds for this device, this ' +
    'certificate and one hour, and is noted in the log.</p>' +
    `<form method="post" action="${escapeHtml(action)}"><button class="btn">I take the risk and go there</button></form></div></details>`
  )
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeHtml).join('\n')
}

export function renderText({ words, detail, facts, chain }: PageParts): string {
  const width = Math.max(...facts.map(([label]) => label.length))
  const lines = facts.map(([label, value]) => `${label.padEnd(width)}  ${plain(clip(value))}`)
  const text = detail === '' ? words.text : `${words.text} ${plain(clip(detail))}`
  const certificates = chain === null || chain.length === 0 ? '' : `\n${chainText(chain)}`
  return `${words.title}\n\n${text}\n${words.whose}\n${words.next}\n\n${lines.join('\n')}\n${certificates}`
}
