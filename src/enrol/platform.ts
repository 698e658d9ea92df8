/** Browsers send less than 300 characters. */
const MAX_HEADER = 1024

/**
 * Which guide to open first: the User-Agent is a hint and no more (an iPad calls itself a Macintosh), every other guide
 * is on the page too. '' when it says nothing.
 */
export function guessPlatform(userAgent: string | null): string {
  const text = (userAgent ?? '').slice(0, MAX_HEADER)
  for (const [word, id] of HINTS) if (text.includes(word)) return id
  return ''
}

/** In this order: Android calls itself Linux too. */
const HINTS: readonly (readonly [word: string, id: string])[] = [
  ['Android', 'android'],
  ['iPhone', 'ios'],
  ['iPad', 'ios'],
  ['CrOS', 'chromeos'],
  ['Windows', 'windows'],
  ['Macintosh', 'macos'],
  ['Firefox/', 'firefox'],
  ['Linux', 'linux'],
]
