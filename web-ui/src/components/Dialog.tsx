import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface Props {
  label: string
  class: string
  onClose: () => void
  children: ComponentChildren
}

/** Native modal dialog: focus trap, Escape and inertness of the rest are the browser's. Mounted = open. */
export function Dialog({ label, class: name, onClose, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current!
    const before = document.activeElement
    dialog.showModal()
    return () => {
      dialog.close()
      // The element may have been replaced meanwhile (a windowed row); then the caller moves the focus.
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the keyboard's way, and the browser gives it to every dialog
    <dialog
      ref={ref}
      class={name}
      aria-label={label}
      onCancel={event => {
        event.preventDefault()
        onClose()
      }}
      onClick={event => {
        if (event.target === event.currentTarget) onClose()
      }}
    >
      {children}
    </dialog>
  )
}
