import forge from 'node-forge'

const { asn1 } = forge
const { Class, Type } = asn1

export type Node = forge.asn1.Asn1

/** Short words for building DER: what stands here is what RFC 5280 and RFC 7292 are written in. */
export function seq(...items: Node[]): Node {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items)
}

export function set(...items: Node[]): Node {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, items)
}

export function oid(dotted: string): Node {
  return asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes())
}

export function leaf(type: forge.asn1.Type, content: Buffer): Node {
  return asn1.create(Class.UNIVERSAL, type, false, content.toString('latin1'))
}

export function octets(content: Buffer): Node {
  return leaf(Type.OCTETSTRING, content)
}

/** A small non-negative number; DER wants no needless leading zero and a clear top bit. */
export function integer(value: number): Node {
  let hex = value.toString(16)
  if (hex.length % 2 === 1) hex = `0${hex}`
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`
  return leaf(Type.INTEGER, Buffer.from(hex, 'hex'))
}

export const NULL = leaf(Type.NULL, Buffer.alloc(0))
export const TRUE = leaf(Type.BOOLEAN, Buffer.from([0xff]))

/** `[n]` around something. */
export function explicit(tag: number, ...inner: Node[]): Node {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, inner)
}

/** `[n]` in place of the type's own tag. */
export function implicit(tag: number, content: Buffer): Node {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, content.toString('latin1'))
}

export function toDer(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1')
}

/** Throws on what is not one whole DER value. */
export function fromDer(bytes: Buffer): Node {
  // forge would otherwise look into bit strings that happen to hold ASN.1, and hand them back changed.
  return asn1.fromDer(bytes.toString('latin1'), { strict: true, decodeBitStrings: false } as never)
}

export function children(node: Node | undefined): Node[] {
  if (node === undefined || !Array.isArray(node.value)) throw new Error('not constructed')
  return node.value
}

export function content(node: Node | undefined): Buffer {
  if (node === undefined || typeof node.value !== 'string') throw new Error('not primitive')
  return Buffer.from(node.value, 'latin1')
}

export function dotted(node: Node | undefined): string {
  return asn1.derToOid(content(node).toString('latin1'))
}

export function pem(label: string, der: Buffer): string {
  const body = der.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
}
