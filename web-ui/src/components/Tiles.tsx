import type { Summary } from '../../../src/admin/api.ts'
import { t } from '../i18n/index.ts'
import { bytes, integer, share, short } from '../lib/format.ts'
import { href } from '../lib/router.ts'
import { counters } from '../lib/stream.ts'
import { Spark, shrink } from './Bars.tsx'

interface TileProps {
  label: string
  value: string
  sub: string
  q: string
  tip?: string
  kind?: string
  values?: number[]
}

const POINTS = 30

/** A number that is a link to the log with exactly the filter that made it. */
function Tile({ label, value, sub, q, tip, kind = 'all', values = [] }: TileProps) {
  return (
    <a class={`tile tile-${kind}`} href={href('/live', { q })} title={tip}>
      <span class="tile-label">{label}</span>
      <span class="tile-value">{value}</span>
      <span class="tile-sub">{sub}</span>
      <Spark values={shrink(values, POINTS)} kind={kind} />
    </a>
  )
}

export function Tiles({ summary }: { summary: Summary }) {
  const { totals, links, series, cache } = summary
  const range = t(`dash.range.${summary.range}`)
  const minutes = Math.max(1, (summary.to - summary.from) / 60_000)
  const all = series.time.map(
    (_, i) => series.inspected[i]! + series.names[i]! + series.passed[i]! + series.blocked[i]! + series.failed[i]!,
  )
  const opened = totals.inspected
  const closed = totals.names + totals.passed
  const since = links.all
  return (
    <div class="tiles">
      <Tile
        label={t('dash.tile.rate')}
        value={short(totals.all / minutes)}
        sub={t('dash.tile.rate.sub', { count: integer(totals.all), range })}
        tip={t('dash.tile.rate.tip')}
        q={links.all}
        values={all}
      />
      <Tile
        label={t('dash.tile.blocked')}
        value={short(totals.blocked)}
        sub={t('dash.tile.blocked.sub', { share: share(totals.blocked, totals.all) })}
        q={links.blocked}
        kind="blocked"
        values={series.blocked}
      />
      <Tile
        label={t('dash.tile.opened')}
        value={share(opened, opened + closed)}
        sub={t('dash.tile.opened.sub', { count: integer(closed) })}
        q={links.inspected}
        kind="inspected"
        values={series.inspected}
      />
      <Tile
        label={t('dash.tile.hits')}
        value={share(cache.hits, cache.requests)}
        sub={t('dash.tile.hits.sub', { hits: short(cache.hits), requests: short(cache.requests) })}
        q={`cache:hit,revalidated ${since}`}
        kind="cache"
        values={series.cacheHits}
      />
      <Tile
        label={t('dash.tile.saved')}
        value={bytes(cache.bytesSaved)}
        sub={t('dash.tile.saved.sub', { bytes: bytes(summary.bytesDown) })}
        q={`cache:hit,revalidated ${since}`}
        kind="cache"
      />
      <Tile
        label={t('dash.tile.clients')}
        value={integer(summary.clients)}
        sub={counters.value ? t('dash.tile.clients.sub', { count: integer(counters.value.connections) }) : '\u00a0'}
        q={links.all}
      />
    </div>
  )
}
