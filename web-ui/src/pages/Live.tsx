import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { TrafficRow } from '../../../src/admin/api.ts'
import { Button } from '../components/Button.tsx'
import { Drawer } from '../components/Drawer.tsx'
import { Empty, Failure } from '../components/Empty.tsx'
import { FilterBar } from '../components/FilterBar.tsx'
import { Icon } from '../components/Icon.tsx'
import { TrafficTable } from '../components/TrafficTable.tsx'
import { t, tn } from '../i18n/index.ts'
import { ApiFailure } from '../lib/api.ts'
import { integer } from '../lib/format.ts'
import { bindKeys } from '../lib/keys.ts'
import { go, href, place } from '../lib/router.ts'
import { counters } from '../lib/stream.ts'
import { RING, Traffic } from '../lib/traffic.ts'

function openRow(): number | null {
  return Number(place.value.params.get('row')) || null
}

export default function Live() {
  const traffic = useMemo(() => new Traffic(), [])
  const query = place.value.params.get('q') ?? ''
  const open = openRow()
  const current = useSignal<number | null>(null)
  const [focusRequest, setFocusRequest] = useState(0)
  const rows = traffic.rows.value

  useEffect(() => void traffic.load(query), [query])
  useEffect(() => () => traffic.close(), [])

  const show = (id: number | null): void => go(href('/live', { q: query, row: id === null ? '' : String(id) }), true)
  // Keys may come faster than frames: what is open and current is read when the key comes, not when it was bound.
  const move = (step: number): void => {
    const list = traffic.rows.value
    const from = list.findIndex(row => row.id === (openRow() ?? current.value))
    const to = list[from < 0 ? 0 : Math.min(list.length - 1, Math.max(0, from + step))]
    if (!to) return
    current.value = to.id
    if (openRow() !== null) show(to.id)
    else setFocusRequest(n => n + 1)
  }
  const newest = (): void => {
    traffic.flush()
    const [first] = traffic.rows.value
    if (!first) return
    current.value = first.id
    setFocusRequest(n => n + 1)
  }
  const pause = (): void => {
    traffic.paused.value = !traffic.paused.value
    if (!traffic.paused.value && !traffic.away) traffic.flush()
  }
  useEffect(() => {
    const rowKeys = { j: () => move(1), k: () => move(-1) }
    // In the open drawer arrows and space scroll its text.
    const tableKeys = { ArrowDown: rowKeys.j, ArrowUp: rowKeys.k, n: newest, ' ': pause }
    return bindKeys(open === null ? { ...rowKeys, ...tableKeys } : rowKeys)
  })
  const close = (): void => {
    current.value = openRow() ?? current.value
    show(null)
    setFocusRequest(n => n + 1)
  }

  const error = traffic.error.value
  const badFilter = error instanceof ApiFailure && error.code === 'bad-request'
  const waiting = traffic.pending.value.length
  return (
    <div class="page live">
      <h1 class="sr-only">{t('live.title')}</h1>
      <FilterBar
        query={query}
        problem={badFilter ? t('error.filter', { message: error.problems[0]?.message ?? error.message }) : ''}
        onQuery={(q, replace) => go(href('/live', { q }), replace)}
      />
      <Strip traffic={traffic} pause={pause} />
      {error !== null && !badFilter && <Failure error={error} retry={() => void traffic.load(query)} />}
      {traffic.missed.value > 0 && (
        <div class="notice">
          <Icon name="warning" />
          <span>{tn('live.gap', traffic.missed.value)}</span>
          <Button onClick={() => void traffic.load(query)}>{t('live.gapReload')}</Button>
        </div>
      )}
      <div class={`table-box${error !== null || traffic.loading.value === 'first' ? ' stale' : ''}`}>
        <TrafficTable
          rows={rows}
          total={traffic.exact.value ? traffic.total.value + 1 : -1}
          current={current.value}
          focusRequest={focusRequest}
          onOpen={row => show(row.id)}
          onCurrent={id => {
            current.value = id
          }}
          onAway={away => {
            traffic.away = away
            if (!away && !traffic.paused.value && traffic.pending.value.length > 0) traffic.flush()
          }}
          onNearEnd={() => void traffic.older()}
          foot={<Foot traffic={traffic} filtered={query !== ''} />}
        />
        {waiting > 0 && !traffic.paused.value && (
          <button type="button" class="news" onClick={newest}>
            <Icon name="up" />
            {tn('live.new', waiting)}
            <kbd class="hide-phone">n</kbd>
          </button>
        )}
      </div>
      {open !== null && (
        <Drawer id={open} row={rows.find((row: TrafficRow) => row.id === open) ?? null} onMove={move} onClose={close} />
      )}
    </div>
  )
}

/** How much is shown, how fast it comes, and the brake. */
function Strip({ traffic, pause }: { traffic: Traffic; pause: () => void }) {
  const paused = traffic.paused.value
  const waiting = traffic.pending.value.length
  const shown = integer(traffic.rows.value.length)
  const total = integer(traffic.total.value)
  const words = t(traffic.exact.value ? 'live.shown' : 'live.shownAtLeast', { shown, total })
  return (
    <div class="strip">
      <span class="strip-count">{words}</span>
      <span class="strip-soft">{t('live.took', { ms: integer(traffic.tookMs.value) })}</span>
      {counters.value && (
        <span class="strip-soft strip-rate">{t('live.rate', { rate: integer(counters.value.requestsPerSecond) })}</span>
      )}
      <Announce text={traffic.loading.value === '' ? words : ''} />
      <Button icon={paused ? 'play' : 'pause'} aria-pressed={paused} onClick={pause}>
        {t(paused ? 'live.resume' : 'live.pause')}
        {paused && waiting > 0 && <b class="badge">{integer(waiting)}</b>}
      </Button>
    </div>
  )
}

const ANNOUNCE_MS = 2000

/** Counts change with every row; a screen reader hears the last one at most every two seconds, and only when it rests. */
function Announce({ text }: { text: string }) {
  const [said, setSaid] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), ANNOUNCE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <span class="sr-only" role="status">
      {said}
    </span>
  )
}

function Foot({ traffic, filtered }: { traffic: Traffic; filtered: boolean }) {
  const rows = traffic.rows.value.length
  if (traffic.loading.value === 'first') return rows === 0 ? <p>{t('app.loading')}</p> : null
  if (traffic.loading.value === 'older') return <p>{t('live.older')}</p>
  if (rows >= RING) return <p>{t('live.full', { count: integer(RING) })}</p>
  if (rows > 0) return traffic.next.value === null ? <p>{t('live.end')}</p> : null
  return (
    <Empty icon="live" title={t('live.empty')}>
      {t(filtered ? 'live.empty.filtered' : 'live.empty.fresh')}
    </Empty>
  )
}
