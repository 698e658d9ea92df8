/** What the pages have in common that Weir shows in place of a site: their frame, their look, and how strange text gets in. */

const MAX_VALUE = 300

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Control characters and the marks that turn the direction of writing could make one text look like another: shown as `�`. */
const DECEPTIVE =
  /[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

export function escapeHtml(text: string): string {
  return plain(text).replace(/[&<>"']/g, char => ENTITIES[char]!)
}

/** A terminal shows this as it is. */
export function plain(text: string): string {
  return text.replace(DECEPTIVE, '\ufffd')
}

export function clip(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE - 1)}…` : text
}

/** No font, no picture, nothing from elsewhere: the page must show under any policy and tell nobody that it was shown. */
const STYLE = `
:root{color-scheme:light dark;--paper:#f4f6f8;--card:#fff;--ink:#17222d;--quiet:#5a6875;--line:#dde3e9;--mark:#1f6f8b;
--good:#1d7a46;--bad:#a3352b;--sunk:#f4f6f8}
.policy{--mark:#9a5b00}.origin{--mark:#a3352b}.self,.client{--mark:#1f6f8b}
@media (prefers-color-scheme:dark){:root{--paper:#10161c;--card:#19212a;--ink:#e6ecf1;--quiet:#9aa8b5;--line:#2c3742;--mark:#6fb9d3;
--good:#6cc795;--bad:#ee8d82;--sunk:#10161c}
.policy{--mark:#e0a95a}.origin{--mark:#ee8d82}.self,.client{--mark:#6fb9d3}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;min-width:0;max-width:37rem;background:var(--card);border:1px solid var(--line);border-top:4px solid var(--mark);
border-radius:12px;padding:2rem 2.25rem 1.75rem;box-shadow:0 1px 2px #0000000d,0 8px 28px #0000000f}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;text-wrap:balance}
.host{margin:0 0 1rem;font-weight:600;color:var(--mark);overflow-wrap:anywhere}
p{margin:0 0 .75rem;text-wrap:pretty}
a{color:inherit;text-underline-offset:.15em}
h2{margin:1.5rem 0 .25rem;font-size:.95rem}
dl{margin:1.5rem 0 0;padding-top:1.1rem;border-top:1px solid var(--line);display:grid;grid-template-columns:auto 1fr;
gap:.3rem 1.25rem;font-size:.875rem}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.btn{display:inline-block;min-height:44px;padding:.55rem 1.1rem;border:1px solid var(--mark);border-radius:8px;background:none;
color:var(--mark);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
.btn:hover{background:var(--sunk)}
.btn.first{background:var(--mark);color:var(--card)}
:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
details{margin:1rem 0 0;border:1px solid var(--line);border-radius:8px;font-size:.9375rem}
summary{padding:.65rem .9rem;min-height:44px;cursor:pointer;font-weight:600}
details>div{padding:0 .9rem .4rem}
@media (max-width:30rem){body{padding:.75rem;place-items:start stretch}main{padding:1.4rem 1.25rem 1.25rem}dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.5rem}}
`.replaceAll('\n', '')

export interface Frame {
  /** `en`, `de` */
  lang: string
  /** Class of the body: one of our own words. */
  tone: string
  title: string
  /** More style, of our own. */
  style?: string
  /** Whom the browser may tell where it came from: a form to ourselves has to say so. */
  referrer: 'no-referrer' | 'same-origin'
  /** More of the head, of our own. */
  head?: string
  /** Markup, every strange text in it already escaped. */
  body: string
}

export function frameHtml({ lang, tone, title, style = '', referrer, head = '', body }: Frame): string {
  return (
    `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
    `<meta name="robots" content="noindex"><meta name="referrer" content="${referrer}">` +
    `${head}<style>${STYLE}${style}</style><title>${escapeHtml(title)}</title></head><body class="${tone}"><main>${body}</main></body></html>\n`
  )
}
