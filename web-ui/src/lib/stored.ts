/** Small choices of this browser. Storage may be forbidden (private windows): then they last as long as the page. */
export function load<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
  try {
    const value = localStorage.getItem(`weir.${key}`)
    return allowed.includes(value as T) ? (value as T) : fallback
  } catch {
    return fallback
  }
}

export function save(key: string, value: string): void {
  try {
    localStorage.setItem(`weir.${key}`, value)
  } catch {
    // Nothing to do: see above.
  }
}
