import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface Props {
  label: string
  class: string
  onClose: () => void
  /** The opener may be gone or another (a windowed row): then whoever closes moves the focus. */
  leaveFocus?: boolean
  children: ComponentChildren
}

/** Native modal dialog: focus trap, Escape and inertness of the rest are the browser's. Mounted = open. */
export function Dialog({ label, class: name, onClose, leaveFocus = false, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current!
    const before = document.activeElement
    dialog.showModal()
    return () => {
      // close() would give the focus back by itself; taken out of the page without it, the dialog gives it to nobody.
      if (leaveFocus) return
      dialog.close()
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
