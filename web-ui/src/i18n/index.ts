import { effect, signal } from '@preact/signals'
import { load, save } from '../lib/stored.ts'
import { type Dictionary, en, type Key } from './en.ts'

export type { Key } from './en.ts'
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]
/** Keys that come in plural forms, without the ending. */
export type PluralKey = BaseOf<Key>
type BaseOf<K> = K extends `${infer Base}.one` ? Base : never

const preferred = navigator.languages.find(l => LANGUAGES.some(known => l.startsWith(known)))
const words = signal<Dictionary>(en)

export const language = signal<Language>(load('language', LANGUAGES, preferred?.startsWith('de') ? 'de' : 'en'))
/** For Intl: the full tag of the browser when it is the same language, for its country's dates and separators. */
export const locale = signal<string>('en')

/** English is in the first load; another language is fetched when it is chosen. */
export async function loadLanguage(): Promise<void> {
  const wanted = language.value
  const next = wanted === 'de' ? (await import('./de.ts')).de : en
  if (wanted !== language.value) return
  words.value = next
  locale.value = navigator.languages.find(l => l.startsWith(wanted)) ?? wanted
  document.documentElement.lang = wanted
}

export function startLanguage(): void {
  effect(() => {
    save('language', language.value)
    void loadLanguage()
  })
}

export type Params = Record<string, string | number>

function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole))
}

export function t(key: Key, params: Params = {}): string {
  return fill(words.value[key], params)
}

/** With a count: `count` chooses the form and is filled in as the locale writes numbers. */
export function tn(key: PluralKey, count: number, params: Params = {}): string {
  const form = new Intl.PluralRules(locale.value).select(count) === 'one' ? 'one' : 'other'
  return t(`${key}.${form}`, { ...params, count: new Intl.NumberFormat(locale.value).format(count) })
}
