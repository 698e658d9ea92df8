import type { Document } from 'yaml'
import { isAlias, isCollection, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'

/** One mistake in a document a person wrote, with all that is needed to mend it. */
export interface Problem {
  /** From 1. */
  line: number
  /** `listen.tproxy`, `rules[2].action`; '' for the document as a whole. */
  key: string
  message: string
}

export interface ReadDocument<T> {
  value: T | null
  problems: Problem[]
  /** Line of the value at that path, from 1; of its nearest ancestor when it is not there. */
  lineAt(path: readonly PropertyKey[]): number
}

/** Reads a YAML document against a schema: every mistake at once, each with line, key and advice. */
export function readDocument<S extends z.ZodType>(
  text: string,
  schema: S,
  knownKeys: KnownKeys,
): ReadDocument<z.output<S>> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true })
  const problems: Problem[] = []
  const lineOf = (offset: number) => lines.linePos(offset).line
  const lineAt = (path: readonly PropertyKey[]) => lineOf(offsetAt(document, path))
  for (const error of document.errors) {
    problems.push({ line: lineOf(error.pos[0]), key: '', message: firstLine(error.message) })
  }
  if (problems.length > 0) return { value: null, problems, lineAt }
  const plain = plainValue(document)
  if ('message' in plain) return { value: null, problems: [{ line: 1, key: '', message: plain.message }], lineAt }
  const result = schema.safeParse(plain.value)
  if (result.success) return { value: result.data, problems, lineAt }
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) problems.push(unknownKey(document, lineOf, issue.path, key, knownKeys(issue.path)))
    } else {
      problems.push({ line: lineAt(issue.path), key: keyText(issue.path), message: issue.message })
    }
  }
  problems.sort((a, b) => a.line - b.line)
  return { value: null, problems, lineAt }
}

/** The document as plain values. What only shows when aliases are followed (none such, too many) makes the parser throw. */
function plainValue(document: Document): { value: unknown } | { message: string } {
  try {
    // maxAliasCount: a few lines of aliases must not unfold into gigabytes
    return { value: document.toJS({ maxAliasCount: 100 }) ?? undefined }
  } catch (error) {
    return { message: firstLine((error as Error).message) }
  }
}

/** The keys allowed in the mapping at that path. */
export type KnownKeys = (path: readonly PropertyKey[]) => readonly string[]

export function formatProblem(file: string, problem: Problem): string {
  return `${file}:${problem.line}: ${problem.key === '' ? '' : `${problem.key}: `}${problem.message}`
}

function unknownKey(
  document: Document,
  lineOf: (offset: number) => number,
  path: readonly PropertyKey[],
  key: string,
  known: readonly string[],
): Problem {
  const near = nearest(key, known)
  const advice = near === null ? `Known keys here: ${known.join(', ')}.` : `Did you mean "${near}"?`
  return {
    line: lineOf(keyOffset(document, path, key)),
    key: keyText([...path, key]),
    message: `unknown key. ${advice}`,
  }
}

function offsetAt(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if ((isScalar(node) || isCollection(node) || isAlias(node)) && node.range) return node.range[0]
  }
  return 0
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  if (!isMap(map)) return 0
  const pair = map.items.find(item => isPair(item) && isScalar(item.key) && String(item.key.value) === key)
  return pair !== undefined && isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0
}

function keyText(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`))
    .join('')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/ at line \d+, column \d+:?$/, '')
}

/** The known word at the smallest edit distance, if that is small enough to be a slip of the finger. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + cost)
    }
    row = next
  }
  return row[b.length]!
}
