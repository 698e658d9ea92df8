// biome-ignore-all lint/a11y/useSemanticElements: the rows of a real table cannot be positioned, and windowing needs that
// biome-ignore-all lint/a11y/useFocusableInteractive: the button in each row takes the focus
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { TrafficRow } from '../../../src/admin/api.ts'
import { type Key, t } from '../i18n/index.ts'
import { bytes, clockTime, duration, isoTime } from '../lib/format.ts'
import { outcome } from '../lib/rows.ts'
import { Chip } from './Chip.tsx'
import { Icon } from './Icon.tsx'

/** Fixed heights make windowing plain arithmetic; on a phone a row is two lines and a finger wide. */
const ROW_PX = 30
const PHONE_ROW_PX = 58
const OVERSCAN = 4
/** Hard limit of rows in the DOM, whatever the screen. */
const MAX_DOM_ROWS = 60
/** Rows before the end at which older ones are asked for. */
const AHEAD = 30

const phoneQuery = matchMedia('(max-width: 720px)')
const phone = signal(phoneQuery.matches)
phoneQuery.addEventListener('change', () => {
  phone.value = phoneQuery.matches
})

const COLUMNS: [string, Key][] = [
  ['time', 'live.col.time'],
  ['client', 'live.col.client'],
  ['verdict', 'live.col.verdict'],
  ['method', 'live.col.method'],
  ['host', 'live.col.host'],
  ['status', 'live.col.status'],
  ['cache', 'live.col.cache'],
  ['size', 'live.col.size'],
  ['took', 'live.col.took'],
]

interface Props {
  rows: TrafficRow[]
  /** Of the whole answer, for aria-rowcount; -1: not known. */
  total: number
  /** Row that has, or should get, the focus. */
  current: number | null
  /** Grows when `current` should be scrolled to and focused. */
  focusRequest: number
  onOpen: (row: TrafficRow) => void
  onCurrent: (id: number) => void
  onAway: (away: boolean) => void
  onNearEnd: () => void
  foot: ComponentChildren
}

export function TrafficTable(props: Props) {
  const { rows, current, focusRequest } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const rowPx = phone.value ? PHONE_ROW_PX : ROW_PX

  useEffect(() => {
    const el = scroller.current!
    const observer = new ResizeObserver(() => setHeight(el.clientHeight))
    observer.observe(el)
    return () => observer.disconnect()
  }, [])

  const first = Math.max(0, Math.floor(top / rowPx) - OVERSCAN)
  const count = Math.min(Math.ceil(height / rowPx) + 2 * OVERSCAN, MAX_DOM_ROWS)
  const shown = rows.slice(first, first + count)

  useEffect(() => {
    if (rows.length > 0 && first + count + AHEAD >= rows.length) props.onNearEnd()
  }, [first, count, rows])

  useLayoutEffect(() => {
    if (focusRequest > 0) focusRow(scroller.current!, rows, current, rowPx)
  }, [focusRequest])

  const onScroll = (): void => {
    const at = scroller.current!.scrollTop
    setTop(at)
    props.onAway(at > rowPx / 2)
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section class="table-scroll" ref={scroller} onScroll={onScroll} tabIndex={0} aria-label={t('live.table')}>
      <div
        class="table"
        role="table"
        aria-label={t('live.table')}
        aria-rowcount={props.total}
        aria-colcount={COLUMNS.length}
      >
        <div role="rowgroup" class="table-head">
          <div role="row" class="row" aria-rowindex={1}>
            {COLUMNS.map(([name, key]) => (
              <span key={name} role="columnheader" class={`c-${name}`}>
                {t(key)}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" class="table-body" style={{ height: `${rows.length * rowPx}px` }}>
          {shown.map((row, i) => (
            <Row
              key={row.id}
              row={row}
              index={first + i}
              y={(first + i) * rowPx}
              current={row.id === current}
              onOpen={props.onOpen}
              onCurrent={props.onCurrent}
            />
          ))}
        </div>
      </div>
      <div class="table-foot">{props.foot}</div>
    </section>
  )
}

interface RowProps {
  row: TrafficRow
  index: number
  y: number
  current: boolean
  onOpen: (row: TrafficRow) => void
  onCurrent: (id: number) => void
}

/** The button in the host's cell is stretched over the row: one real control a row, and the cells stay cells. */
function Row({ row, index, y, current, onOpen, onCurrent }: RowProps) {
  const what = outcome(row)
  return (
    <div
      role="row"
      class={`row row-${what}${current ? ' row-current' : ''}`}
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${y}px)` }}
    >
      <span role="cell" class="c-time" title={isoTime(row.time)}>
        {clockTime(row.time)}
      </span>
      <span role="cell" class="c-client" title={row.client}>
        {row.device ?? row.client}
      </span>
      <span role="cell" class="c-verdict">
        <Chip outcome={what} />
      </span>
      <span role="cell" class="c-method">
        {row.method}
      </span>
      <span role="cell" class="c-host">
        <button
          type="button"
          data-row={row.id}
          onClick={() => onOpen(row)}
          onFocus={() => onCurrent(row.id)}
          title={row.host + row.path}
          translate={false}
        >
          {row.exception === 1 && (
            <span class="row-exception" title={t('live.exception')}>
              <Icon name="warning" />
              <span class="sr-only">{t('live.exception')}</span>
            </span>
          )}
          <b>{row.host}</b>
          {row.kind === 'exchange' ? (
            <span class="path">{row.path}</span>
          ) : (
            <span class="path path-connection">
              :{row.port} {t('live.connection')}
            </span>
          )}
        </button>
      </span>
      <span role="cell" class={`c-status status-${Math.floor(row.status / 100)}`}>
        {row.status === 0 ? '–' : row.status}
      </span>
      <span role="cell" class={`c-cache cache-${row.cache}`}>
        {row.cache === 'none' ? '–' : t(`cache.${row.cache}`)}
      </span>
      <span role="cell" class="c-size">
        {bytes(row.bytesUp + row.bytesDown)}
      </span>
      <span role="cell" class="c-took">
        {duration(row.durationMs)}
      </span>
    </div>
  )
}

/** Scrolls just as far as needed; the row is in the DOM only after the next rendering. */
function focusRow(el: HTMLElement, rows: TrafficRow[], id: number | null, rowPx: number): void {
  const index = rows.findIndex(row => row.id === id)
  if (index < 0) {
    el.focus()
    return
  }
  const head = el.querySelector<HTMLElement>('.table-head')?.offsetHeight ?? 0
  const y = index * rowPx
  if (y < el.scrollTop) el.scrollTop = y
  else if (y + rowPx > el.scrollTop + el.clientHeight - head) el.scrollTop = y + rowPx - el.clientHeight + head
  const focus = (): void => el.querySelector<HTMLElement>(`[data-row="${id}"]`)?.focus({ preventScroll: true })
  requestAnimationFrame(() => requestAnimationFrame(focus))
}
