import { setTimeout as sleep } from 'node:timers/promises'
import { curl } from '../test/lab/client.ts'
import type { Lab } from '../test/lab/lab.ts'
import type { Gateway } from './gateway.ts'
import { type IdleCost, idleCost } from './idle.ts'
import type { Load } from './load.ts'
import { type Cpu, cpuBetween, cpuOf } from './meter.ts'
import type { Product, Subject } from './products.ts'
import type { Sample } from './report.ts'
import type { Attempt, Row, Size } from './rows.ts'
import type { Site } from './site.ts'

/** The origin may see so many requests more than it should, as a share: those that a product sends twice, and the counter's own. */
const ORIGIN_SLACK = 0.01
const ORIGIN_SLACK_REQUESTS = 40

/** A product is done with a load when it uses less than that share of its core for so long. */
const QUIET_MS = 250
const QUIET_SHARE = 0.1
const SETTLE_LIMIT_MS = 10_000

export interface BenchOptions {
  readonly lab: Lab
  readonly site: Site
  readonly gateway: Gateway
  readonly size: Size
  readonly gatewayCore: number
  /** Starts a product afresh. */
  readonly start: Readonly<Record<Product['name'], () => Promise<Product>>>
}

/** Runs rows: each subject in turn gets the connections, the load, and its CPU time read before and after. */
export class Bench {
  readonly #options: BenchOptions
  readonly #products = new Map<Product['name'], Product>()
  readonly #rates = new Map<string, number>()
  readonly #lost = new WeakMap<Product, number>()

  constructor(options: BenchOptions) {
    this.#options = options
  }

  /** Warm-up (in the first round) and one measurement. */
  async measure(row: Row, subject: Subject, round: number): Promise<Sample> {
    const { lab, site, size, gateway } = this.#options
    const product = subject === 'direct' ? null : await this.#running(subject)
    gateway.giveTo(product)
    const key = `${row.key} ${subject}`
    const caFile = product === null || !row.probe.decrypted ? site.caFile : product.caFile
    const attempt: Attempt = { lab, size, round, caFile, rate: this.#rates.get(key) ?? 0 }
    if (round === 0) {
      const mistake = await this.#probe(row, subject, caFile)
      if (mistake !== '') return { work: 0, wallMs: 0, cpu: null, remark: '', errors: [mistake] }
    }
    const rate = round === 0 ? await row.warm(attempt) : attempt.rate
    this.#rates.set(key, rate)
    if (rate === 0) return { work: 0, wallMs: 0, cpu: null, remark: '', errors: ['the warm-up brought no answer'] }

    const requests = await site.requests()
    const before = product && (await settled(product))
    const load = await this.#runUntilMeasured(row, { ...attempt, rate }, product)
    const after = product && (await settled(product))
    const lost = product === null ? 0 : await this.#logLost(product)
    const served = (await site.requests()) - requests - 1
    return {
      work: load.done * row.weight,
      wallMs: load.wallMs,
      cpu: product && cpuBetween(before!, after!),
      remark: load.remark ?? '',
      errors: [...load.errors, ...wrongWay(row, subject, load, served), ...lostRows(lost)],
    }
  }

  /** A clock of 10 ms needs some time to be read; on a busy machine one run of a load gives too little of it. */
  async #runUntilMeasured(row: Row, attempt: Attempt, product: Product | null): Promise<Load> {
    const { cpuS, limitS } = attempt.size
    const before = product && cpuOf(product.pid, product.parts)
    let load = await row.run(attempt)
    while (product !== null && !row.once && load.errors.length === 0 && load.wallMs < limitS * 1000) {
      if (cpuBetween(before!, cpuOf(product.pid, product.parts)).totalMs >= cpuS * 1000) break
      const more = await row.run(attempt)
      load = { ...more, done: load.done + more.done, wallMs: load.wallMs + more.wallMs }
    }
    return load
  }

  /** For a product of its own, started for this and ended after it. */
  async idle(name: Product['name']): Promise<IdleCost> {
    await this.#end(name)
    const product = await this.#running(name)
    this.#options.gateway.giveTo(product)
    const cost = await idleCost(this.#options.lab, product, this.#options.size.idle)
    await this.#end(name)
    return cost
  }

  async end(): Promise<void> {
    for (const name of [...this.#products.keys()]) await this.#end(name)
  }

  /** Since the last call. */
  async #logLost(product: Product): Promise<number> {
    const lost = await product.logLost()
    const before = this.#lost.get(product) ?? 0
    this.#lost.set(product, lost)
    return lost - before
  }

  async #running(name: Product['name']): Promise<Product> {
    const running = this.#products.get(name)
    if (running !== undefined) return running
    const product = await this.#options.start[name]()
    this.#products.set(name, product)
    this.#options.gateway.pin(product, this.#options.gatewayCore)
    return product
  }

  async #end(name: Product['name']): Promise<void> {
    await this.#products.get(name)?.stop()
    this.#products.delete(name)
  }

  /** Empty if one request goes the way it is meant to: through the product or not, decrypted or not, with the right version. */
  async #probe({ probe }: Row, subject: Subject, ca: string): Promise<string> {
    const version = probe.http2 ? '--http2' : '--http1.1'
    const answer = await curl(this.#options.lab, [version, '-o', '/dev/null', probe.url], { ca, timeoutMs: 10_000 })
    if (answer.exit !== 0) return `probe: ${answer.error}`
    if (answer.status !== 200) return `probe: status ${answer.status}`
    if (probe.http2 && answer.httpVersion !== '2') return `probe: HTTP/${answer.httpVersion}`
    const seen = answer.headers.via !== undefined
    if (seen !== (subject !== 'direct' && probe.decrypted)) return seen ? 'probe: was decrypted' : 'probe: no Via field'
    return ''
  }
}

/** What came from the origin, against what should have. */
function wrongWay(row: Row, subject: Subject, load: Load, served: number): string[] {
  const slack = ORIGIN_SLACK_REQUESTS + load.done * ORIGIN_SLACK
  const expected = row.fromOrigin === 'all' || subject === 'direct' ? load.done : 0
  if (Math.abs(served - expected) <= slack) return []
  return [`the origin was asked ${served} times for ${load.done} answers`]
}

/** Its CPU time once it has done what the load left it to do: its log, for one. */
async function settled(product: Product): Promise<Cpu> {
  let cpu = cpuOf(product.pid, product.parts)
  for (const until = Date.now() + SETTLE_LIMIT_MS; Date.now() < until; ) {
    const before = cpu.totalMs
    await sleep(QUIET_MS)
    cpu = cpuOf(product.pid, product.parts)
    if (cpu.totalMs - before <= QUIET_MS * QUIET_SHARE) break
  }
  return cpu
}

function lostRows(count: number): string[] {
  return count === 0 ? [] : [`${count} rows of the log were lost`]
}
