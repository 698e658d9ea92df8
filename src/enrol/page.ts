import type { CaFile, CaGuide, CaHandout } from '../core/handout.ts'
import { clip, escapeHtml, frameHtml, plain } from '../core/html.ts'
import { type EnrolWords, type Language, WORDS } from './words.ts'

export interface EnrolFacts {
  language: Language
  /** The host whose name the page came under, as it stands in an address. */
  authority: string
  /** The page itself came over a connection that we opened: the device accepted our certificate. */
  secure: boolean
  /** Id of the guide to open; '' for none. */
  platform: string
  handout: CaHandout
  /** Where the page asks for the trial; '' when it needs none. */
  tryPath: string
  /** What the trial answers. */
  expect: string
}

type Authority = CaHandout['authorities'][number]

/** Paths below the reserved one. */
export const fileName = (next: boolean, format: CaFile['format']): string => `${next ? 'next' : 'ca'}.${format}`

const STYLE = `
body{place-items:start center}main{max-width:44rem}
ol{margin:.25rem 0 .75rem;padding-left:1.4rem}li{margin:.3rem 0;text-wrap:pretty}li,.quiet,.btn{overflow-wrap:anywhere}
code{font:.8125rem/1.6 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.print{display:block;margin:0 0 .4rem;padding:.6rem .8rem;background:var(--sunk);border:1px solid var(--line);border-radius:8px}
.print span{display:inline-block}
.quiet{color:var(--quiet);font-size:.875rem}.files{display:flex;flex-wrap:wrap;align-items:center;gap:0 1rem;margin-top:.75rem}
.files a{padding:.6rem 0}
details{margin-top:.5rem}
#trust{margin:1.25rem 0;padding:1rem 1.1rem;border:1px solid var(--line);border-left:4px solid var(--mark);border-radius:8px}
#trust h2{margin:0 0 .4rem;font-size:1.0625rem}#trust[data-state=yes]{border-left-color:var(--good)}
#trust[data-state=no]{border-left-color:var(--bad)}
.yes::before,.no::before{display:inline-block;width:1.4em;font-weight:700}
.yes::before{content:"✓";color:var(--good)}.no::before{content:"✕";color:var(--bad)}
h2{margin-top:1.75rem;font-size:1.0625rem}
`.replaceAll('\n', '')

export function enrolHtml(facts: EnrolFacts): string {
  const words = WORDS[facts.language]
  const [current, next] = facts.handout.authorities
  let body = `<h1>${escapeHtml(words.title)}</h1><p>${escapeHtml(words.lead)}</p>${trial(facts, words)}`
  if (current !== undefined) body += install(facts, words, current)
  if (next !== undefined) body += upcoming(words, next)
  if (!facts.secure) body += '<script src="/.well-known/weir/trust.js" defer></script>'
  return frameHtml({
    lang: facts.language,
    tone: 'self',
    title: words.title,
    style: STYLE,
    referrer: 'same-origin',
    // Else the browser would ask the host for one, and no origin is to hear of this
    head: '<link rel="icon" href="data:,">',
    body,
  })
}

/** Without script the button leads to this page over https: who gets there sees the answer. */
function trial(facts: EnrolFacts, words: EnrolWords): string {
  const head = `<h2>${escapeHtml(words.test)}</h2>`
  if (facts.secure) {
    return `<section id="trust" data-state="yes">${head}<p class="yes">${escapeHtml(words.yes)}</p><p class="quiet">${escapeHtml(words.arrived)}</p></section>`
  }
  const probe = `https://${facts.authority}/.well-known/weir/trusted`
  const data = { open: facts.tryPath, probe, expect: facts.expect }
  const attributes = Object.entries(data).map(([name, value]) => ` data-${name}="${escapeHtml(value)}"`)
  const state = (when: keyof EnrolWords & string, hidden = ' hidden') =>
    `<p class="${when}" data-when="${when}"${hidden}>${escapeHtml(words[when])}</p>`
  return (
    `<section id="trust"${attributes.join('')}>${head}<div role="status">` +
    `${state('unknown', '')}${state('asking')}${state('yes')}${state('no')}${state('other')}</div>` +
    `<form method="post" action="${escapeHtml(facts.tryPath)}"><button class="btn">${escapeHtml(words.testButton)}</button></form></section>`
  )
}

