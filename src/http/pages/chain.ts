import { clip, escapeHtml, plain } from '../../core/html.ts'
import type { ChainLink } from '../../core/tls-policy.ts'

/** Longer chains are hostile; nobody reads further. */
const MAX_LINKS = 10
/** Names of one certificate. */
const MAX_NAMES = 20

export const CHAIN_STYLE = `
table{width:100%;border-collapse:collapse;table-layout:fixed;font-size:.8125rem;margin:0 0 .9rem;border-left:4px solid var(--line)}
table.fault{border-left-color:var(--bad)}
caption{text-align:left;font-weight:600;padding:.5rem 0 .35rem;overflow-wrap:anywhere}
th,td{padding:.2rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
th{width:7.5rem;color:var(--quiet);font-weight:400}
td.wrong{color:var(--bad);font-weight:600}
td.hex{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.75rem}
pre{margin:0 0 .75rem;padding:.7rem .8rem;background:var(--sunk);border:1px solid var(--line);border-radius:6px;overflow-x:auto;
font:.8125rem/1.5 ui-monospace,Menlo,Consolas,monospace}
@media (max-width:30rem){pre{white-space:pre-wrap}th,td{display:block;width:auto;padding:0 .6rem}td{padding-bottom:.4rem}}
`.replaceAll('\n', '')

type Row = readonly [label: string, value: string, kind: '' | 'wrong' | 'hex']

export function chainHtml(chain: readonly ChainLink[]): string {
  const shown = chain.slice(0, MAX_LINKS)
  let out = `<details><summary>The chain of certificates (${chain.length})</summary><div>`
  for (const [i, link] of shown.entries()) {
    out += `<table${link.fault === '' ? '' : ' class="fault"'}><caption>${escapeHtml(headingOf(i, chain.length))}</caption>`
    for (const [label, value, kind] of rowsOf(link)) {
      const type = kind === '' ? '' : ` class="${kind}"`
      out += `<tr><th scope="row">${escapeHtml(label)}</th><td${type}>${escapeHtml(clip(value))}</td></tr>`
    }
    out += '</table>'
  }
  if (chain.length > MAX_LINKS) out += `<p>… and ${chain.length - MAX_LINKS} more.</p>`
  return `${out}</div></details>`
}

export function chainText(chain: readonly ChainLink[]): string {
  const blocks = chain.slice(0, MAX_LINKS).map((link, i) => {
    const lines = rowsOf(link).map(([label, value]) => `  ${label.padEnd(11)}  ${plain(clip(value))}`)
    return `${headingOf(i, chain.length)}\n${lines.join('\n')}\n`
  })
  return blocks.join('\n')
}

/** Bounded like the page; times as text. */
export function chainJson(chain: readonly ChainLink[]): object[] {
  return chain.slice(0, MAX_LINKS).map(link => ({
    subject: plain(clip(link.subject)),
    issuer: plain(clip(link.issuer)),
    names: link.names.slice(0, MAX_NAMES).map(name => plain(clip(name))),
    notBefore: timeText(link.notBefore),
    notAfter: timeText(link.notAfter),
    serial: plain(clip(link.serial)),
    key: plain(clip(link.key)),
    signature: plain(clip(link.signature)),
    fingerprint: plain(clip(link.fingerprint)),
    fault: plain(clip(link.fault)),
  }))
}

function headingOf(index: number, length: number): string {
  if (index === 0) return '1. The certificate of the web site itself'
  return `${index + 1}. ${index === length - 1 ? 'The last authority in the chain' : 'An authority in between'}`
}

function rowsOf(link: ChainLink): Row[] {
  const rows: Row[] = []
  if (link.fault !== '') rows.push(['Wrong here', link.fault, 'wrong'])
  rows.push(['For', link.subject === '' ? '(no name)' : link.subject, ''], ['Issued by', link.issuer, ''])
  if (link.names.length > 0) rows.push(['Names', namesText(link.names), ''])
  rows.push(['Valid from', timeText(link.notBefore), ''], ['Valid to', timeText(link.notAfter), ''])
  rows.push(['Key', link.key, ''], ['Signature', link.signature, ''])
  rows.push(['Serial', link.serial, 'hex'], ['SHA-256', link.fingerprint, 'hex'])
  return rows
}

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).map(name => (name.length > 60 ? `${name.slice(0, 59)}…` : name))
  return shown.join(', ') + (names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '')
}

/** A certificate may name any time, or none that can be read. */
function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'unknown' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
