import { signal } from '@preact/signals'

export interface Toast {
  id: number
  kind: 'info' | 'error'
  text: string
  /** One thing to do about it. */
  action: { label: string; run: () => void } | null
}

const SHOWN_MS = 10_000
const MAX = 4
let last = 0

export const toasts = signal<Toast[]>([])

/** Errors stay until closed; others go by themselves. */
export function toast(kind: Toast['kind'], text: string, action: Toast['action'] = null): void {
  const id = ++last
  toasts.value = [...toasts.value.filter(t => t.text !== text), { id, kind, text, action }].slice(-MAX)
  if (kind === 'info' && action === null) setTimeout(() => dropToast(id), SHOWN_MS)
}

export function dropToast(id: number): void {
  toasts.value = toasts.value.filter(t => t.id !== id)
}
