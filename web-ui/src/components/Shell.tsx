import { effect } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { language, t } from '../i18n/index.ts'
import { callText } from '../lib/codes.ts'
import { bindKeys } from '../lib/keys.ts'
import { go, href, place } from '../lib/router.ts'
import { session, signOut } from '../lib/session.ts'
import { COUNTERS_ONLY, LiveStream, streamState, updated } from '../lib/stream.ts'
import { nextTheme, theme } from '../lib/theme.ts'
import { toast } from '../lib/toast.ts'
import { PAGES, pageAt } from '../pages/index.ts'
import { Button } from './Button.tsx'
import { Icon } from './Icon.tsx'
import { keysOpen } from './KeysHelp.tsx'
import { passwordOpen } from './PasswordChange.tsx'

/** Focuses the search of the page, or the one in the head. */
function focusSearch(): void {
  const input =
    document.querySelector<HTMLInputElement>('main [data-search]') ?? document.querySelector('[data-search]')
  input?.focus()
  input?.select()
}

effect(() => {
  if (!updated.value) return
  toast('info', t('app.updated'), { label: t('app.reload'), run: () => location.reload() })
})

export function Shell({ children }: { children: ComponentChildren }) {
  useEffect(() => {
    const map: Record<string, () => void> = { '/': focusSearch, '?': () => (keysOpen.value = true) }
    for (const page of PAGES) map[`g ${page.key}`] = () => go(page.path)
    return bindKeys(map)
  }, [])
  const wantsCounters = Boolean(session.value) && place.value.path !== '/live'
  useEffect(() => {
    if (!wantsCounters) return
    const stream = new LiveStream(COUNTERS_ONLY, 0, { rows: () => {}, gap: () => {} })
    return () => stream.close()
  }, [wantsCounters])
  return (
    <div class="shell">
      <a class="skip" href="#main">
        {t('app.skip')}
      </a>
      <Nav />
      <Head />
      <main id="main" tabIndex={-1}>
        {session.value?.mustChangePassword && <FirstPassword />}
        {children}
      </main>
    </div>
  )
}

function Nav() {
  const here = pageAt(place.value.path)
  return (
    <nav class="nav" aria-label={t('nav.label')}>
      <a class="brand" href="/" aria-label={t('app.name')}>
        <Logo />
        <span>{t('app.name')}</span>
      </a>
      <ul>
        {PAGES.map(page => (
          <li key={page.path}>
            <a href={page.path} aria-current={page === here ? 'page' : undefined}>
              <Icon name={page.icon} />
              <span>{t(page.title)}</span>
            </a>
          </li>
        ))}
      </ul>
      {session.value && (
        <p class="nav-foot" translate={false}>
          {t('app.name')} {session.value.version}
        </p>
      )}
    </nav>
  )
}

/** The mark: water over a dam. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path class="logo-water" d="M5 16.5h5c4.6 0 3.4 8 8 8h9" />
      <path d="M5 10h7.5c5 0 4 9 9 9H27" />
    </svg>
  )
}

function Head() {
  const signedIn = session.value
  return (
    <header class="head">
      <SearchBox />
      <div class="head-tools">
        {signedIn && <Connection />}
        <ThemeButton />
        <LanguageButton />
        <Button
          kind="quiet"
          class="hide-phone"
          icon="keys"
          label={t('shell.keys')}
          onClick={() => (keysOpen.value = true)}
        />
        {signedIn ? (
          <Button
            kind="quiet"
            icon="signOut"
            label={`${t('shell.signOut')} (${signedIn.user})`}
            onClick={() => signOut().catch(error => toast('error', callText(error)))}
          />
        ) : (
          <a class="btn btn-plain" href="/">
            {t('signIn.submit')}
          </a>
        )}
      </div>
    </header>
  )
}

/** Any page → the log; on the log itself its own filter takes this place. */
function SearchBox() {
  const input = useRef<HTMLInputElement>(null)
  const onLive = place.value.path === '/live'
  if (!session.value || onLive) return <p class="head-title">{t(onLive ? 'nav.live' : 'app.name')}</p>
  return (
    <search>
      <form
        class="search"
        onSubmit={event => {
          event.preventDefault()
          go(href('/live', { q: input.current!.value.trim() }))
        }}
      >
        <Icon name="search" />
        <input
          ref={input}
          data-search
          type="search"
          aria-label={t('shell.searchLabel')}
          placeholder={t('shell.search')}
          autocomplete="off"
          spellcheck={false}
          onKeyDown={event => event.key === 'Escape' && event.currentTarget.blur()}
        />
        <kbd class="hide-phone">/</kbd>
      </form>
    </search>
  )
}

function Connection() {
  const state = streamState.value
  return (
    <span class={`live-state live-${state}`} role="status">
      <i aria-hidden="true" />
      {t(`stream.${state}`)}
    </span>
  )
}

export function ThemeButton() {
  const label = t('shell.theme', { theme: t(`shell.theme.${theme.value}`) })
  return <Button kind="quiet" icon={theme.value} label={label} onClick={nextTheme} />
}

export function LanguageButton() {
  return (
    <Button
      kind="quiet"
      class="lang"
      aria-label={t('shell.language')}
      title={t('shell.language')}
      onClick={() => {
        language.value = language.value === 'en' ? 'de' : 'en'
      }}
    >
      {t('shell.languageName')}
    </Button>
  )
}

function FirstPassword() {
  return (
    <div class="notice">
      <Icon name="warning" />
      <span>{t('shell.firstPassword')}</span>
      <Button onClick={() => (passwordOpen.value = true)}>{t('shell.changePassword')}</Button>
    </div>
  )
}
