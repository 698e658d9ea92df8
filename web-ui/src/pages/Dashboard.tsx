import type { Summary, SummaryRange } from '../../../src/admin/api.ts'
import { Failure } from '../components/Empty.tsx'
import { Problems } from '../components/Problems.tsx'
import { Tiles } from '../components/Tiles.tsx'
import { TopBlockedList, TopClientsList, TopHostsList } from '../components/TopLists.tsx'
import { TrafficChart } from '../components/TrafficChart.tsx'
import { t } from '../i18n/index.ts'
import { get } from '../lib/api.ts'
import { now } from '../lib/clock.ts'
import { duration } from '../lib/format.ts'
import { useLoad } from '../lib/load.ts'
import { href, place } from '../lib/router.ts'

const RANGES: readonly SummaryRange[] = ['1h', '24h', '7d']
/** Widths of the buckets differ: no need to ask for a week each five seconds. */
const REFRESH_MS: Record<SummaryRange, number> = { '1h': 5000, '24h': 20_000, '7d': 60_000 }
/** After so many missed refreshes the numbers are called old. */
const STALE_ROUNDS = 3

export default function Dashboard() {
  const asked = place.value.params.get('range') as SummaryRange
  const range = RANGES.includes(asked) ? asked : '1h'
  const { data, at, error, reload } = useLoad(
    range,
    signal => get<Summary>(`/summary?range=${range}`, signal),
    REFRESH_MS[range],
  )
  const age = now.value - at
  const stale = data !== null && (error !== null || age > REFRESH_MS[range] * STALE_ROUNDS)
  return (
    <div class="page dashboard" aria-busy={data === null}>
      <header class="page-head">
        <h1>{t('dash.title')}</h1>
        <nav class="segments" aria-label={t('dash.range')}>
          {RANGES.map(r => (
            <a key={r} href={href('/', { range: r === '1h' ? '' : r })} aria-current={r === range ? 'true' : undefined}>
              {t(`dash.range.${r}`)}
            </a>
          ))}
        </nav>
      </header>
      {error !== null && <Failure error={error} retry={reload} />}
      {stale && age > 0 && <p class="stale-note">{t('app.stale', { age: duration(age) })}</p>}
      {data ? <Body summary={data} stale={stale} /> : error === null && <Skeleton />}
    </div>
  )
}

function Body({ summary, stale }: { summary: Summary; stale: boolean }) {
  return (
    <div class={`dash-body${stale ? ' stale' : ''}`}>
      <Problems problems={summary.problems} />
      <Tiles summary={summary} />
      <TrafficChart summary={summary} />
      <div class="dash-lists">
        <TopHostsList rows={summary.topHosts} />
        <TopBlockedList rows={summary.topBlocked} />
        <TopClientsList rows={summary.topClients} />
      </div>
    </div>
  )
}

/** The shape of what comes, so that nothing jumps. */
function Skeleton() {
  return (
    <div class="dash-body skeleton" aria-label={t('app.loading')} role="status">
      <div class="tiles">
        {[0, 1, 2, 3, 4, 5].map(i => (
          <div key={i} class="tile" />
        ))}
      </div>
      <div class="card chart-card" />
    </div>
  )
}
