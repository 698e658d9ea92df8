import dns from 'node:dns'

/** All addresses of a name, as text. */
export type Resolve = (host: string, done: (error: Error | null, addrs: string[]) => void) => void

/**
 * libuv has 4 threads for getaddrinfo() and for all file access of the process, and a name server that does not answer
 * holds one for many seconds: whoever points certificates at such names gets two of them.
 */
const MAX_RUNNING = 2
const MAX_WAITING = 64

type Lookup = (host: string, done: (error: Error | null, addrs: string[]) => void) => void

/** It says nothing about the name. */
export class NotAsked extends Error {}

/** Resolves as the box does for itself, so that its hosts file counts; and not more than two names at a time. */
export class SystemResolver {
  readonly #lookup: Lookup
  readonly #most: number
  readonly #waiting = new Map<string, ((error: Error | null, addrs: string[]) => void)[]>()
  readonly #queue: string[] = []
  #running = 0

  constructor(most = MAX_RUNNING, lookup: Lookup = lookupAll) {
    this.#most = most
    this.#lookup = lookup
  }

  /** A member, so that it can be handed on alone. */
  readonly resolve: Resolve = (host, done) => {
    const joined = this.#waiting.get(host)
    if (joined !== undefined) {
      joined.push(done)
      return
    }
    if (this.#waiting.size >= MAX_WAITING) {
      done(new NotAsked('too many names are being resolved'), [])
      return
    }
    this.#waiting.set(host, [done])
    this.#queue.push(host)
    this.#startNext()
  }

  #startNext(): void {
    while (this.#running < this.#most) {
      const host = this.#queue.shift()
      if (host === undefined) return
      this.#running++
      this.#lookup(host, (error, addrs) => {
        this.#running--
        const waiters = this.#waiting.get(host) ?? []
        this.#waiting.delete(host)
        for (const done of waiters) done(error, addrs)
        this.#startNext()
      })
    }
  }
}

function lookupAll(host: string, done: (error: Error | null, addrs: string[]) => void): void {
  dns.lookup(host, { all: true, hints: dns.ADDRCONFIG }, (error, found) => {
    const addrs = error === null ? found.map(entry => entry.address) : []
    done(error, addrs)
  })
}
