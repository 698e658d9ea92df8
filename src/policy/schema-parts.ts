import { z } from 'zod'
import { nearest } from '../core/document.ts'

const WORD = /^\p{L}[\p{L}\p{N}_-]{0,63}$/u
/** Zod stops checking an object after its first structural mistake; a person wants all of them at once. */
export const ALWAYS = { when: () => true }

export const text = z.string({
  error: issue =>
    issue.input === undefined ? 'is missing.' : 'must be text; put it in quotes if YAML reads it otherwise.',
})

/** A text of which `mistake` says what is wrong with it, or null. */
export function textWith(mistake: (value: string) => string | null) {
  return text.superRefine((value, context) => {
    const message = mistake(value)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })
}

/** A YAML list, never empty: an empty condition would read as "nothing" to one person and "everything" to another. */
export function some<T extends z.ZodType>(item: T, example: string) {
  const list = z.array(item, { error: `must be a list, such as [${example}].` })
  return list.min(1, 'is empty; name at least one, or remove the key.')
}

export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, {
    error: issue => {
      const near = typeof issue.input === 'string' ? nearest(issue.input, words) : null
      return near === null ? `must be ${words.join(' or ')}.` : `must be ${words.join(' or ')}. Did you mean "${near}"?`
    },
  })
}

export function cappedRecord<T extends z.ZodType>(item: T, max: number) {
  const record = z.record(z.string().regex(WORD), item, {
    error: issue =>
      issue.code === 'invalid_key'
        ? 'A name here is a letter, then up to 63 letters, digits, - or _.'
        : 'must be a mapping of names.',
  })
  return record.refine(value => Object.keys(value).length <= max, { error: `has more than ${max} entries.` })
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
