/** One table for all byte classes of RFC 9110 and 9112: a class is a bit, a check is one load and one AND. */
export const TOKEN = 1
/** field-vchar, SP and HTAB: what a field value or a reason phrase is made of (obs-text included). */
export const TEXT = 2
/** What may stand in a request target: any visible octet, obs-text too, as browsers do send it. */
export const TARGET = 4
export const DIGIT = 8
/** qdtext of a quoted-string. */
export const QUOTED = 16

export const HTAB = 9
export const LF = 10
export const CR = 13
export const SP = 32
export const COLON = 58
export const SEMICOLON = 59

export const CLASS = makeClasses()

function makeClasses(): Uint8Array {
  const table = new Uint8Array(256)
  for (let c = 0; c < 256; c++) {
    const visible = c > 0x20 && c !== 0x7f
    if (visible && c < 0x80 && !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(c))) table[c]! |= TOKEN
    if (visible || c === SP || c === HTAB) table[c]! |= TEXT
    if (visible) table[c]! |= TARGET
    if (c >= 48 && c <= 57) table[c]! |= DIGIT
    if ((visible || c === SP || c === HTAB) && c !== 0x22 && c !== 0x5c) table[c]! |= QUOTED
  }
  return table
}

/** 0–15, or 255 for anything but a hex digit. */
export const HEX = makeHex()

function makeHex(): Uint8Array {
  const table = new Uint8Array(256).fill(255)
  for (let i = 0; i < 10; i++) table[48 + i] = i
  for (let i = 0; i < 6; i++) table[65 + i] = table[97 + i] = 10 + i
  return table
}
