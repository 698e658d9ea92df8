import { locale } from '../i18n/index.ts'

/** Intl objects cost more to make than to use: one per kind and locale. */
const numberFormats = new Map<string, Intl.NumberFormat>()
const dateFormats = new Map<string, Intl.DateTimeFormat>()

function numbers(name: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale.value} ${name}`
  let format = numberFormats.get(key)
  if (!format) numberFormats.set(key, (format = new Intl.NumberFormat(locale.value, options)))
  return format
}

function dates(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale.value} ${name}`
  let format = dateFormats.get(key)
  if (!format) dateFormats.set(key, (format = new Intl.DateTimeFormat(locale.value, options)))
  return format
}

export function integer(n: number): string {
  return numbers('integer', { maximumFractionDigits: 0 }).format(n)
}

/** 4,812 whole, 128k short: for tiles and axes. */
export function short(n: number): string {
  if (Math.abs(n) < 10_000) return numbers('one', { maximumFractionDigits: Math.abs(n) < 10 ? 1 : 0 }).format(n)
  return numbers('short', { notation: 'compact', maximumSignificantDigits: 3 }).format(n)
}

/** `part` of `whole` in percent; 0 of 0 is nothing to tell. */
export function share(part: number, whole: number): string {
  if (whole === 0) return '–'
  const ratio = part / whole
  const digits = ratio > 0 && ratio < 0.1 ? 1 : 0
  return numbers(`percent${digits}`, { style: 'percent', maximumFractionDigits: digits }).format(ratio)
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** A number and its unit symbol, which is the same in every language, with a space that does not break. */
function withUnit(value: number, digits: number, unit: string): string {
  return `${numbers(`fixed${digits}`, { maximumFractionDigits: digits }).format(value)}\u00a0${unit}`
}

/** Bytes in steps of 1000, as the units say; three digits are enough to compare. */
export function bytes(n: number): string {
  let step = 0
  let value = n
  while (value >= 999.5 && step < SIZES.length - 1) {
    value /= 1000
    step++
  }
  return withUnit(value, step === 0 || value >= 99.95 ? 0 : 1, SIZES[step]!)
}

/** A length of time: 8 ms, 1.2 s, 3 min. */
export function duration(ms: number): string {
  if (ms < 999.5) return withUnit(ms, ms < 10 ? 1 : 0, 'ms')
  if (ms < 60_000) return withUnit(ms / 1000, 1, 's')
  if (ms < 3_600_000) return withUnit(ms / 60_000, 0, 'min')
  if (ms < 86_400_000) return withUnit(ms / 3_600_000, 0, 'h')
  return withUnit(ms / 86_400_000, 0, 'd')
}

export function clockTime(ms: number): string {
  return dates('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** For the drawer: date, and the thousandths that order rows of one second. */
export function exactTime(ms: number): string {
  return dates('exact', {
    year: 'numeric',
    month: 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    hourCycle: 'h23',
    timeZoneName: 'short',
  }).format(ms)
}

export function day(ms: number): string {
  return dates('day', { year: 'numeric', month: 'short', day: 'numeric' }).format(ms)
}

/** `Mon 23 Nov, 14:05`: for what lies some days away. */
export function moment(ms: number): string {
  return dates('moment', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(ms)
}

/** Axis of a chart: the hour, or the day where the range is long. */
export function axisTime(ms: number, rangeMs: number): string {
  return rangeMs > 2 * 86_400_000
    ? dates('axisDay', { weekday: 'short', day: 'numeric' }).format(ms)
    : dates('axisHour', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** ISO 8601 with this browser's offset: what hovering over a time shows. */
export function isoTime(ms: number): string {
  const offset = -new Date(ms).getTimezoneOffset()
  const pad = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0')
  const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1)
  return `${local}${offset < 0 ? '-' : '+'}${pad(offset / 60)}:${pad(offset % 60)}`
}

/** `3f9a…` as people compare it: `3F:9A:…`. */
export function fingerprint(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(':')
}
