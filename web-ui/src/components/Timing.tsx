import type { ExchangeDetail } from '../../../src/admin/api.ts'
import { t } from '../i18n/index.ts'
import { duration } from '../lib/format.ts'

const PARTS = ['connect', 'wait', 'body', 'rest'] as const

/** Where the time went, in the order it went; what no part explains was spent in the gateway. */
export function Timing({ timings }: { timings: ExchangeDetail['timings'] }) {
  const { totalMs, connectMs, waitMs, bodyMs } = timings
  const values = {
    connect: connectMs,
    wait: waitMs,
    body: bodyMs,
    rest: Math.max(0, totalMs - connectMs - waitMs - bodyMs),
  }
  const shown = PARTS.filter(part => values[part] > 0)
  const parts = shown.map(part => `${t(`drawer.timing.${part}`)} ${duration(values[part])}`).join(', ')
  const text = t('drawer.timing.text', { total: duration(totalMs), parts })
  const whole = Math.max(1, connectMs + waitMs + bodyMs + values.rest)
  let x = 0
  return (
    <section class="timing">
      <h3>
        {t('drawer.timing')} <span>{duration(totalMs)}</span>
      </h3>
      <svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={text}>
        {shown.map(part => {
          const width = Math.max(4, (values[part] / whole) * 1000)
          const at = x
          x += width
          return <rect key={part} class={`timing-${part}`} x={at} width={width} height="10" />
        })}
      </svg>
      <ul>
        {shown.map(part => (
          <li key={part}>
            <i class={`dot timing-${part}`} aria-hidden="true" />
            {t(`drawer.timing.${part}`)} <b>{duration(values[part])}</b>
          </li>
        ))}
      </ul>
    </section>
  )
}
