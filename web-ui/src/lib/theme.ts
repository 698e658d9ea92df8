import { computed, effect, signal } from '@preact/signals'
import { load, save } from './stored.ts'

export const THEMES = ['auto', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export const theme = signal<Theme>(load('theme', THEMES, 'auto'))

const system = matchMedia('(prefers-color-scheme: dark)')
const systemDark = signal(system.matches)
system.addEventListener('change', () => {
  systemDark.value = system.matches
})

/** What is really seen; charts draw on canvas and must be told. */
export const dark = computed(() => (theme.value === 'auto' ? systemDark.value : theme.value === 'dark'))

effect(() => {
  document.documentElement.dataset.theme = theme.value
  save('theme', theme.value)
})

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!
}
