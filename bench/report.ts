import type { Cpu } from './meter.ts'
import type { Subject } from './products.ts'

/** One measurement. */
export interface Sample {
  /** In the row's unit. */
  readonly work: number
  readonly wallMs: number
  /** Of the product; nothing for a direct run. */
  readonly cpu: Cpu | null
  /** What a reader of the figure has to know; may be empty. */
  readonly remark: string
  readonly errors: readonly string[]
}

export interface RowResult {
  readonly title: string
  readonly unit: string
  readonly samples: ReadonlyMap<Subject, readonly Sample[]>
}

export interface Summary {
  /** Work per CPU second of the product, all rounds together; null without a product or with errors. */
  readonly perCpuS: number | null
  /** Half the distance between best and worst round, as a share of the figure. */
  readonly spread: number
  readonly perWallS: number
  /** Share of its core that the product used. */
  readonly busy: number
  /** Part → share of the product's CPU time. */
  readonly parts: ReadonlyMap<string, number>
  readonly remark: string
  readonly errors: readonly string[]
}

export function summarise(samples: readonly Sample[]): Summary {
  const sum = (value: (sample: Sample) => number) => samples.reduce((total, sample) => total + value(sample), 0)
  const work = sum(sample => sample.work)
  const wallMs = sum(sample => sample.wallMs)
  const cpuMs = sum(sample => sample.cpu?.totalMs ?? 0)
  const errors = [...new Set(samples.flatMap(sample => sample.errors))]
  const measured = cpuMs > 0 && errors.length === 0
  const rounds = samples.map(sample => sample.work / (sample.cpu?.totalMs ?? 1))
  const parts = new Map<string, number>()
  for (const { cpu } of samples)
    for (const [part, ms] of cpu?.parts ?? []) parts.set(part, (parts.get(part) ?? 0) + ms / Math.max(cpuMs, 1))
  return {
    perCpuS: measured ? (work / cpuMs) * 1000 : null,
    spread: measured ? ((Math.max(...rounds) - Math.min(...rounds)) / 2) * (cpuMs / work) : 0,
    perWallS: wallMs > 0 && errors.length === 0 ? (work / wallMs) * 1000 : 0,
    busy: wallMs > 0 ? cpuMs / wallMs : 0,
    parts,
    remark: samples.at(-1)?.remark ?? '',
    errors,
  }
}

/** `38.1 k`, `940`, `0.65` */
export function figure(value: number): string {
  if (value >= 9995) return `${(value / 1000).toFixed(value >= 99_950 ? 0 : 1)} k`
  if (value >= 1000) return `${(value / 1000).toFixed(2)} k`
  if (value >= 10) return value.toFixed(0)
  return value.toFixed(2)
}

/** Cells of a row; the header is `COLUMNS`. */
export function cells(row: RowResult): string[] {
  const [weir, squid, direct] = (['weir', 'squid', 'direct'] as const).map(subject => {
    const samples = row.samples.get(subject)
    return samples === undefined || samples.length === 0 ? null : summarise(samples)
  })
  const ratio = weir?.perCpuS && squid?.perCpuS ? `${(weir.perCpuS / squid.perCpuS).toFixed(1)} ×` : ''
  return [
    row.title,
    row.unit,
    perCpu(weir),
    perCpu(squid),
    ratio,
    perWall(weir),
    perWall(squid),
    perWall(direct),
    weir == null ? '' : split(weir),
  ]
}

export const COLUMNS = [
  'row',
  'unit',
  'Weir',
  'Squid',
  'Weir : Squid',
  'Weir /s',
  'Squid /s',
  'direct /s',
  'where Weir spent it',
]

function perCpu(summary: Summary | null | undefined): string {
  if (summary == null) return '–'
  if (summary.perCpuS === null) return 'failed'
  const spread = summary.spread > 0 ? ` ±${Math.ceil(summary.spread * 100)} %` : ''
  const remark = summary.remark === '' ? '' : ` (${summary.remark})`
  return `${figure(summary.perCpuS)}${spread}${remark}`
}

function perWall(summary: Summary | null | undefined): string {
  if (summary == null) return '–'
  if (summary.errors.length > 0) return 'failed'
  const busy = summary.busy > 0 ? ` (${Math.round(summary.busy * 100)} %)` : ''
  return `${figure(summary.perWallS)}${busy}`
}

function split(summary: Summary): string {
  return [...summary.parts]
    .filter(([, share]) => share >= 0.005)
    .sort((a, b) => b[1] - a[1])
    .map(([part, share]) => `${part} ${Math.round(share * 100)} %`)
    .join(', ')
}

/** Columns as wide as their widest cell. */
export function plainTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map(row => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd()
  return [line(header), line(widths.map(width => '─'.repeat(width))), ...rows.map(line)].join('\n')
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}
