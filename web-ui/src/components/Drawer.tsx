import { useEffect, useState } from 'preact/hooks'
import type { TrafficDetail, TrafficRow } from '../../../src/admin/api.ts'
import { t } from '../i18n/index.ts'
import { get } from '../lib/api.ts'
import { sameClient, sameHost } from '../lib/filter.ts'
import { bytes, exactTime, isoTime } from '../lib/format.ts'
import { useLoad } from '../lib/load.ts'
import { href } from '../lib/router.ts'
import { address, outcome } from '../lib/rows.ts'
import { Button } from './Button.tsx'
import { Chip } from './Chip.tsx'
import { CopyButton } from './CopyButton.tsx'
import { Dialog } from './Dialog.tsx'
import { Failure } from './Empty.tsx'
import { Timing } from './Timing.tsx'
import { httpVersion, Why } from './Why.tsx'

interface Props {
  id: number
  /** Already in the table: shown at once, before the details are there. */
  row: TrafficRow | null
  onMove: (step: number) => void
  onClose: () => void
}

export function Drawer({ id, row: known, onMove, onClose }: Props) {
  const { data, error, reload } = useLoad(
    String(id),
    async signal => ({ id, detail: await get<TrafficDetail>(`/exchanges/${id}`, signal) }),
    0,
  )
  // The answer of the row before must not be shown under this one's head.
  const detail = data?.id === id ? data.detail : null
  const row = known ?? detail?.exchange?.row ?? detail?.connection?.row ?? null
  const [last, setLast] = useState<TrafficRow | null>(row)
  useEffect(() => {
    if (row) setLast(row)
  }, [row])
  const shown = row ?? last

  return (
    <Dialog label={shown ? address(shown) : t('app.loading')} class="drawer" onClose={onClose} leaveFocus>
      <div class="drawer-inner">
        <header class="drawer-head">
          {shown && <Chip outcome={outcome(shown)} />}
          <span class="drawer-nav">
            <Button kind="quiet" icon="up" label={t('drawer.previous')} onClick={() => onMove(-1)} />
            <Button kind="quiet" icon="down" label={t('drawer.next')} onClick={() => onMove(1)} />
            <Button kind="quiet" icon="close" label={t('app.close')} onClick={onClose} />
          </span>
          {shown && <Title row={shown} />}
        </header>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1) */}
        <section class="drawer-body" tabIndex={0} aria-label={t('drawer.explained')}>
          {error !== null && detail === null && <Failure error={error} retry={reload} />}
          {row && detail && (
            <>
              <Why row={row} detail={detail} />
              {detail.exchange && <Timing timings={detail.exchange.timings} />}
              <Facts row={row} detail={detail} />
            </>
          )}
          {detail === null && error === null && <p class="drawer-wait">{t('app.loading')}</p>}
        </section>
        {shown && (
          <footer class="drawer-foot">
            <a class="btn btn-plain" href={href('/live', { q: sameClient(shown) })}>
              {t('drawer.sameClient')}
            </a>
            <a class="btn btn-plain" href={href('/live', { q: sameHost(shown) })}>
              {t('drawer.sameHost')}
            </a>
            <CopyButton text={address(shown)} label={t('drawer.copy')} />
          </footer>
        )}
      </div>
    </Dialog>
  )
}

function Title({ row }: { row: TrafficRow }) {
  return (
    <div class="drawer-title">
      <h2 translate={false}>
        {row.method !== '' && <span class="drawer-method">{row.method}</span>}
        {row.host}
        <span class="drawer-path">{row.kind === 'exchange' ? row.path : `:${row.port}`}</span>
      </h2>
      <p>
        <time dateTime={isoTime(row.time)} title={isoTime(row.time)}>
          {exactTime(row.time)}
        </time>
      </p>
    </div>
  )
}

function Facts({ row, detail: { exchange, connection } }: { row: TrafficRow; detail: TrafficDetail }) {
  const any = exchange ?? connection
  const facts: [string, string][] = [
    [t('drawer.status'), row.status === 0 ? t('drawer.noAnswer') : String(row.status)],
    [t('drawer.up'), bytes(row.bytesUp)],
    [t('drawer.down'), bytes(row.bytesDown)],
  ]
  if (row.contentType !== '') facts.push([t('drawer.type'), row.contentType])
  if (exchange) {
    const client = httpVersion(exchange.httpVersion)
    facts.push([t('drawer.http'), t('drawer.http.text', { client, origin: httpVersion(exchange.originHttpVersion) })])
  }
  if (connection && connection.protocol !== '')
    facts.push([t('drawer.protocol'), [connection.protocol, connection.alpn].filter(Boolean).join(', ')])
  facts.push([t('drawer.clientTls'), any?.clientTls || t('drawer.plain')])
  facts.push([t('drawer.originTls'), any?.originTls || t('drawer.plain')])
  if (any) facts.push([t('drawer.dst'), any.dst])
  return (
    <section class="facts">
      <h3>{t('drawer.facts')}</h3>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
