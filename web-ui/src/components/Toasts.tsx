import { t } from '../i18n/index.ts'
import { dropToast, toasts } from '../lib/toast.ts'
import { Button } from './Button.tsx'
import { Icon } from './Icon.tsx'

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(toast => (
        <div key={toast.id} class={`toast toast-${toast.kind}`}>
          {toast.kind === 'error' && <Icon name="warning" />}
          <span class="toast-text">{toast.text}</span>
          {toast.action && (
            <Button
              kind="quiet"
              onClick={() => {
                toast.action?.run()
                dropToast(toast.id)
              }}
            >
              {toast.action.label}
            </Button>
          )}
          <Button kind="quiet" icon="close" label={t('app.close')} onClick={() => dropToast(toast.id)} />
        </div>
      ))}
    </div>
  )
}
