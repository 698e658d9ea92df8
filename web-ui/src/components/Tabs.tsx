import { useEffect, useRef } from 'preact/hooks'

interface Props<T extends string> {
  label: string
  tabs: { id: T; title: string }[]
  selected: T
  /** Id of the panel the tabs show. */
  panel: string
  onSelect: (id: T) => void
}

/** The ARIA tab pattern: one stop for Tab, arrows move and select at once. */
export function Tabs<T extends string>({ label, tabs, selected, panel, onSelect }: Props<T>) {
  const list = useRef<HTMLDivElement>(null)
  // On a phone the row scrolls, and an address may lead to a tab that is out of sight.
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [selected])
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.length, End: tabs.length }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = tabs.findIndex(tab => tab.id === selected)
    const to = Math.abs(step) === 1 ? (at + step + tabs.length) % tabs.length : step < 0 ? 0 : tabs.length - 1
    onSelect(tabs[to]!.id)
    list.current?.querySelectorAll('button')[to]?.focus()
  }
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {tabs.map(tab => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          id={`${panel}-${tab.id}`}
          aria-selected={tab.id === selected}
          aria-controls={panel}
          tabIndex={tab.id === selected ? 0 : -1}
          onClick={() => onSelect(tab.id)}
        >
          {tab.title}
        </button>
      ))}
    </div>
  )
}
