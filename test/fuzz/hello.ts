/**
 * Fuzzes the hello parser and what is made of its result: `node test/fuzz/hello.ts --seconds 600 [--seed N]`. Real hellos
 * are taken apart into fields, changed where a parser's mistakes live (lengths, order, doubles, sizes, names), put together
 * with right or wrong lengths and cut into records. Prints executions, outcomes, the slowest, growth of the heap, crashes;
 * ends with 1 if anything crashed, hung or grew.
 */
import v8 from 'node:v8'
import vm from 'node:vm'
import { HELLO_ALERTS } from '../../src/peek/alert.ts'
import { helloFacts, MAX_HELLO_BYTES, parseClientHello } from '../../src/peek/clienthello.ts'
import { sniff, sniffHost } from '../../src/peek/sniff.ts'
import { chromiumHello, curlHello, nodeHello, opensslHello } from '../unit/peek/hellos.ts'

export interface FuzzResult {
  executions: number
  /** How often each way of the parser was taken. */
  outcomes: Record<string, number>
  /** Longest CPU time over one input, milliseconds: other work of the machine does not count. */
  slowestMs: number
  /** Bytes of heap after a collection, compared with those after the first tenth. */
  heapGrowth: number
  crashes: { hex: string; error: string }[]
}

/** No input may take longer, collections of garbage included. */
export const HANG_MS = 250
export const MAX_GROWTH = 4 * 1024 * 1024
const MAX_CRASHES = 10

type Random = (below: number) => number

/** A hello in fields: what lies between the lengths. */
interface Fields {
  version: Buffer
  random: Buffer
  session: Buffer
  suites: Buffer
  compression: Buffer
  extensions: { id: number; body: Buffer }[]
}

export async function fuzzHellos(limit: { seconds?: number; executions?: number; seed: number }): Promise<FuzzResult> {
  const random = generator(limit.seed)
  const seeds = [
    chromiumHello(),
    await nodeHello({ servername: 'www.example', ALPNProtocols: ['h2'] }),
    await opensslHello('-tls1_2', '-servername', 'old.example', '-alpn', 'http/1.1'),
    await curlHello('www.example.net'),
  ].map(takeApart)
  const collect = collector()
  const result: FuzzResult = { executions: 0, outcomes: {}, slowestMs: 0, heapGrowth: 0, crashes: [] }
  const began = performance.now()
  const share = () =>
    limit.seconds === undefined
      ? result.executions / limit.executions!
      : (performance.now() - began) / (limit.seconds * 1000)
  let baseline = -1
  while (share() < 1 && result.crashes.length < MAX_CRASHES) {
    for (let i = 0; i < 500; i++) one(mutate(seeds[random(seeds.length)]!, random), random, result)
    if (baseline < 0 && share() >= 0.1) baseline = collect()
  }
  result.heapGrowth = collect() - baseline
  return result
}

function one(bytes: Buffer, random: Random, result: FuzzResult): void {
  result.executions++
  const began = process.threadCpuUsage()
  try {
    const outcome = examine(bytes, random)
    result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1
  } catch (error) {
    result.crashes.push({ hex: bytes.toString('hex'), error: String((error as Error).stack) })
  }
  const { user, system } = process.threadCpuUsage(began)
  const ms = (user + system) / 1000
  if (ms > result.slowestMs) result.slowestMs = ms
}

