/**
 * Members of an If-None-Match value; commas within quotes belong to the tag. Unquoted tags occur and are kept as sent.
 * Each step of the pattern takes what it has looked at, so a hostile value costs linear time.
 */
function* members(list: string): Generator<string> {
  const pattern = /[ \t,]*((?:W\/)?"[^"]*"(?=[ \t]*(?:,|$))|[^,]+)/y
  for (let m = pattern.exec(list); m !== null; m = pattern.exec(list)) yield m[1]!.trim()
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

/** RFC 9110 §8.8.3.2, weak comparison. */
export function weaklyEqual(a: string, b: string): boolean {
  return opaque(a) === opaque(b)
}

/** RFC 9110 §8.8.3.2, strong comparison. */
export function stronglyEqual(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/') && a.startsWith('"')
}

/** RFC 9110 §13.1.2: does the If-None-Match value name this tag (weakly)? `*` names whatever there is. */
export function noneMatchNames(list: string, etag: string | null): boolean {
  if (list.trim() === '*') return true
  if (etag === null) return false
  for (const member of members(list)) if (weaklyEqual(member, etag)) return true
  return false
}
