import type { ComponentChildren } from 'preact'
import type { CaAnswer, CaCertificate, CaDownload } from '../../../../src/admin/api.ts'
import { CopyButton } from '../../components/CopyButton.tsx'
import { Icon } from '../../components/Icon.tsx'
import { t, tn } from '../../i18n/index.ts'
import { now } from '../../lib/clock.ts'
import { day, fingerprint } from '../../lib/format.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 60

export function Certificate({ ca }: { ca: CaAnswer }) {
  return (
    <section class="card ca-facts" aria-label={t('tls.tab.certificate')}>
      <CaFacts ca={ca}>
        <Fact name={t('ca.key')}>
          {ca.key}, {t(ca.encrypted ? 'ca.key.encrypted' : 'ca.key.here')}
        </Fact>
      </CaFacts>
      <h2>{t('ca.download')}</h2>
      <Downloads files={ca.downloads} />
    </section>
  )
}

/** What one looks at to be sure that it is the right one. */
export function CaFacts({ ca, children }: { ca: CaCertificate; children?: ComponentChildren }) {
  const daysLeft = Math.floor((ca.notAfter - now.value) / DAY_MS)
  const limited = ca.permitted !== null || ca.excluded.length > 0
  return (
    <dl>
      <Fact name={t('ca.subject')}>
        <span translate={false}>{ca.subject}</span>
        <span class="muted">{t(ca.imported ? 'ca.imported' : 'ca.made')}</span>
      </Fact>
      <Fact name={t('ca.valid')}>
        {t('ca.validText', { from: day(ca.notBefore), to: day(ca.notAfter) })}
        <span class={daysLeft < SOON_DAYS ? 'ca-soon' : 'ca-left'}>{tn('ca.daysLeft', daysLeft)}</span>
      </Fact>
      {children}
      <Fact name={t('ca.limits')}>
        {ca.permitted !== null && t('ca.permitted', { names: ca.permitted.join(', ') })}{' '}
        {ca.excluded.length > 0 && t('ca.excluded', { names: ca.excluded.join(', ') })}
        {!limited && t('ca.unlimited')}
        {ca.pathLength !== null && <span class="muted">{t('ca.pathLength', { count: ca.pathLength })}</span>}
      </Fact>
      {ca.root !== null && (
        <Fact name={t('ca.root')}>
          <span translate={false}>{ca.root.subject}</span>
          <span class="muted">{t('ca.root.why')}</span>
        </Fact>
      )}
      <Print sha256={ca.root?.sha256 ?? ca.sha256} />
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Print({ sha256 }: { sha256: string }) {
  const print = fingerprint(sha256)
  return (
    <div class="ca-print">
      <dt>{t('ca.fingerprint')}</dt>
      <dd>
        <code translate={false}>{print}</code>
        <CopyButton text={print} label={t('ca.copyFingerprint')} />
      </dd>
    </div>
  )
}

export function Downloads({ files }: { files: CaDownload[] }) {
  return (
    <ul class="downloads">
      {files.map(file => (
        <li key={file.format}>
          <a href={file.path} download={file.fileName}>
            <Icon name="download" />
            <b>{t(`ca.format.${file.format}`)}</b>
            <span>{t(`ca.format.${file.format}.for`)}</span>
          </a>
        </li>
      ))}
    </ul>
  )
}
