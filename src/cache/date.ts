const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const MONTH = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})'
const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`)
const RFC850 = new RegExp(
  `^(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday), (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`,
)
const ASCTIME = new RegExp(`^${DAY} ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`)
const FIFTY_YEARS_MS = 50 * 365.25 * 86_400_000

/**
 * HTTP-date (RFC 9110 §5.6.7) in its three forms, milliseconds since the epoch, or null. Case-sensitive and exact as
 * the grammar is: a date that is nearly right is an invalid Expires, which must count as expired, not as a guess.
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  let m = IMF_FIXDATE.exec(text)
  if (m !== null) return at(m[3]!, m[2]!, m[1]!, m[4]!, m[5]!, m[6]!)
  m = ASCTIME.exec(text)
  if (m !== null) return at(m[6]!, m[1]!, m[2]!, m[3]!, m[4]!, m[5]!)
  m = RFC850.exec(text)
  if (m === null) return null
  // Two digits mean the century that is not more than 50 years ahead.
  const century = Math.floor(new Date(nowMs).getUTCFullYear() / 100) * 100
  const year = century + Number(m[3])
  const time = at(String(year), m[2]!, m[1]!, m[4]!, m[5]!, m[6]!)
  return time !== null && time > nowMs + FIFTY_YEARS_MS
    ? at(String(year - 100), m[2]!, m[1]!, m[4]!, m[5]!, m[6]!)
    : time
}

function at(year: string, month: string, day: string, hour: string, minute: string, second: string): number | null {
  const monthIndex = MONTHS.indexOf(month) / 3
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null // 60: a leap second
  const time = Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second))
  const date = new Date(time)
  // Date.UTC rolls 31 April over, and moves years below 100 into the 1900s.
  return Number(day) >= 1 && date.getUTCMonth() === monthIndex && date.getUTCFullYear() === Number(year) ? time : null
}
