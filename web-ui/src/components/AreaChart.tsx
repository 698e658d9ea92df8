import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { locale } from '../i18n/index.ts'
import { axisTime, short } from '../lib/format.ts'
import { dark } from '../lib/theme.ts'

export interface AreaSeries {
  label: string
  /** Name of the custom property that holds the colour. */
  color: string
  values: number[]
}

interface Props {
  /** Begin of each bucket, milliseconds since the epoch. */
  time: number[]
  bucketMs: number
  /** From the bottom of the stack to its top. */
  series: AreaSeries[]
  /** The chart is a picture: this sentence says what it shows. */
  text: string
  onHover: (index: number | null) => void
  onRange: (from: number, to: number) => void
}

const HEIGHT = 220
/** There is no half row. */
const WHOLE_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map(step => step * 10 ** power)).flat()

/** A canvas knows no custom properties: a probe element turns `light-dark(…)` into a colour. */
function resolveColors(names: string[]): string[] {
  const probe = document.createElement('i')
  document.body.append(probe)
  const colors = names.map(name => {
    probe.style.color = `var(${name})`
    return getComputedStyle(probe).color
  })
  probe.remove()
  return colors
}

/** Each line is the sum of itself and all below; drawn from the top down, so that each covers what is not its own. */
function stack(time: number[], series: AreaSeries[]): uPlot.AlignedData {
  const sums: number[][] = []
  let below = new Array<number>(time.length).fill(0)
  for (const { values } of series) {
    below = below.map((sum, i) => sum + (values[i] ?? 0))
    sums.push(below)
  }
  return [time.map(ms => ms / 1000), ...sums.reverse()]
}

function options(props: Props, width: number, latest: { current: Props }): uPlot.Options {
  const [text, grid, surface] = resolveColors(['--text-2', '--line', '--surface'])
  const colors = resolveColors(props.series.map(s => s.color))
  const rangeMs = props.time.length * props.bucketMs
  const font = `11px ${getComputedStyle(document.body).fontFamily}`
  const axis = { stroke: text!, font, grid: { stroke: grid!, width: 1 }, ticks: { show: false } }
  return {
    width,
    height: HEIGHT,
    padding: [10, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.06)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 70,
        values: (_, splits) => splits.map(s => axisTime(s * 1000, rangeMs)),
      },
      { ...axis, size: 44, space: 44, incrs: WHOLE_STEPS, values: (_, splits) => splits.map(short) },
    ],
    series: [
      {},
      ...props.series.map((_, i) => {
        const color = colors[props.series.length - 1 - i]!
        return { stroke: surface!, width: 1, fill: color, points: { show: false } }
      }),
    ],
    hooks: {
      setCursor: [u => latest.current.onHover(u.cursor.idx ?? null)],
      setSelect: [
        u => {
          if (u.select.width < 4) return
          const from = u.posToVal(u.select.left, 'x') * 1000
          const to = u.posToVal(u.select.left + u.select.width, 'x') * 1000
          latest.current.onRange(Math.floor(from), Math.ceil(to))
        },
      ],
    },
  }
}

export default function AreaChart(props: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const isDark = dark.value
  const tongue = locale.value

  // Made anew when colours, language or the width of the buckets change; fresh numbers only replace the data.
  useEffect(() => {
    const el = box.current!
    const made = new uPlot(options(latest.current, el.clientWidth, latest), stack(props.time, props.series), el)
    plot.current = made
    const resize = new ResizeObserver(() => made.setSize({ width: el.clientWidth, height: HEIGHT }))
    resize.observe(el)
    return () => {
      resize.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [isDark, tongue, props.bucketMs])

  useEffect(() => {
    plot.current?.setData(stack(props.time, props.series))
  }, [props.time, props.series])

  return <div class="chart" ref={box} role="img" aria-label={props.text} />
}
