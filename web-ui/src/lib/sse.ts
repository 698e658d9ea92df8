export interface SseEvent {
  event: string
  data: string
  /** Last id seen on the stream, as the standard's buffer: it stays until the next `id:` field. */
  id: string
}

/** An event may hold a batch of rows; more than this without an end is no stream of ours. */
const MAX_BUFFER = 4_000_000

/**
 * Reads server-sent events from a fetch. Not EventSource, because that cannot send Last-Event-ID after it was closed
 * by us (hidden tab), hides the status (401 looks like a lost cable), and retries by its own rules.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  /** Called for anything that arrives, comments included. */
  alive: () => void,
  emit: (event: SseEvent) => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let buffer = ''
  let id = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    alive()
    buffer += value
    let end: number
    while ((end = buffer.indexOf('\n\n')) !== -1) {
      const block = buffer.slice(0, end)
      buffer = buffer.slice(end + 2)
      const parsed = parseBlock(block, id)
      id = parsed.id
      if (parsed.data !== '') emit(parsed)
    }
    if (buffer.length > MAX_BUFFER) throw new Error('event too large')
  }
}

function parseBlock(block: string, lastId: string): SseEvent {
  const out: SseEvent = { event: 'message', data: '', id: lastId }
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const field = line.slice(0, colon)
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1).replace(/\r$/, '')
    if (field === 'event') out.event = value
    else if (field === 'id') out.id = value
    else if (field === 'data') out.data += out.data === '' ? value : `\n${value}`
  }
  return out
}
