import type { ComponentType } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Summary, SummarySeries } from '../../../src/admin/api.ts'
import { t } from '../i18n/index.ts'
import { axisTime, day, integer } from '../lib/format.ts'
import { go, href } from '../lib/router.ts'
import { OUTCOMES } from '../lib/rows.ts'

type Chart = typeof import('./AreaChart.tsx').default

/** uPlot is a third of the whole UI and only charts need it: it comes with the first one. */
function useChart(): Chart | null {
  const [chart, setChart] = useState<{ view: Chart } | null>(null)
  useEffect(() => {
    void import('./AreaChart.tsx').then(module => setChart({ view: module.default }))
  }, [])
  return chart?.view ?? null
}

/**
 * The last bucket is still being filled: below the one before it, it would look like a fall in traffic and is not drawn.
 * In the first minute of a new gateway it is all there is.
 */
function drawnLength(series: SummarySeries): number {
  const { length } = series.time
  const rows = (i: number): number => OUTCOMES.reduce((sum, o) => sum + (series[o][i] ?? 0), 0)
  return length > 2 && rows(length - 1) < rows(length - 2) ? length - 1 : length
}

export function TrafficChart({ summary }: { summary: Summary }) {
  const [hover, setHover] = useState<number | null>(null)
  const View = useChart() as ComponentType<Parameters<Chart>[0]> | null
  const { series, totals, links, bucketMs } = summary
  const [time, stack] = useMemo(() => {
    const length = drawnLength(series)
    return [
      series.time.slice(0, length),
      OUTCOMES.map(o => ({ label: o, color: `--${o}-fill`, values: series[o].slice(0, length) })),
    ]
  }, [series])
  const range = t(`dash.range.${summary.range}`)
  const text = t('dash.chart.text', {
    all: integer(totals.all),
    range,
    inspected: integer(totals.inspected),
    names: integer(totals.names),
    passed: integer(totals.passed),
    blocked: integer(totals.blocked),
    failed: integer(totals.failed),
  })
  const at = hover === null ? undefined : series.time[hover]
  return (
    <section class="card chart-card" aria-label={t('dash.chart')}>
      <header class="card-head">
        <h2>{t('dash.chart')}</h2>
        <p class="chart-when">
          {at === undefined
            ? range
            : `${summary.range === '7d' ? `${day(at)} ` : ''}${axisTime(at, 0)}–${axisTime(at + bucketMs, 0)}`}
        </p>
        <ul class="legend">
          {OUTCOMES.map(o => (
            <li key={o}>
              <a href={href('/live', { q: links[o] })} title={t(`outcome.${o}.tip`)}>
                <i class={`dot dot-${o}`} aria-hidden="true" />
                {t(`outcome.${o}`)}
                <b>{integer(hover === null ? totals[o] : (series[o][hover] ?? 0))}</b>
              </a>
            </li>
          ))}
        </ul>
      </header>
      {View ? (
        <View
          time={time}
          bucketMs={bucketMs}
          series={stack}
          text={text}
          onHover={setHover}
          onRange={(from, to) => go(href('/live', { q: `after:${from} until:${to}` }))}
        />
      ) : (
        <div class="chart" />
      )}
      <p class="chart-hint">{t('dash.chart.hint')}</p>
    </section>
  )
}
