import type { LogUse } from '../../../src/admin/api.ts'
import { t, tn } from '../i18n/index.ts'
import { integer } from '../lib/format.ts'
import { href } from '../lib/router.ts'

/** A number, and the way to the rows that it counts. */
export function LogLink({ use }: { use: LogUse }) {
  if (use.count === 0) return <span class="muted">{t('tls.never')}</span>
  return (
    <a href={href('/live', { q: use.q })} aria-label={tn('tls.rows', use.count)}>
      {integer(use.count)}
    </a>
  )
}
