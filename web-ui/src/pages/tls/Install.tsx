import { useState } from 'preact/hooks'
import type { CaAnswer, CaGuide } from '../../../../src/admin/api.ts'
import { Icon } from '../../components/Icon.tsx'
import { QrCode } from '../../components/QrCode.tsx'
import { Tabs } from '../../components/Tabs.tsx'
import { t } from '../../i18n/index.ts'

/** Answered by the gateway itself on every host, so one that is kept free for examples (RFC 2606) will do. */
const ENROL = 'http://example.com/.well-known/weir/'

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

/** Step by step for each platform, with the file in the form it likes best; while another CA is rolled out, that one too. */
export function Install({ ca }: { ca: CaAnswer }) {
  const [selected, setSelected] = useState(() => ownPlatform(ca.guides))
  const guide = ca.guides.find(g => g.id === selected)
  const file = ca.downloads.find(d => d.format === guide?.format)
  const next = ca.next?.downloads.find(d => d.format === guide?.format)
  if (!guide || !file) return null
  const url = new URL(file.path, location.origin).href
  return (
    <section class="card install">
      <h2>{t('ca.install')}</h2>
      <p class="card-intro">
        {t('ca.install.there')}{' '}
        <a href={ENROL} translate={false}>
          {ENROL}
        </a>
      </p>
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
          {next && (
            <div class="install-next">
              <p>{t('ca.install.next', { name: ca.next!.subject })}</p>
              <a class="btn btn-plain" href={next.path} download={next.fileName}>
                <Icon name="download" />
                {t('ca.fetch', { format: t(`ca.format.${next.format}`) })}
              </a>
            </div>
          )}
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
