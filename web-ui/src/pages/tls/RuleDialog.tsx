import type { LearnedAnswer } from '../../../../src/admin/api.ts'
import { Button } from '../../components/Button.tsx'
import { CopyButton } from '../../components/CopyButton.tsx'
import { Dialog } from '../../components/Dialog.tsx'
import { t } from '../../i18n/index.ts'
import { ruleText } from '../../lib/rule-text.ts'

/** A conclusion has an end; a rule has none. So it is the admin who writes it into the policy, and here is its text. */
export function RuleDialog({ entry, onClose }: { entry: LearnedAnswer['entries'][number]; onClose: () => void }) {
  const text = ruleText(entry)
  return (
    <Dialog label={t('tls.rule.title')} class="modal modal-wide" onClose={onClose}>
      <header class="modal-head">
        <h2>{t('tls.rule.title')}</h2>
        <Button kind="quiet" icon="close" label={t('app.close')} onClick={onClose} />
      </header>
      <p>{t('tls.rule.how')}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1) */}
      <pre class="rule-text" tabIndex={0} translate={false}>
        {text}
      </pre>
      <div class="actions">
        <CopyButton text={text} label={t('tls.rule.copy')} />
      </div>
    </Dialog>
  )
}
