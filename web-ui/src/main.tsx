import { render } from 'preact'
import { useEffect } from 'preact/hooks'
import { Button } from './components/Button.tsx'
import { Empty } from './components/Empty.tsx'
import { KeysHelp } from './components/KeysHelp.tsx'
import { PasswordChange } from './components/PasswordChange.tsx'
import { Shell } from './components/Shell.tsx'
import { Toasts } from './components/Toasts.tsx'
import { startLanguage, t } from './i18n/index.ts'
import { followLinks, place } from './lib/router.ts'
import { loadSession, session, unreachable } from './lib/session.ts'
import { pageAt } from './pages/index.ts'
import SignIn from './pages/SignIn.tsx'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/shell.css'
import './styles/overlays.css'
import './styles/filter.css'
import './styles/table.css'
import './styles/drawer.css'
import './styles/dashboard.css'
import './styles/top-lists.css'
import './styles/sign-in.css'

function App() {
  const page = pageAt(place.value.path)
  const title = t(page?.title ?? 'app.notFound')
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`
  }, [title])
  return (
    <>
      <View />
      <KeysHelp />
      <PasswordChange />
      <Toasts />
    </>
  )
}

function View() {
  const page = pageAt(place.value.path)
  if (session.value === undefined) return unreachable.value ? <Unreachable /> : null
  if (session.value === null && !page?.open) return <SignIn />
  return (
    <Shell>
      {page ? (
        <page.view />
      ) : (
        <Empty title={t('app.notFound')}>
          <a href="/">{t('app.toDashboard')}</a>
        </Empty>
      )}
    </Shell>
  )
}

function Unreachable() {
  return (
    <main class="center">
      <Empty icon="warning" title={t('app.unreachable')}>
        <Button onClick={() => void loadSession()}>{t('app.retry')}</Button>
      </Empty>
    </main>
  )
}

startLanguage()
document.addEventListener('click', followLinks)
void loadSession()
render(<App />, document.getElementById('app')!)
