/** A message as a careful reader finds it. */
export interface Message {
  /** First line and fields with their CRLFs. */
  head: string
  /** 0 in a request. */
  status: number
  body: string
  trailers: string
  /** false: it ended before its framing said so. */
  complete: boolean
  /** Ended by the connection's end. */
  untilClose: boolean
  /** Index after it. */
  end: number
}

/**
 * Reads one message of `text` at `at`, by RFC 9112 §6.3. null: not even its head is whole. `method`: of the request it
 * answers, '' when it is a request itself. `over`: nothing follows.
 */
export function readMessage(text: string, at: number, method: string, over: boolean): Message | null {
  const headEnd = text.indexOf('\r\n\r\n', at)
  if (headEnd === -1) return null
  const head = text.slice(at, headEnd + 2)
  const status = method === '' ? 0 : Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? -1)
  const start = headEnd + 4
  const message: Message = { head, status, body: '', trailers: '', complete: true, untilClose: false, end: start }
  if (status > 0 && (method === 'HEAD' || status < 200 || status === 204 || status === 304)) return message
  if (/^transfer-encoding:[ \t]*chunked[ \t]*\r?$/im.test(head)) return readChunks(text, start, message)
  const length = /^content-length:[ \t]*(\d+)[ \t]*\r?$/im.exec(head)?.[1]
  if (length === undefined && status === 0) return message
  const end = length === undefined ? text.length : start + Number(length)
  message.body = text.slice(start, end)
  message.untilClose = length === undefined
  message.complete = length === undefined ? over : end <= text.length
  message.end = Math.min(end, text.length)
  return message
}

function readChunks(text: string, start: number, message: Message): Message {
  let at = start
  for (;;) {
    const size = /^([\da-f]+)(?:;[^\r\n]*)?\r\n/i.exec(text.slice(at, at + 4096))
    if (size === null) break
    at += size[0].length
    const bytes = Number.parseInt(size[1]!, 16)
    if (bytes === 0) return readTrailers(text, at, message)
    message.body += text.slice(at, at + bytes)
    if (text.slice(at + bytes, at + bytes + 2) !== '\r\n') break
    at += bytes + 2
  }
  message.complete = false
  message.end = text.length
  return message
}

function readTrailers(text: string, at: number, message: Message): Message {
  const end = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at)
  message.complete = end !== -1
  message.trailers = end > at ? text.slice(at, end + 2) : ''
  message.end = end === -1 ? text.length : end === at ? at + 2 : end + 4
  return message
}

/** All answers in `text`, to requests of these methods in turn (GET beyond them). `rest`: bytes that are no answer. */
export function readAnswers(
  text: string,
  methods: readonly string[],
  over: boolean,
): { finals: Message[]; interims: Message[]; rest: string } {
  const finals: Message[] = []
  const interims: Message[] = []
  let at = 0
  while (at < text.length) {
    const message = readMessage(text, at, methods[finals.length] ?? 'GET', over)
    if (message === null || message.status < 100) break
    at = message.end
    if (message.status < 200 && message.status !== 101) interims.push(message)
    else finals.push(message)
    if (message.status === 101) break
  }
  return { finals, interims, rest: text.slice(at) }
}
