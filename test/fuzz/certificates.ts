/**
 * Fuzzes the certificate verifier: `node test/fuzz/certificates.ts --seconds 600 [--seed 1]`. Prints executions, the growth
 * of the heap, the slowest execution and every finding with what reproduces it; exits with 1 when there is one.
 */
import { X509Certificate } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RootStore } from '../../src/tls/roots.ts'
import { type ChainVerdict, verifyChain } from '../../src/tls/verify/chain.ts'
import { readPresented } from '../../src/tls/verify/presented.ts'
import { NAME, NOW, ROOT } from '../pki/cases/case.ts'
import { CASES, type World } from '../pki/cases/index.ts'
import { type Cert, signed } from '../pki/certificate.ts'
import { bits, seq } from '../pki/der.ts'
import { mutateTree, Random } from './der-mutator.ts'

export interface FuzzReport {
  executions: number
  accepted: number
  /** The slowest one, in milliseconds. */
  slowest: number
  /** Octets by which the heap grew between a tenth of the run and its end. */
  growth: number
  findings: string[]
}

/** One execution may take as long as 32 signatures on a busy machine, never seconds. */
const MAX_MS = 2000
const MAX_FINDINGS = 20

const roots = new RootStore([ROOT.pem], [], new Set())

export function fuzz(options: { until: (executions: number) => boolean; seed: number }): FuzzReport {
  const random = new Random(options.seed)
  const worlds = CASES.map(one => one.build()).filter(world => world.roots === undefined && world.own === undefined)
  const good = worlds.filter(world => isGood(world))
  const report: FuzzReport = { executions: 0, accepted: 0, slowest: 0, growth: 0, findings: [] }
  let before = 0
  for (; !options.until(report.executions) && report.findings.length < MAX_FINDINGS; report.executions++) {
    // Caches are full by then, so that what grows later leaks.
    if (report.executions === 20_000) before = heap()
    const round = report.executions % 4
    if (round === 0) flipBits(random, random.pick(good), report)
    else if (round === 1) randomBytes(random, report)
    else changeStructure(random, random.pick(round === 2 ? good : worlds), report)
  }
  report.growth = before === 0 ? 0 : heap() - before
  return report
}

/** Every octet of both certificates is signed, or says how: a chain with a bit turned is never good. */
function flipBits(random: Random, world: World, report: FuzzReport): void {
  const ders = world.presented.map(cert => Buffer.from(cert.der))
  const which = random.below(Math.min(2, ders.length))
  const der = ders[which]!
  for (let i = random.below(3); i >= 0; i--) der[random.below(der.length)]! ^= 1 << random.below(8)
  if (der.equals(world.presented[which]!.der)) return
  const verdict = execute(ders, world, report)
  // The second certificate may be a stranger, which nobody needs.
  if (verdict?.error === null && verdict.path.some(cert => cert.der.equals(der))) tell(report, 'a turned bit', ders)
}

function randomBytes(random: Random, report: FuzzReport): void {
  const ders = Array.from({ length: 1 + random.below(3) }, () => random.bytes(random.below(600)))
  if (execute(ders, { presented: [] }, report)?.error === null) tell(report, 'random octets', ders)
}

/** Trees cut, doubled, swapped and changed; mostly signed again by the right key, so that the rules are reached. */
function changeStructure(random: Random, world: World, report: FuzzReport): void {
  const which = random.below(Math.min(2, world.presented.length))
  const cert = world.presented[which]!
  const tbs = mutateTree(cert.tbs, random)
  const der = random.below(8) === 0 ? mutateTree(cert.der, random) : signAgain(tbs, cert)
  const ders = world.presented.map((one, i) => (i === which ? der : one.der))
  const verdict = execute(ders, world, report)
  if (verdict?.error !== null) return
  report.accepted++
  const why = doubt(verdict, world)
  if (why !== '') tell(report, why, ders)
}

