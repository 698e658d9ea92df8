import koffi from 'koffi'

/**
 * The only file that speaks to libc. Synchronous calls only: koffi's known faults are in asynchronous calls.
 * Each function throws nothing; a negative answer is a negated errno.
 */
const libc = koffi.load('libc.so.6')

const c = {
  socket: libc.func('int socket(int, int, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, unsigned int)'),
  bind: libc.func('int bind(int, const void *, unsigned int)'),
  listen: libc.func('int listen(int, int)'),
  close: libc.func('int close(int)'),
  prctl: libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
  capset: libc.func('int capset(const void *, const void *)'),
}

function answer(value: number): number {
  return value < 0 ? -koffi.errno() : value
}

export function socket(family: number, type: number): number {
  return answer(c.socket(family, type, 0))
}

export function setOption(fd: number, level: number, name: number, value: number): number {
  const data = Buffer.alloc(4)
  data.writeInt32LE(value)
  return answer(c.setsockopt(fd, level, name, data, 4))
}

export function bind(fd: number, sockaddr: Buffer): number {
  return answer(c.bind(fd, sockaddr, sockaddr.length))
}

export function listen(fd: number, backlog: number): number {
  return answer(c.listen(fd, backlog))
}

export function close(fd: number): void {
  c.close(fd)
}

export function prctl(option: number, argument: number): number {
  return answer(c.prctl(option, argument, 0, 0, 0))
}

/** Effective, permitted and inheritable sets of the calling thread, 64 bits each, from _LINUX_CAPABILITY_VERSION_3. */
export function capset(effective: bigint, permitted: bigint, inheritable: bigint): number {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x20080522, 0)
  const data = Buffer.alloc(24)
  for (let word = 0; word < 2; word++) {
    const shift = BigInt(word * 32)
    data.writeUInt32LE(Number((effective >> shift) & 0xffffffffn), word * 12)
    data.writeUInt32LE(Number((permitted >> shift) & 0xffffffffn), word * 12 + 4)
    data.writeUInt32LE(Number((inheritable >> shift) & 0xffffffffn), word * 12 + 8)
  }
  return answer(c.capset(header, data))
}