/** Whatever must hold for every input. */
function examine(bytes: Buffer, random: Random): string {
  const whole = parseClientHello(bytes)
  sniff(bytes)
  sniffHost(bytes)
  const part = parseClientHello(bytes.subarray(0, random(bytes.length + 1)))
  if (part.state !== 'more' && JSON.stringify(part) !== JSON.stringify(whole))
    throw new Error('a part decided otherwise')
  if (whole.state === 'more') {
    if (whole.need <= bytes.length || whole.need > MAX_HELLO_BYTES) throw new Error(`needs ${whole.need}`)
    return 'more'
  }
  if (whole.state === 'malformed') {
    if (HELLO_ALERTS[whole.why] === undefined) throw new Error(`no alert for ${whole.why}`)
    return whole.why
  }
  const facts = helloFacts(whole.hello)
  if (facts.sni !== null && (facts.sni.length > 253 || !/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(facts.sni)))
    throw new Error(`odd name ${facts.sni}`)
  if (facts.sni !== null && (facts.badName || facts.sniAddress !== null)) throw new Error('a name good and bad')
  if (!/^[0-9a-f]{32}$/.test(facts.ja3)) throw new Error(`JA3 ${facts.ja3}`)
  if (!/^t(?:1[0-3]|s[23]|00)[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/.test(facts.ja4))
    throw new Error(`JA4 ${facts.ja4}`)
  return facts.badName ? 'hello, bad name' : 'hello'
}

// ── mutations ────────────────────────────────────────────────────────────────────────────────────────────────────────

function takeApart(capture: Buffer): Fields {
  const m = capture.subarray(9, 5 + capture.readUInt16BE(3))
  let at = 34
  const block = (size: 1 | 2): Buffer => {
    const length = m.readUIntBE(at, size)
    const body = m.subarray(at + size, at + size + length)
    at += size + length
    return body
  }
  const fields = { version: m.subarray(0, 2), random: m.subarray(2, 34), session: block(1), suites: block(2) }
  const compression = block(1)
  const list = block(2)
  const extensions: Fields['extensions'] = []
  for (let i = 0; i < list.length; ) {
    const length = list.readUInt16BE(i + 2)
    extensions.push({ id: list.readUInt16BE(i), body: list.subarray(i + 4, i + 4 + length) })
    i += 4 + length
  }
  return { ...fields, compression, extensions }
}

function mutate(seed: Fields, random: Random): Buffer {
  const fields = { ...seed, extensions: seed.extensions.map(extension => ({ ...extension })) }
  for (let left = random(4); left >= 0; left--) OPERATIONS[random(OPERATIONS.length)]!(fields, random)
  // One in eight lengths is wrong, in one of four hellos
  const lie = random(4) === 0 ? (n: number) => (random(8) === 0 ? n + random(5) - 2 : n) : (n: number) => n
  const message = putTogether(fields, lie)
  return records(random(10) === 0 ? scramble(message, random) : message, random)
}

type Operation = (fields: Fields, random: Random) => void

const some = <T>(list: T[], random: Random): T => list[random(list.length)]!
const NAMES = [
  'a.example.',
  'A.EXAMPLE',
  '*.example',
  'a/b',
  'a\0b',
  '10.0.0.1',
  '2001:db8::1',
  'xn--a',
  '-a-',
  'a..b',
  '',
  '.',
  'ü.example',
]

const OPERATIONS: Operation[] = [
  f => f.extensions.reverse(),
  (f, r) => void f.extensions.splice(r(f.extensions.length + 1), r(3)),
  (f, r) => {
    if (f.extensions.length > 0) f.extensions.splice(r(f.extensions.length), 0, { ...some(f.extensions, r) })
  },
  (f, r) =>
    void f.extensions.push({ id: r(2) === 0 ? r(64) : r(65_536), body: noise(r(r(20) === 0 ? 20_000 : 40), r) }),
  (f, r) => {
    if (f.extensions.length > 0) some(f.extensions, r).id = r(70)
  },
  (f, r) => {
    for (const extension of f.extensions) if (r(6) === 0) extension.body = scramble(extension.body, r)
  },
  (f, r) => {
    if (f.extensions.length > 0) some(f.extensions, r).body = noise(r(60), r)
  },
  (f, r) => {
    const names = Array.from({ length: 1 + (r(5) === 0 ? r(4) : 0) }, () => nameEntry(r))
    const at = f.extensions.findIndex(extension => extension.id === 0)
    f.extensions.splice(Math.max(at, 0), at < 0 ? 0 : 1, { id: 0, body: sized(Buffer.concat(names), 2) })
  },
  (f, r) => void (f.version = Buffer.from([r(4), r(6)])),
  (f, r) => void (f.session = noise(r(40), r)),
  (f, r) => void (f.suites = r(8) === 0 ? noise(r(60_000), r) : scramble(f.suites, r)),
  (f, r) => void (f.compression = noise(r(4), r)),
  f => void (f.extensions = []),
]

function nameEntry(random: Random): Buffer {
  const name =
    random(3) === 0
      ? noise(random(300), random)
      : random(4) === 0
        ? Buffer.alloc(random(300), 'a.')
        : some(NAMES, random)
  return Buffer.concat([Buffer.from([random(12) === 0 ? random(256) : 0]), sized(Buffer.from(name), 2)])
}

function putTogether(fields: Fields, lie: (n: number) => number): Buffer {
  const list = fields.extensions.map(({ id, body }) => Buffer.concat([number(id, 2), sized(body, 2, lie)]))
  const body = Buffer.concat([
    fields.version,
    fields.random,
    sized(fields.session, 1, lie),
    sized(fields.suites, 2, lie),
    sized(fields.compression, 1, lie),
    ...(list.length === 0 ? [] : [sized(Buffer.concat(list), 2, lie)]),
  ])
  return Buffer.concat([Buffer.from([1]), sized(body, 3, lie)])
}

/** In one record, in many of one size, or of any sizes; now and then with something wrong or something behind. */
function records(message: Buffer, random: Random): Buffer {
  const sizes = [16_384, 1 + random(4), 1 + random(2000), 0]
  const size = some(sizes, random)
  const out: Buffer[] = []
  for (let at = 0; at < message.length; ) {
    const part = message.subarray(at, at + (size === 0 ? 1 + random(700) : size))
    out.push(Buffer.from([random(300) === 0 ? random(256) : 22, random(300) === 0 ? random(256) : 3, random(5)]))
    out.push(sized(part, 2, random(300) === 0 ? () => random(65_536) : undefined))
    at += part.length
  }
  if (random(10) === 0) out.push(noise(random(100), random))
  const all = Buffer.concat(out)
  return random(12) === 0 ? all.subarray(0, random(all.length + 1)) : all
}

function scramble(bytes: Buffer, random: Random): Buffer {
  const from = random(bytes.length + 1)
  const changed = Buffer.concat([bytes.subarray(0, from), noise(random(5), random), bytes.subarray(from + random(5))])
  if (changed.length > 0 && random(2) === 0) changed[random(changed.length)] = random(256)
  return changed
}

function noise(length: number, random: Random): Buffer {
  const out = Buffer.alloc(length)
  for (let i = 0; i < length; i++) out[i] = random(256)
  return out
}

function number(value: number, size: number): Buffer {
  const out = Buffer.alloc(size)
  out.writeUIntBE(Math.max(0, value) % 2 ** (8 * size), 0, size)
  return out
}

function sized(body: Buffer, size: number, lie: (n: number) => number = n => n): Buffer {
  return Buffer.concat([number(lie(body.length), size), body])
}

/** xorshift32: the same inputs again for the same seed. */
function generator(seed: number): Random {
  let state = seed | 0 || 1
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return below <= 0 ? 0 : (state >>> 0) % below
  }
}

