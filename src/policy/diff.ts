/** Lines of context round a change, as `diff -u` gives. */
const CONTEXT = 3
/** Beyond so many changed lines the documents have little in common, and the whole middle is shown as replaced. */
const MAX_CHANGES = 2000

/** One line of the edit: kept, removed or added. */
interface Edit {
  mark: ' ' | '-' | '+'
  text: string
}

/** Unified diff of two texts by line; '' when they are equal. */
export function unifiedDiff(before: string, after: string, beforeName: string, afterName: string): string {
  if (before === after) return ''
  const edits = editScript(linesOf(before), linesOf(after))
  const hunks: string[] = [`--- ${beforeName}`, `+++ ${afterName}`]
  let old = 1
  let now = 1
  for (let i = 0; i < edits.length; ) {
    const start = nextChange(edits, i)
    if (start === edits.length) break
    const from = Math.max(i, start - CONTEXT)
    old += from - i
    now += from - i
    const to = hunkEnd(edits, start)
    const hunk = edits.slice(from, to)
    const oldCount = hunk.filter(edit => edit.mark !== '+').length
    const nowCount = hunk.filter(edit => edit.mark !== '-').length
    hunks.push(`@@ -${range(old, oldCount)} +${range(now, nowCount)} @@`)
    for (const edit of hunk) hunks.push(edit.mark + edit.text)
    old += oldCount
    now += nowCount
    i = to
  }
  return `${hunks.join('\n')}\n`
}

/** An empty side is counted from the line before it (POSIX diff -u). */
function range(start: number, count: number): string {
  return count === 1 ? String(start) : `${count === 0 ? start - 1 : start},${count}`
}

function nextChange(edits: readonly Edit[], from: number): number {
  let i = from
  while (i < edits.length && edits[i]!.mark === ' ') i++
  return i
}

/** Changes nearer to each other than twice the context share a hunk. */
function hunkEnd(edits: readonly Edit[], start: number): number {
  let end = start
  for (;;) {
    while (end < edits.length && edits[end]!.mark !== ' ') end++
    const next = nextChange(edits, end)
    if (next === edits.length || next - end > 2 * CONTEXT) return Math.min(edits.length, end + CONTEXT)
    end = next
  }
}

function editScript(a: string[], b: string[]): Edit[] {
  let head = 0
  while (head < a.length && head < b.length && a[head] === b[head]) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  const kept = (text: string): Edit => ({ mark: ' ', text })
  return [
    ...a.slice(0, head).map(kept),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(kept),
  ]
}

/** Myers' greedy O(ND) algorithm; each round keeps its frontier, and the way back through them is the script. */
function middle(a: string[], b: string[]): Edit[] {
  const rounds: Map<number, number>[] = []
  let frontier = new Map<number, number>([[1, 0]])
  for (let d = 0; d <= Math.min(a.length + b.length, MAX_CHANGES); d++) {
    const next = new Map<number, number>()
    rounds.push(frontier)
    for (let k = -d; k <= d; k += 2) {
      let x = goesDown(frontier, k, d) ? (frontier.get(k + 1) ?? 0) : (frontier.get(k - 1) ?? 0) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      next.set(k, x)
      if (x >= a.length && x - k >= b.length) return wayBack(a, b, rounds)
    }
    frontier = next
  }
  return [...a.map(text => ({ mark: '-' as const, text })), ...b.map(text => ({ mark: '+' as const, text }))]
}

function goesDown(frontier: Map<number, number>, k: number, d: number): boolean {
  return k === -d || (k !== d && (frontier.get(k - 1) ?? -1) < (frontier.get(k + 1) ?? -1))
}

function wayBack(a: string[], b: string[], rounds: Map<number, number>[]): Edit[] {
  const out: Edit[] = []
  let x = a.length
  let y = b.length
  for (let d = rounds.length - 1; d >= 0; d--) {
    const frontier = rounds[d]!
    const k = x - y
    const fromK = goesDown(frontier, k, d) ? k + 1 : k - 1
    const fromX = d === 0 ? 0 : (frontier.get(fromK) ?? 0)
    const fromY = d === 0 ? 0 : fromX - fromK
    while (x > fromX && y > fromY) {
      out.push({ mark: ' ', text: a[--x]! })
      y--
    }
    if (d === 0) break
    if (fromK > k) out.push({ mark: '+', text: b[--y]! })
    else out.push({ mark: '-', text: a[--x]! })
  }
  return out.reverse()
}

function linesOf(text: string): string[] {
  const lines = text.split('\n')
  if (lines[lines.length - 1] === '') lines.pop()
  return lines
}
