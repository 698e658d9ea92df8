import type { HelloFault } from './clienthello.ts'

/** Thrown by a Reader and by whoever reads with it; caught by `parseClientHello`. */
export class Malformed extends Error {
  readonly why: HelloFault
  constructor(why: HelloFault) {
    super(why)
    this.why = why
  }
}

/** A window into the message; every read is checked against the window's end. */
export class Reader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number
  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }
  left(): number {
    return this.#end - this.#at
  }
  skip(count: number): void {
    if (this.left() < count) throw new Malformed('truncated-field')
    this.#at += count
  }
  u8(): number {
    this.skip(1)
    return this.#bytes[this.#at - 1]!
  }
  u16(): number {
    this.skip(2)
    return this.#bytes.readUInt16BE(this.#at - 2)
  }
  block8(): Reader {
    return this.#block(this.u8())
  }
  block16(): Reader {
    return this.#block(this.u16())
  }
  #block(length: number): Reader {
    this.skip(length)
    return new Reader(this.#bytes, this.#at - length, this.#at)
  }
  u16List(atLeast: number): number[] {
    if (this.left() % 2 !== 0 || this.left() < atLeast * 2) throw new Malformed('bad-length')
    const out: number[] = []
    while (this.left() > 0) out.push(this.u16())
    return out
  }
  u8List(): number[] {
    const out: number[] = []
    while (this.left() > 0) out.push(this.u8())
    return out
  }
  text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end)
  }
  done(): void {
    if (this.left() > 0) throw new Malformed('bad-length')
  }
}