function collector(): () => number {
  v8.setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc') as () => void
  return () => {
    gc()
    gc()
    return process.memoryUsage().heapUsed
  }
}

if (import.meta.main) {
  const option = (name: string, otherwise: number) => {
    const at = process.argv.indexOf(`--${name}`)
    return at < 0 ? otherwise : Number(process.argv[at + 1])
  }
  const seconds = option('seconds', 60)
  const seed = option('seed', Date.now() & 0x7fffffff)
  const result = await fuzzHellos({ seconds, seed })
  const { executions, outcomes, slowestMs, heapGrowth, crashes } = result
  console.log(`seed ${seed}: ${executions} executions in ${seconds} s, ${Math.round(executions / seconds)} a second`)
  console.log(
    Object.entries(outcomes)
      .map(([name, count]) => `  ${name}: ${count}`)
      .sort()
      .join('\n'),
  )
  console.log(
    `slowest ${slowestMs.toFixed(1)} ms, heap grew by ${(heapGrowth / 1024).toFixed(0)} KiB, ${crashes.length} crashes`,
  )
  for (const { hex, error } of crashes) console.log(`${error}\n${hex}`)
  process.exit(crashes.length > 0 || slowestMs > HANG_MS || heapGrowth > MAX_GROWTH ? 1 : 0)
}
