import type { CaAnswer, TlsTab } from '../../../src/admin/api.ts'
import { Failure } from '../components/Empty.tsx'
import { Tabs } from '../components/Tabs.tsx'
import { t } from '../i18n/index.ts'
import { get } from '../lib/api.ts'
import { useLoad } from '../lib/load.ts'
import { go, href, place } from '../lib/router.ts'
import { session } from '../lib/session.ts'
import { Bypass } from './tls/Bypass.tsx'
import { Certificate } from './tls/Certificate.tsx'
import { Devices } from './tls/Devices.tsx'
import { Install } from './tls/Install.tsx'
import { Learned } from './tls/Learned.tsx'
import { Rotation } from './tls/Rotation.tsx'
import '../styles/ca.css'
import '../styles/tls.css'

const TABS: readonly TlsTab[] = ['certificate', 'install', 'bypass', 'learned', 'devices']
const REFRESH_MS = 30_000

/** Who trusts us, and what must not be opened. Without sign-in: what a device needs to trust the gateway. */
export default function Tls() {
  const { data: ca, error, reload } = useLoad('ca', signal => get<CaAnswer>('/ca', signal), REFRESH_MS)
  if (!session.value) return <Visitor ca={ca} error={error} reload={reload} />
  const asked = place.value.params.get('tab') as TlsTab
  const tab = TABS.includes(asked) ? asked : 'certificate'
  return (
    <div class="page tls">
      <header class="page-head">
        <h1>{t('nav.tls')}</h1>
      </header>
      <Tabs
        label={t('nav.tls')}
        tabs={TABS.map(id => ({ id, title: t(`tls.tab.${id}`) }))}
        selected={tab}
        panel="tls"
        onSelect={id => go(href('/tls', { tab: id === 'certificate' ? '' : id }), true)}
      />
      <div class="tls-panel" role="tabpanel" id="tls" aria-labelledby={`tls-${tab}`}>
        {error !== null && (tab === 'certificate' || tab === 'install') && <Failure error={error} retry={reload} />}
        {tab === 'certificate' && ca && (
          <>
            <p class="page-intro">{t('ca.intro')}</p>
            <Certificate ca={ca} />
            <Rotation ca={ca} reload={reload} />
          </>
        )}
        {tab === 'install' && ca && <Install ca={ca} />}
        {tab === 'bypass' && <Bypass />}
        {tab === 'learned' && <Learned />}
        {tab === 'devices' && <Devices />}
      </div>
    </div>
  )
}

/** What they need is public, and all of it on one page. */
function Visitor({ ca, error, reload }: { ca: CaAnswer | null; error: unknown; reload: () => void }) {
  return (
    <div class="page tls" aria-busy={ca === null}>
      <header class="page-head">
        <h1>{t('ca.title')}</h1>
      </header>
      <p class="page-intro">{t('ca.intro')}</p>
      {error !== null && <Failure error={error} retry={reload} />}
      {ca && (
        <>
          <Certificate ca={ca} />
          <Install ca={ca} />
        </>
      )}
    </div>
  )
}
