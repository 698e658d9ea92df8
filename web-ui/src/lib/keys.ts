import { signal } from '@preact/signals'
import { load, save } from './stored.ts'

/** A page or a part registers what it does; the newest registration of a key wins (a drawer over a table). */
export type KeyMap = Record<string, () => void>

const stack: KeyMap[] = []
let pending = ''
let pendingTimer = 0
const CHORD_MS = 1200

/** Single letters can be switched off (WCAG 2.1.4): speech input and stray fingers type them. */
export const singleKeys = signal(load('keys', ['on', 'off'], 'on') === 'on')

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on
  save('keys', on ? 'on' : 'off')
}

/** Returns the function that takes the keys away again, ready for useEffect. */
export function bindKeys(map: KeyMap): () => void {
  stack.push(map)
  return () => {
    stack.splice(stack.indexOf(map), 1)
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
}

function find(key: string): (() => void) | undefined {
  for (let i = stack.length - 1; i >= 0; i--) {
    const run = stack[i]![key]
    if (run) return run
  }
  return undefined
}

/** Space presses the focused control; it pauses only where nothing is focused that would take it. */
function takesSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('button:not([data-row]), a, summary, [role=tab]') !== null
}

addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  const key = event.key
  if (typing(event.target)) return
  const single = key.length === 1
  if (single && !singleKeys.value) return
  if (key === ' ' && takesSpace(event.target)) return
  const chord = pending === '' ? key : `${pending} ${key}`
  pending = ''
  clearTimeout(pendingTimer)
  if (key === 'g' && chord === 'g') {
    pending = 'g'
    pendingTimer = window.setTimeout(() => (pending = ''), CHORD_MS)
    return
  }
  const run = find(chord)
  if (!run) return
  event.preventDefault()
  run()
})
