import { useState } from 'preact/hooks'
import type { CaAnswer, CaGuide } from '../../../src/admin/api.ts'
import { CopyButton } from '../components/CopyButton.tsx'
import { Failure } from '../components/Empty.tsx'
import { Icon } from '../components/Icon.tsx'
import { QrCode } from '../components/QrCode.tsx'
import { Tabs } from '../components/Tabs.tsx'
import { t, tn } from '../i18n/index.ts'
import { get } from '../lib/api.ts'
import { now } from '../lib/clock.ts'
import { day, fingerprint } from '../lib/format.ts'
import { useLoad } from '../lib/load.ts'

const DAY_MS = 86_400_000

/** Also for devices without sign-in: what they need to trust the gateway is public. */
export default function Ca() {
  const { data, error, reload } = useLoad('ca', signal => get<CaAnswer>('/ca', signal), 0)
  return (
    <div class="page ca" aria-busy={data === null}>
      <header class="page-head">
        <h1>{t('ca.title')}</h1>
        <p class="page-intro">{t('ca.intro')}</p>
      </header>
      {error !== null && <Failure error={error} retry={reload} />}
      {data && (
        <>
          <Facts ca={data} />
          <Install ca={data} />
        </>
      )}
    </div>
  )
}

function Facts({ ca }: { ca: CaAnswer }) {
  const print = fingerprint(ca.sha256)
  const daysLeft = Math.floor((ca.notAfter - now.value) / DAY_MS)
  return (
    <section class="card ca-facts">
      <dl>
        <div>
          <dt>{t('ca.subject')}</dt>
          <dd translate={false}>{ca.subject}</dd>
        </div>
        <div>
          <dt>{t('ca.valid')}</dt>
          <dd>
            {t('ca.validText', { from: day(ca.notBefore), to: day(ca.notAfter) })}
            <span class={daysLeft < 60 ? 'ca-soon' : 'ca-left'}>{tn('ca.daysLeft', daysLeft)}</span>
          </dd>
        </div>
        <div class="ca-print">
          <dt>{t('ca.fingerprint')}</dt>
          <dd>
            <code translate={false}>{print}</code>
            <CopyButton text={print} label={t('ca.copyFingerprint')} />
          </dd>
        </div>
      </dl>
      <h2>{t('ca.download')}</h2>
      <ul class="downloads">
        {ca.downloads.map(file => (
          <li key={file.format}>
            <a href={file.path} download={file.fileName}>
              <Icon name="download" />
              <b>{t(`ca.format.${file.format}`)}</b>
              <span>{t(`ca.format.${file.format}.for`)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** The platform this page is read on comes first to mind: it is the tab that is open. */
function ownPlatform(guides: CaGuide[]): string {
  const agent = navigator.userAgent
  const id = /iPhone|iPad/.test(agent)
    ? 'ios'
    : /Android/.test(agent)
      ? 'android'
      : /CrOS/.test(agent)
        ? 'chromeos'
        : /Windows/.test(agent)
          ? 'windows'
          : /Macintosh/.test(agent)
            ? 'macos'
            : 'linux'
  return guides.find(guide => guide.id === id)?.id ?? guides[0]?.id ?? ''
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.startsWith('127.') || host === '[::1]'
}

function Install({ ca }: { ca: CaAnswer }) {
  const [selected, setSelected] = useState(() => ownPlatform(ca.guides))
  const guide = ca.guides.find(g => g.id === selected)
  const file = ca.downloads.find(d => d.format === guide?.format)
  if (!guide || !file) return null
  const url = new URL(file.path, location.origin).href
  return (
    <section class="card install">
      <h2>{t('ca.install')}</h2>
      <Tabs
        label={t('ca.platforms')}
        tabs={ca.guides.map(g => ({ id: g.id, title: g.title }))}
        selected={selected}
        panel="guide"
        onSelect={setSelected}
      />
      <div class="guide" role="tabpanel" id="guide" aria-labelledby={`guide-${selected}`}>
        <div>
          <ol class="steps">
            {guide.steps.map(step => (
              <li key={step}>{step}</li>
            ))}
          </ol>
          {guide.note !== '' && (
            <p class="guide-note">
              <Icon name="warning" />
              <span>
                <b>{t('ca.note')}.</b> {guide.note}
              </span>
            </p>
          )}
          <a class="btn btn-primary" href={file.path} download={file.fileName}>
            <Icon name="download" />
            {t('ca.fetch', { format: t(`ca.format.${file.format}`) })}
          </a>
        </div>
        <figure>
          <QrCode text={url} label={t('ca.qr', { url })} />
          <figcaption>
            {isLoopback(location.hostname) ? t('ca.loopback', { host: location.hostname }) : t('ca.scan')}
          </figcaption>
        </figure>
      </div>
    </section>
  )
}
