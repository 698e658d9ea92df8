import type { ComponentChildren } from 'preact'
import { t } from '../i18n/index.ts'
import { callText } from '../lib/codes.ts'
import { Button } from './Button.tsx'
import { Icon, type IconName } from './Icon.tsx'

/** Says what would be here, and the next step. */
export function Empty({ icon, title, children }: { icon?: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      {icon && <Icon name={icon} />}
      <p class="empty-title">{title}</p>
      {children && <p class="empty-text">{children}</p>}
    </div>
  )
}

/** A call failed; what was on the page stays where it is, this stands above it. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <span>{callText(error)}</span>
      <Button onClick={retry}>{t('app.retry')}</Button>
    </div>
  )
}
