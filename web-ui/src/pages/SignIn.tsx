import { useState } from 'preact/hooks'
import { Button } from '../components/Button.tsx'
import { Field } from '../components/Field.tsx'
import { LanguageButton, Logo, ThemeButton } from '../components/Shell.tsx'
import { t } from '../i18n/index.ts'
import { callText } from '../lib/codes.ts'
import { signIn } from '../lib/session.ts'

/** The page of whoever has no session; the address stays, so that after signing in the page asked for is shown. */
export default function SignIn() {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [shown, setShown] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)

  const submit = async (): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await signIn(user, password)
    } catch (failed) {
      setError(failed)
      setBusy(false)
    }
  }

  return (
    <div class="sign-in">
      <main class="sign-in-card">
        <div class="sign-in-brand">
          <Logo />
          <div>
            <h1>{t('signIn.title')}</h1>
            <p>{t('app.tagline')}</p>
          </div>
        </div>
        <form
          class="form"
          onSubmit={event => {
            event.preventDefault()
            void submit()
          }}
        >
          {error !== null && (
            <p class="form-error" role="alert">
              {callText(error)}
            </p>
          )}
          <Field label={t('signIn.user')} autocomplete="username" focused value={user} onValue={setUser} />
          <div class="with-button">
            <Field
              label={t('signIn.password')}
              type={shown ? 'text' : 'password'}
              autocomplete="current-password"
              value={password}
              onValue={setPassword}
            />
            <Button kind="quiet" aria-pressed={shown} onClick={() => setShown(!shown)}>
              {t(shown ? 'signIn.hide' : 'signIn.show')}
            </Button>
          </div>
          <Button kind="primary" type="submit" disabled={busy}>
            {t(busy ? 'signIn.busy' : 'signIn.submit')}
          </Button>
        </form>
        <p class="hint">{t('signIn.first')}</p>
        <p class="hint">
          <a href="/ca">{t('signIn.caLink')}</a>
        </p>
      </main>
      <div class="sign-in-tools">
        <ThemeButton />
        <LanguageButton />
      </div>
    </div>
  )
}
