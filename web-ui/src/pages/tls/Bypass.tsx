import { useState } from 'preact/hooks'
import type { ExceptionsAnswer, NeverDecryptAnswer } from '../../../../src/admin/api.ts'
import { Button } from '../../components/Button.tsx'
import { DataTable } from '../../components/DataTable.tsx'
import { Empty, Failure } from '../../components/Empty.tsx'
import { Icon } from '../../components/Icon.tsx'
import { LogLink } from '../../components/LogLink.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { When } from '../../components/When.tsx'
import { t, tn } from '../../i18n/index.ts'
import { get } from '../../lib/api.ts'
import { now } from '../../lib/clock.ts'
import { allowanceText } from '../../lib/codes.ts'
import { duration, integer } from '../../lib/format.ts'
import { useLoad } from '../../lib/load.ts'
import { go, href, place } from '../../lib/router.ts'

const REFRESH_MS = 15_000
const DAY_MS = 86_400_000
const SOON_MS = 7 * DAY_MS
/** Of the shipped list so many are shown at first. */
const SHOWN = 40

export function Bypass() {
  return (
    <>
      <Exceptions />
      <NeverDecrypt />
    </>
  )
}

type Exception = ExceptionsAnswer['exceptions'][number]

/** Origins whose certificates are not judged as strictly, by whom and until when. */
function Exceptions() {
  const { data, error, reload } = useLoad(
    'exceptions',
    signal => get<ExceptionsAnswer>('/tls/exceptions', signal),
    REFRESH_MS,
  )
  return (
    <section class="card" aria-labelledby="exceptions">
      <h2 id="exceptions">{t('tls.exceptions')}</h2>
      <p class="card-intro">{t('tls.exceptions.intro')}</p>
      {error !== null && <Failure error={error} retry={reload} />}
      {data && data.exceptions.length === 0 && (
        <Empty title={t('tls.exceptions.empty')}>{t('tls.exceptions.empty.how')}</Empty>
      )}
      {data && data.exceptions.length > 0 && (
        <DataTable
          label={t('tls.exceptions')}
          rows={data.exceptions}
          keyOf={one => `${one.line} ${one.host} ${one.client}`}
          columns={[
            { id: 'host', title: t('dash.host'), cell: one => <span translate={false}>{one.host}</span> },
            { id: 'allow', title: t('tls.exceptions.allow'), cell: one => one.allow.map(allowanceText).join(', ') },
            { id: 'reason', title: t('tls.reason'), cell: reasonOf },
            { id: 'until', title: t('tls.until'), cell: one => <Until at={one.until} /> },
            { id: 'used', title: t('tls.used'), cell: one => <LogLink use={one.used} /> },
          ]}
        />
      )}
    </section>
  )
}

function reasonOf(one: Exception) {
  if (one.line === 0) return t('tls.exceptions.click', { client: one.client })
  return (
    <>
      {one.reason} <span class="muted">{t('tls.line', { line: one.line })}</span>
    </>
  )
}

function Until({ at }: { at: number }) {
  const left = at - now.value
  return (
    <>
      <When at={at} />
      <span class={left > SOON_MS ? 'until-left muted' : 'until-left soon'}>{leftText(left)}</span>
    </>
  )
}

function leftText(ms: number): string {
  if (ms <= 0) return t('tls.over')
  return ms > DAY_MS ? tn('ca.daysLeft', Math.ceil(ms / DAY_MS)) : t('tls.left', { time: duration(ms) })
}

/** The list that comes with Weir: who wonders why a name is not opened finds it here with the reason. */
function NeverDecrypt() {
  const { data, error, reload } = useLoad('never', signal => get<NeverDecryptAnswer>('/tls/never-decrypt', signal), 0)
  const wanted = place.value.params.get('find') ?? ''
  const [all, setAll] = useState(false)
  const words = wanted.trim().toLowerCase()
  const found = data?.entries.filter(one => `${one.host} ${one.reason}`.toLowerCase().includes(words)) ?? []
  const shown = all ? found : found.slice(0, SHOWN)
  return (
    <section class="card" aria-labelledby="never">
      <h2 id="never">{t('tls.neverList')}</h2>
      <p class="card-intro">{t('tls.neverList.intro')}</p>
      {error !== null && <Failure error={error} retry={reload} />}
      {data && !data.inForce && (
        <div class="notice">
          <Icon name="warning" />
          <span>{t('tls.neverList.off')}</span>
        </div>
      )}
      {data && (
        <>
          <SearchField
            label={t('tls.neverList.search')}
            value={wanted}
            onValue={find => go(href('/tls', { tab: 'bypass', find }), true)}
            count={t('live.shown', { shown: integer(found.length), total: integer(data.entries.length) })}
          />
          {found.length === 0 ? (
            <Empty title={t('tls.neverList.none')} />
          ) : (
            <DataTable
              label={t('tls.neverList')}
              rows={shown}
              keyOf={one => String(one.line)}
              columns={[
                {
                  id: 'host',
                  title: t('dash.host'),
                  cell: one => (
                    <a href={href('/live', { q: `host:${one.host}` })} translate={false}>
                      {one.host.replace(/^=/, '')}
                    </a>
                  ),
                },
                { id: 'reason', title: t('tls.reason'), cell: one => one.reason },
                { id: 'line', title: t('tls.lineTitle'), cell: one => one.line },
              ]}
            />
          )}
          {shown.length < found.length && (
            <Button class="more" onClick={() => setAll(true)}>
              {tn('tls.showAll', found.length)}
            </Button>
          )}
        </>
      )}
    </section>
  )
}
