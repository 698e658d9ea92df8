/** A DER writer for tests that writes whatever it is told, right or wrong; apart from src/, so that nothing vouches for itself. */

export function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const size = content.length
  const length =
    size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : size < 0x10000 ? [0x82, size >> 8, size & 0xff] : null
  const head = length ?? [0x83, size >> 16, (size >> 8) & 0xff, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
export const seq = (...parts: Uint8Array[]): Buffer => tlv(0x30, ...parts)
export const set = (...parts: Uint8Array[]): Buffer => tlv(0x31, ...parts)
export const octets = (...parts: Uint8Array[]): Buffer => tlv(0x04, ...parts)
export const bits = (content: Uint8Array, unused = 0): Buffer => tlv(0x03, Buffer.from([unused]), content)
export const bool = (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0]))
export const nul = (): Buffer => tlv(0x05)
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'))
export const printable = (text: string): Buffer => tlv(0x13, Buffer.from(text, 'latin1'))
export const ia5 = (text: string): Buffer => tlv(0x16, Buffer.from(text, 'latin1'))
/** `[n]` around whole elements. */
export const explicit = (n: number, ...parts: Uint8Array[]): Buffer => tlv(0xa0 + n, ...parts)
/** `[n]` instead of a primitive element's own tag. */
export const implicit = (n: number, content: Uint8Array): Buffer => tlv(0x80 + n, content)

/** Minimal two's complement; a Buffer is taken as the content octets. */
export function int(value: number | bigint | Buffer): Buffer {
  if (Buffer.isBuffer(value)) return tlv(0x02, value)
  let rest = BigInt(value)
  const out: number[] = []
  do {
    out.unshift(Number(BigInt.asUintN(8, rest)))
    rest >>= 8n
  } while (!(rest === 0n && out[0]! < 0x80) && !(rest === -1n && out[0]! >= 0x80))
  return tlv(0x02, Buffer.from(out))
}

export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]]
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const out = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) out.unshift((rest % 128) | 0x80)
  return out
}

/** UTCTime until 2049, GeneralizedTime after it. */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return digits < '2050' ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}
