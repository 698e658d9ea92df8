import { Icon } from './Icon.tsx'

interface Props {
  label: string
  value: string
  onValue: (value: string) => void
  /** How much is left of how much. */
  count: string
}

/** Narrows what stands below it; `/` goes to it. */
export function SearchField({ label, value, onValue, count }: Props) {
  return (
    <search class="search part-search">
      <Icon name="search" />
      <input
        data-search
        type="search"
        aria-label={label}
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        value={value}
        onInput={event => onValue(event.currentTarget.value)}
      />
      <span class="muted" role="status">
        {count}
      </span>
    </search>
  )
}
