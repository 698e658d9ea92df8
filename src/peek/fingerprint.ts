import { hash } from 'node:crypto'
import type { ClientHello } from './clienthello.ts'

/**
 * What tells one TLS library from another, for log and learning. Values in the style of RFC 8701 (GREASE) are random and
 * left out of both.
 */

/** Salesforce's JA3: MD5 over version, suites, extensions, groups and point formats in the order sent; 32 hex digits. */
export function ja3(hello: ClientHello): string {
  const { legacyVersion, cipherSuites, extensions, groups, pointFormats } = hello
  const text = `${legacyVersion},${decimals(cipherSuites)},${decimals(extensions)},${decimals(groups)},${pointFormats.join('-')}`
  return hash('md5', text, 'hex')
}

/** FoxIO's JA4 (version 1 of its specification): `t13d1516h2_8daaf6152771_e5627efa2ab1`. Order of suites and extensions does not count. */
export function ja4(hello: ClientHello): string {
  const suites = fourDigits(hello.cipherSuites)
  const extensions = fourDigits(hello.extensions)
  const start = `t${versionOf(hello)}${hello.extensions.includes(SERVER_NAME) ? 'd' : 'i'}${count(suites)}${count(extensions)}${alpnOf(hello)}`
  const schemes = fourDigits(hello.signatureSchemes)
  // The name and the protocols differ by site and are told by the first part.
  const sorted = extensions.filter(id => id !== '0000' && id !== '0010').sort()
  const last = schemes.length === 0 ? sorted.join() : `${sorted.join()}_${schemes.join()}`
  return `${start}_${digest(suites.sort().join(), suites.length)}_${digest(last, extensions.length)}`
}

const SERVER_NAME = 0

const VERSIONS: Record<number, string> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
}

function versionOf({ versions, legacyVersion }: ClientHello): string {
  let highest = versions.length === 0 ? legacyVersion : 0
  for (const version of versions) if (!isGrease(version) && version > highest) highest = version
  return VERSIONS[highest] ?? '00'
}

/** First and last character of the first protocol; of its hex digits when one of them is no letter or digit. */
function alpnOf({ alpn }: ClientHello): string {
  const first = alpn[0]
  if (first === undefined) return '00'
  const ends = `${first[0]}${first.at(-1)}`
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends
  const hex = Buffer.from(first, 'latin1').toString('hex')
  return `${hex[0]}${hex.at(-1)}`
}

function digest(text: string, items: number): string {
  return items === 0 ? '000000000000' : hash('sha256', text, 'hex').slice(0, 12)
}

function count(items: readonly unknown[]): string {
  return String(Math.min(items.length, 99)).padStart(2, '0')
}

function decimals(values: readonly number[]): string {
  return values.filter(value => !isGrease(value)).join('-')
}

function fourDigits(values: readonly number[]): string[] {
  const out: string[] = []
  for (const value of values) if (!isGrease(value)) out.push(value.toString(16).padStart(4, '0'))
  return out
}

/** 0x0a0a, 0x1a1a … 0xfafa (RFC 8701 §2). */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 255)
}
