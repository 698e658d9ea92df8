/**
 * A header list is a flat array `[name, value, name, value, …]` in wire order, names in the case they were sent in.
 * Flat, because one array costs one allocation a message, keeps order and duplicates (RFC 9110 §5.3 lets a proxy
 * neither reorder nor merge what it does not understand), and is what node:http2 speaks too.
 * Strings hold one character per octet (latin1), so obs-text passes unchanged.
 */
export type HeaderList = string[]

/** ASCII case-insensitive comparison; `lower` must already be lower case. */
export function nameIs(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false
  if (name === lower) return true
  for (let i = 0; i < name.length; i++) {
    let c = name.charCodeAt(i)
    if (c >= 65 && c <= 90) c |= 32
    if (c !== lower.charCodeAt(i)) return false
  }
  return true
}

/** First value of the field, or null. `lower` is the field name in lower case. */
export function headerGet(list: HeaderList, lower: string): string | null {
  for (let i = 0; i < list.length; i += 2) if (nameIs(list[i]!, lower)) return list[i + 1]!
  return null
}

export function headerHas(list: HeaderList, lower: string): boolean {
  return headerGet(list, lower) !== null
}

/** Every field line's value, in order. */
export function headerAll(list: HeaderList, lower: string): string[] {
  const out: string[] = []
  for (let i = 0; i < list.length; i += 2) if (nameIs(list[i]!, lower)) out.push(list[i + 1]!)
  return out
}

/** All field lines of one name as one list value (RFC 9110 §5.2), or null when absent. Not for Set-Cookie. */
export function headerJoined(list: HeaderList, lower: string): string | null {
  let out: string | null = null
  for (let i = 0; i < list.length; i += 2) {
    if (nameIs(list[i]!, lower)) out = out === null ? list[i + 1]! : `${out}, ${list[i + 1]!}`
  }
  return out
}

/** Removes every field line of that name, in place. Returns how many were removed. */
export function headerRemove(list: HeaderList, lower: string): number {
  let to = 0
  const length = list.length
  for (let i = 0; i < length; i += 2) {
    if (nameIs(list[i]!, lower)) continue
    if (to !== i) {
      list[to] = list[i]!
      list[to + 1] = list[i + 1]!
    }
    to += 2
  }
  list.length = to
  return (length - to) / 2
}

/** Replaces the first field line of that name and removes the others; appends when there was none. */
export function headerSet(list: HeaderList, name: string, value: string): void {
  const lower = name.toLowerCase()
  for (let i = 0; i < list.length; i += 2) {
    if (!nameIs(list[i]!, lower)) continue
    const rest = list.splice(i + 2)
    headerRemove(rest, lower)
    list[i] = name
    list[i + 1] = value
    for (const item of rest) list.push(item)
    return
  }
  list.push(name, value)
}
