import { createHmac } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type WireRow, wireRow } from '../core/log-batch.ts'
import type { LogRow } from '../core/log-event.ts'

export interface LogEmitterOptions {
  /** Rows kept while nobody takes them; beyond that the oldest go. */
  maxRows: number
  /** A row waits at most so long for company. */
  flushMs: number
  maxBatchRows: number
  /**
   * Takes a batch (see core/log-batch.ts), how many rows it has, and the rows dropped since the last one taken.
   * False: not now (the channel is full); the rows are kept and offered again.
   */
  send(batch: Buffer, rows: number, dropped: number): boolean | undefined
  clientAddressMode: 'full' | 'pseudonym' | 'none'
  pseudonymKey: Buffer
}

const MAX_PATH = 8192
const MAX_TEXT = 255
const MAX_DETAIL = 500
/** Pseudonyms remembered, so that a busy client costs one HMAC and not one a row. */
const MAX_PSEUDONYMS = 4096

/** Anything but printable ASCII: a path holds octets, and those are written as `%XX`. */
const NOT_PRINTABLE = /[^\x20-\x7e]/g
/** C0, DEL, C1, and the characters that reorder text: they would let a peer write into a terminal or fake a line. */
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** The worker's end of the log: a bounded ring of rows that leaves in batches. Adding never waits and never throws. */
export class LogEmitter {
  private readonly options: LogEmitterOptions
  private readonly ring: (WireRow | null)[]
  private readonly pseudonyms = new LRUCache<string, string>({ max: MAX_PSEUDONYMS })
  private readonly timer: NodeJS.Timeout
  private armed = false
  private first = 0
  private count = 0
  private dropped = 0
  private droppedEver = 0

  constructor(options: LogEmitterOptions) {
    this.options = options
    this.ring = new Array<WireRow | null>(options.maxRows).fill(null)
    this.timer = setTimeout(() => this.tick(), options.flushMs)
    this.timer.unref()
    this.armed = true
  }

  /** Rows lost since the start. */
  droppedTotal(): number {
    return this.droppedEver
  }

  /** Rows waiting. */
  size(): number {
    return this.count
  }

  /** The row is given away and changed in place. */
  add(row: LogRow): void {
    this.makeSafe(row)
    if (this.count === this.options.maxRows) this.dropOldest()
    this.ring[(this.first + this.count) % this.options.maxRows] = wireRow(row)
    this.count++
    // Only the row that fills a batch sends: while the channel is full, the timer alone goes on trying.
    if (this.count === this.options.maxBatchRows) this.flush()
    else if (!this.armed) this.arm()
  }

  /** Sends all there is, or until it is refused. */
  flush(): void {
    while (this.count > 0 && this.sendBatch()) {}
    if (this.count > 0) this.arm()
  }

  /** Last batch out, timer off. */
  close(): void {
    this.flush()
    clearTimeout(this.timer)
  }

  private tick(): void {
    this.armed = false
    this.flush()
  }

  private arm(): void {
    if (this.armed) return
    this.armed = true
    this.timer.refresh()
  }

  private sendBatch(): boolean {
    const rows = Math.min(this.count, this.options.maxBatchRows)
    const batch = new Array<WireRow>(rows)
    for (let i = 0; i < rows; i++) batch[i] = this.ring[(this.first + i) % this.options.maxRows]!
    if (this.options.send(Buffer.from(JSON.stringify(batch)), rows, this.dropped) === false) return false
    for (let i = 0; i < rows; i++) this.ring[(this.first + i) % this.options.maxRows] = null
    this.first = (this.first + rows) % this.options.maxRows
    this.count -= rows
    this.dropped = 0
    return true
  }

  private dropOldest(): void {
    this.first = (this.first + 1) % this.options.maxRows
    this.count--
    this.dropped++
    this.droppedEver++
  }

  /** Only what peers choose; the rest are words of our own. */
  private makeSafe(row: LogRow): void {
    if (this.options.clientAddressMode !== 'full') this.hideClient(row)
    row.host = safeText(row.host, MAX_TEXT)
    row.errorDetail = safeText(row.errorDetail, MAX_DETAIL)
    if (row.kind === 'connection') {
      row.alpn = safeText(row.alpn, MAX_TEXT)
      return
    }
    row.method = safeText(row.method, MAX_TEXT)
    row.contentType = safeText(row.contentType, MAX_TEXT)
    row.path = safePath(row.path)
  }

  private hideClient(row: LogRow): void {
    if (row.kind === 'connection') row.clientPort = 0
    if (this.options.clientAddressMode === 'none') {
      row.client = ''
      return
    }
    let name = this.pseudonyms.get(row.client)
    if (name === undefined) {
      name = `~${createHmac('sha256', this.options.pseudonymKey).update(row.client).digest('hex').slice(0, 16)}`
      this.pseudonyms.set(row.client, name)
    }
    row.client = name
  }
}

function safeText(text: string, max: number): string {
  const cut = text.length > max ? text.slice(0, max) : text
  return cut.search(CONTROLS) < 0 ? cut : cut.replace(CONTROLS, '\ufffd')
}

function safePath(path: string): string {
  const cut = path.length > MAX_PATH ? path.slice(0, MAX_PATH) : path
  if (cut.search(NOT_PRINTABLE) < 0) return cut
  return cut.replace(NOT_PRINTABLE, percent).slice(0, MAX_PATH)
}

function percent(char: string): string {
  const code = char.charCodeAt(0)
  return code > 255 ? '%3F' : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
}