function signAgain(tbs: Buffer, { spec, keys, der, tbs: old }: Cert): Buffer {
  const signer = spec.signer ?? spec.issuer?.keys ?? keys
  // Everything between the signed part and the signature: the outer algorithm, as it was.
  const head = der.length - seqContent(der).length
  const rest = der.subarray(head + old.length)
  const algorithm = rest.subarray(0, 2 + rest[1]!)
  try {
    return seq(tbs, algorithm, bits(signed(tbs, signer, spec)))
  } catch {
    return der
  }
}

function seqContent(der: Buffer): Buffer {
  return der.subarray(der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f))
}

/** What a second reader, OpenSSL, holds against a chain that was called good; ''. */
function doubt({ path, used }: ChainVerdict, world: World): string {
  try {
    const certs = path.map(facts => new X509Certificate(facts.der))
    for (const [i, cert] of certs.entries()) {
      const issuer = certs[i + 1]
      if (issuer !== undefined && !cert.verify(issuer.publicKey)) return 'OpenSSL finds a wrong signature'
      if (i > 0 && i < certs.length - 1 && !cert.ca) return 'OpenSSL finds no authority'
      const inTime = cert.validFromDate.getTime() <= NOW && NOW <= cert.validToDate.getTime()
      if (!inTime && !used.includes('expired')) return 'OpenSSL finds it out of time'
    }
    const name = world.name ?? NAME
    const covers = /^[\d.]+$|:/.test(name) ? certs[0]!.checkIP(name.replace('::ffff:', '')) : certs[0]!.checkHost(name)
    return covers === undefined && !used.includes('name') ? 'OpenSSL finds another name' : ''
  } catch (error) {
    return `OpenSSL cannot read it: ${(error as Error).message}`
  }
}

function execute(ders: Buffer[], world: World, report: FuzzReport): ChainVerdict | null {
  const started = performance.now()
  try {
    const { presented, error } = readPresented(ders)
    if (error !== null) return null
    const allow = new Set(world.allow)
    return verifyChain({ presented, extra: [], roots, name: world.name ?? NAME, nowMs: world.nowMs ?? NOW, allow })
  } catch (error) {
    tell(report, `thrown: ${(error as Error).stack}`, ders)
    return null
  } finally {
    const took = performance.now() - started
    report.slowest = Math.max(report.slowest, took)
    if (took > MAX_MS) tell(report, `took ${took.toFixed(0)} ms`, ders)
  }
}

function isGood(world: World): boolean {
  const { presented, error } = readPresented(world.presented.map(cert => cert.der))
  if (error !== null || world.allow !== undefined) return false
  const verdict = verifyChain({
    presented,
    extra: [],
    roots,
    name: world.name ?? NAME,
    nowMs: world.nowMs ?? NOW,
    allow: new Set(),
  })
  return verdict.error === null
}

function tell(report: FuzzReport, what: string, ders: Buffer[]): void {
  report.findings.push(`${what}\n${ders.map(der => `  ${der.toString('base64')}`).join('\n')}`)
}

/** Octets in use after a full collection. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

if (import.meta.main) {
  const option = (name: string, value: number) => {
    const at = process.argv.indexOf(name)
    return at < 0 ? value : Number(process.argv[at + 1])
  }
  const end = performance.now() + option('--seconds', 10) * 1000
  const report = fuzz({ until: () => performance.now() > end, seed: option('--seed', Date.now()) })
  for (const finding of report.findings) process.stdout.write(`${finding}\n`)
  const growth = (report.growth / 1024).toFixed(0)
  process.stdout.write(
    `${report.executions} executions, ${report.accepted} changed chains rightly good, slowest ${report.slowest.toFixed(1)} ms, ` +
      `heap ${growth} KiB more than at the start, ${report.findings.length} findings\n`,
  )
  process.exitCode = report.findings.length > 0 ? 1 : 0
}