function install({ handout, platform }: EnrolFacts, words: EnrolWords, ca: Authority): string {
  let out = `<h2>${escapeHtml(words.install)}</h2><p>${escapeHtml(words.why)}</p><p>${escapeHtml(words.compare)}</p>${print(ca)}`
  out += `<p class="quiet">${escapeHtml(ca.subject)} · ${escapeHtml(words.validUntil)} ${day(ca.notAfter)}</p>`
  out += `<p>${escapeHtml(words.platforms)}</p>`
  const guessed = handout.guides.filter(({ id }) => id === platform)
  const others = handout.guides.filter(({ id }) => id !== platform)
  for (const guide of guessed) out += guideHtml(guide, true, words, ca)
  for (const guide of others) out += guideHtml(guide, false, words, ca)
  return `${out}<p class="quiet files"><span>${escapeHtml(words.otherFiles)}</span>${fileLinks(ca, false)}</p>`
}

function upcoming(words: EnrolWords, ca: Authority): string {
  return (
    `<h2>${escapeHtml(words.next)}</h2><p>${escapeHtml(words.nextText)}</p>${print(ca)}` +
    `<p class="quiet">${escapeHtml(words.validFrom)} ${day(ca.notBefore)} · ${escapeHtml(words.validUntil)} ${day(ca.notAfter)}</p>` +
    `<p class="files">${fileLinks(ca, true)}</p>`
  )
}

/** The guides are written in English. */
function guideHtml(guide: CaGuide, open: boolean, words: EnrolWords, ca: Authority): string {
  const file = ca.files.find(({ format }) => format === guide.format)
  const hint = open ? ` <span class="quiet">· ${escapeHtml(words.guessed)}</span>` : ''
  const link =
    file === undefined
      ? ''
      : `<p><a class="btn${open ? ' first' : ''}" href="/.well-known/weir/${fileName(false, file.format)}">${escapeHtml(words.download)} ${escapeHtml(file.fileName)}</a></p>`
  const steps = guide.steps.map(step => `<li>${escapeHtml(step)}</li>`).join('')
  const note =
    guide.note === ''
      ? ''
      : `<p class="quiet">${escapeHtml(words.note)} <span lang="en">${escapeHtml(guide.note)}</span></p>`
  return (
    `<details name="platform" id="${escapeHtml(guide.id)}"${open ? ' open' : ''}><summary>${escapeHtml(guide.title)}${hint}</summary>` +
    `<div>${link}<ol lang="en">${steps}</ol>${note}</div></details>`
  )
}

function fileLinks(ca: Authority, next: boolean): string {
  const link = ({ format, fileName: name }: CaFile) =>
    `<a href="/.well-known/weir/${fileName(next, format)}">${escapeHtml(name)}</a>`
  return ca.files.map(link).join('')
}

function print(ca: Authority): string {
  const groups = pairs(ca.sha256).match(/.{1,24}/g) ?? []
  return `<code class="print">${groups.map(group => `<span>${group}</span>`).join('')}</code>`
}

/** For whoever asks with a command line. */
export function enrolText({ authority, handout, secure }: EnrolFacts): string {
  const lines = [WORDS.en.title, '', WORDS.en.lead, '']
  if (secure) lines.push(WORDS.en.yes, '')
  for (const [i, ca] of handout.authorities.entries()) {
    if (i === 1) lines.push('', `${WORDS.en.next}:`)
    lines.push(clip(plain(ca.subject)), `SHA-256 ${pairs(ca.sha256)}`, `${WORDS.en.validUntil} ${day(ca.notAfter)}`, '')
    for (const { format } of ca.files) lines.push(`  http://${authority}/.well-known/weir/${fileName(i > 0, format)}`)
  }
  return `${lines.join('\n')}\n`
}

export function enrolJson({ authority, handout, secure }: EnrolFacts): string {
  const authorities = handout.authorities.map((ca, i) => ({
    subject: plain(ca.subject),
    sha256: ca.sha256,
    notBefore: new Date(ca.notBefore).toISOString(),
    notAfter: new Date(ca.notAfter).toISOString(),
    files: ca.files.map(({ format, contentType }) => ({
      format,
      contentType,
      url: `http://${authority}/.well-known/weir/${fileName(i > 0, format)}`,
    })),
  }))
  return `${JSON.stringify({ trusted: secure ? true : null, authorities })}\n`
}

function pairs(hex: string): string {
  return hex.toUpperCase().replace(/..(?=.)/g, '$&:')
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
