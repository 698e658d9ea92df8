import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../i18n/index.ts'
import { outcomeOf, withOutcome } from '../lib/filter.ts'
import { OUTCOMES } from '../lib/rows.ts'
import { Button } from './Button.tsx'
import { Icon } from './Icon.tsx'

interface Props {
  query: string
  /** What the server says is wrong with it, or ''. */
  problem: string
  onQuery: (query: string, replace: boolean) => void
}

/** Long enough for a word, short enough to feel instant. */
const TYPING_MS = 140

export function FilterBar({ query, problem, onQuery }: Props) {
  const [text, setText] = useState(query)
  const sent = useRef(query)
  const timer = useRef(0)

  // Back, forward or a toggle changed the address: show it. What is being typed is not touched.
  useEffect(() => {
    if (query !== sent.current) setText(query)
    sent.current = query
  }, [query])

  const send = (next: string, replace: boolean): void => {
    clearTimeout(timer.current)
    sent.current = next.trim()
    onQuery(next.trim(), replace)
  }
  const typed = (next: string): void => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => send(next, true), TYPING_MS)
  }
  const set = (next: string): void => {
    setText(next)
    send(next, false)
  }
  const selected = outcomeOf(text)
  return (
    <search class="filter">
      <form
        class={`search filter-input${problem === '' ? '' : ' invalid'}`}
        onSubmit={event => {
          event.preventDefault()
          send(text, true)
        }}
      >
        <Icon name="search" />
        <input
          data-search
          type="text"
          inputMode="search"
          enterkeyhint="search"
          aria-label={t('live.filter')}
          aria-invalid={problem !== ''}
          aria-describedby="filter-problem"
          placeholder={t('live.placeholder')}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          translate={false}
          value={text}
          onInput={event => typed(event.currentTarget.value)}
          onKeyDown={event => event.key === 'Escape' && event.currentTarget.blur()}
        />
        {text === '' ? (
          <kbd class="hide-phone">/</kbd>
        ) : (
          <Button kind="quiet" icon="close" label={t('live.clear')} onClick={() => set('')} />
        )}
      </form>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as one line everywhere */}
      <div class="toggles" role="group" aria-label={t('live.verdicts')}>
        {OUTCOMES.map(o => (
          <button
            key={o}
            type="button"
            class={`toggle toggle-${o}`}
            aria-pressed={o === selected}
            title={t(`outcome.${o}.tip`)}
            onClick={() => set(withOutcome(text, o === selected ? null : o))}
          >
            <i class={`dot dot-${o}`} aria-hidden="true" />
            {t(`outcome.${o}`)}
          </button>
        ))}
      </div>
      <p id="filter-problem" class="filter-problem" role="alert" hidden={problem === ''}>
        {problem}
      </p>
    </search>
  )
}
