import { t } from '../i18n/index.ts'
import type { Outcome } from '../lib/rows.ts'

/** A verdict is always word and colour, never colour alone. */
export function Chip({ outcome }: { outcome: Outcome }) {
  return (
    <span class={`chip chip-${outcome}`} title={t(`outcome.${outcome}.tip`)}>
      {t(`outcome.${outcome}`)}
    </span>
  )
}
