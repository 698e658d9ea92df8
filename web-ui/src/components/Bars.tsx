/** A quiet bar behind a number: how much of the largest it is. */
export function Bar({ value, max }: { value: number; max: number }) {
  const width = max === 0 ? 0 : Math.max(1, (value / max) * 100)
  return (
    <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect width={width} height="4" />
    </svg>
  )
}

const W = 100
const H = 28

/** Shape of a series without axes; the number it belongs to stands beside it. */
export function Spark({ values, kind }: { values: number[]; kind: string }) {
  if (values.length < 2) return null
  const max = Math.max(...values, 1)
  const step = W / (values.length - 1)
  const points = values.map((v, i) => `${(i * step).toFixed(1)},${(H - 1 - (v / max) * (H - 3)).toFixed(1)}`)
  return (
    <svg class={`spark spark-${kind}`} viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-area" d={`M0,${H}L${points.join('L')}L${W},${H}Z`} />
      <path class="spark-line" d={`M${points.join('L')}`} />
    </svg>
  )
}

/** For sparklines: at most `n` points, each the sum of its part. */
export function shrink(values: number[], n: number): number[] {
  if (values.length <= n) return values
  const out = new Array<number>(n).fill(0)
  values.forEach((v, i) => {
    out[Math.floor((i * n) / values.length)]! += v
  })
  return out
}
