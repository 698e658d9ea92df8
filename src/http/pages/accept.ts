export type PageType = 'html' | 'json' | 'text'

/** Browsers send about 150 characters. */
const MAX_ACCEPT = 1024

/**
 * Which form of a page the client reads (RFC 9110 §12.5.1). HTML only for those who name it: a script or a picture that
 * sends a bare star is better served with a line of text.
 */
export function pageType(accept: string | null): PageType {
  if (accept === null) return 'text'
  let html = 0
  let json = 0
  let text = 0
  for (const range of accept.slice(0, MAX_ACCEPT).toLowerCase().split(',')) {
    const semicolon = range.indexOf(';')
    const type = (semicolon < 0 ? range : range.slice(0, semicolon)).trim()
    const q = semicolon < 0 ? 1 : quality(range.slice(semicolon))
    if (type === 'text/html' || type === 'application/xhtml+xml') html = Math.max(html, q)
    else if (type === 'application/json' || type.endsWith('+json')) json = Math.max(json, q)
    else if (type === 'text/plain' || type === 'text/*') text = Math.max(text, q)
  }
  if (html > 0 && html >= json && html >= text) return 'html'
  return json > 0 && json >= text ? 'json' : 'text'
}

function quality(parameters: string): number {
  const match = /;\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)/.exec(parameters)
  return match === null ? 1 : Number(match[1])
}
