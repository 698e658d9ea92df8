import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { post } from '../lib/api.ts'
import { callText } from '../lib/codes.ts'
import { loadSession } from '../lib/session.ts'
import { toast } from '../lib/toast.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'

/** As the server wants it. */
const MIN_PASSWORD = 10

export const passwordOpen = signal(false)

export function PasswordChange() {
  return passwordOpen.value ? <PasswordDialog /> : null
}

function PasswordDialog() {
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [error, setError] = useState<unknown>(null)
  const close = (): void => {
    passwordOpen.value = false
  }
  const submit = async (): Promise<void> => {
    try {
      await post('/session/password', { current, next })
      close()
      toast('info', t('password.done'))
      await loadSession()
    } catch (failed) {
      setError(failed)
    }
  }
  return (
    <Dialog label={t('password.title')} class="modal" onClose={close}>
      <form
        class="form"
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <header class="modal-head">
          <h2>{t('password.title')}</h2>
          <Button kind="quiet" icon="close" label={t('app.close')} onClick={close} />
        </header>
        {error !== null && (
          <p class="form-error" role="alert">
            {callText(error)}
          </p>
        )}
        <Field
          label={t('password.current')}
          type="password"
          autocomplete="current-password"
          value={current}
          onValue={setCurrent}
        />
        <Field
          label={t('password.next')}
          type="password"
          autocomplete="new-password"
          minLength={MIN_PASSWORD}
          value={next}
          onValue={setNext}
        />
        <Button kind="primary" type="submit">
          {t('password.submit')}
        </Button>
      </form>
    </Dialog>
  )
}
