import type { TrustAnswer, TrustedDevice } from '../../../../src/admin/api.ts'
import { DataTable } from '../../components/DataTable.tsx'
import { Empty, Failure } from '../../components/Empty.tsx'
import { LogLink } from '../../components/LogLink.tsx'
import { When } from '../../components/When.tsx'
import { type Key, t } from '../../i18n/index.ts'
import { get } from '../../lib/api.ts'
import { outcomeText } from '../../lib/codes.ts'
import { exactly } from '../../lib/filter.ts'
import { integer } from '../../lib/format.ts'
import { useLoad } from '../../lib/load.ts'
import { href, place } from '../../lib/router.ts'

const REFRESH_MS = 15_000
const WORDS = ['no', 'unknown', 'yes'] as const
type Word = (typeof WORDS)[number]

function wordOf({ trusts }: TrustedDevice): Word {
  return trusts === null ? 'unknown' : trusts ? 'yes' : 'no'
}

/** Every device of the last seven days by what its handshakes say about our certificate. */
export function Devices() {
  const { data, error, reload } = useLoad('trust', signal => get<TrustAnswer>('/tls/trust', signal), REFRESH_MS)
  const asked = place.value.params.get('show') as Word
  const only = WORDS.includes(asked) ? asked : null
  const devices = data?.devices.filter(device => only === null || wordOf(device) === only) ?? []
  return (
    <section class="card" aria-labelledby="devices">
      <h2 id="devices">{t('tls.tab.devices')}</h2>
      <p class="card-intro">{t('tls.devices.intro')}</p>
      {error !== null && <Failure error={error} retry={reload} />}
      {data && (
        <>
          <Filter devices={data.devices} only={only} />
          {devices.length === 0 ? (
            <Empty title={t('tls.devices.empty')}>{t('tls.devices.empty.how')}</Empty>
          ) : (
            <DataTable
              label={t('tls.tab.devices')}
              rows={devices}
              keyOf={device => device.client}
              columns={columns()}
            />
          )}
          {data.more && <p class="muted">{t('tls.devices.more')}</p>}
        </>
      )}
    </section>
  )
}

function Filter({ devices, only }: { devices: TrustedDevice[]; only: Word | null }) {
  const link = (word: Word | null, title: string, count: number) => (
    <a
      key={word}
      href={href('/tls', { tab: 'devices', show: word ?? '' })}
      aria-current={only === word ? 'true' : undefined}
    >
      {title} <b>{integer(count)}</b>
    </a>
  )
  return (
    <nav class="segments trust-filter" aria-label={t('tls.devices.filter')}>
      {link(null, t('tls.devices.all'), devices.length)}
      {WORDS.map(word => link(word, t(`trust.${word}`), devices.filter(device => wordOf(device) === word).length))}
    </nav>
  )
}

function columns() {
  return [
    {
      id: 'client',
      title: t('dash.client'),
      cell: (device: TrustedDevice) => (
        <a href={href('/live', { q: exactly('client', device.client) })} translate={false}>
          {device.client}
        </a>
      ),
    },
    {
      id: 'trust',
      title: t('tls.devices.trusts'),
      cell: (device: TrustedDevice) => {
        const key: Key = `trust.${wordOf(device)}`
        return <span class={`trust trust-${wordOf(device)}`}>{t(key)}</span>
      },
    },
    {
      id: 'sign',
      title: t('tls.devices.sign'),
      cell: (device: TrustedDevice) =>
        device.outcome === '' ? (
          <span class="muted">{t(device.learned ? 'tls.devices.closed' : 'tls.devices.noSign')}</span>
        ) : (
          <>
            <When at={device.at} /> · <span translate={false}>{device.host}</span>{' '}
            <span class="muted">{outcomeText(device.outcome)}</span>
          </>
        ),
    },
    {
      id: 'refused',
      title: t('tls.refused'),
      cell: (device: TrustedDevice) => <LogLink use={device.refused} />,
    },
  ]
}
