import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { wireRow } from '../../../src/core/log-batch.ts'
import type { ConnectionRow, ExchangeRow, LogRow } from '../../../src/core/log-event.ts'

/** Rows as a worker would send them, for tests of everything behind the log. */
export function exchangeRow(part: Partial<ExchangeRow> = {}): ExchangeRow {
  return {
    kind: 'exchange',
    time: Date.now(),
    conn: 'w1-1',
    client: '10.77.1.10',
    dst: '192.0.2.1',
    host: 'www.example.org',
    port: 443,
    scheme: 'https',
    method: 'GET',
    path: '/index.html?a=1',
    status: 200,
    httpVersion: 20,
    originHttpVersion: 11,
    contentType: 'text/html',
    bytesUp: 100,
    bytesDown: 1000,
    tier: 'inspect',
    verdict: 'allow',
    reason: 'default',
    rule: '',
    ruleLine: 0,
    list: '',
    listLine: 0,
    cache: 'miss',
    cacheReason: '',
    durationMs: 20,
    connectMs: 5,
    waitMs: 10,
    bodyMs: 5,
    clientTls: 'TLSv1.3',
    originTls: 'TLSv1.3',
    upstream: '192.0.2.1:443',
    upstreamReused: 0,
    exception: '',
    revocation: '',
    error: '',
    errorDetail: '',
    ...part,
  }
}

export function connectionRow(part: Partial<ConnectionRow> = {}): ConnectionRow {
  return {
    kind: 'connection',
    time: Date.now(),
    conn: 'w1-1',
    client: '10.77.1.10',
    clientPort: 50000,
    dst: '192.0.2.1',
    dstPort: 443,
    host: 'bank.example',
    protocol: 'tls',
    alpn: 'h2',
    tier: 'names',
    verdict: 'allow',
    reason: 'default',
    rule: '',
    ruleLine: 0,
    list: '',
    listLine: 0,
    tierReason: 'rule',
    tierRule: 'Banks',
    tierRuleLine: 7,
    bytesUp: 500,
    bytesDown: 5000,
    durationMs: 900,
    exchanges: 0,
    clientTls: '',
    originTls: '',
    ja3: '',
    ja4: '',
    ech: 0,
    handshake: '',
    exception: '',
    error: '',
    errorDetail: '',
    ...part,
  }
}

export function batchOf(...rows: LogRow[]): Buffer {
  return Buffer.from(JSON.stringify(rows.map(wireRow)))
}

export function tempDir(): { dir: string; remove(): void } {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-store-'))
  return { dir, remove: () => fs.rmSync(dir, { recursive: true, force: true }) }
}

/** Keeps what was said, by level. */
export function memoryLog(): { lines: string[]; info(m: string): void; warn(m: string): void; error(m: string): void } {
  const lines: string[] = []
  return {
    lines,
    info: m => void lines.push(`info ${m}`),
    warn: m => void lines.push(`warn ${m}`),
    error: m => void lines.push(`error ${m}`),
  }
}

export async function until(condition: () => boolean, ms = 8000): Promise<void> {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error('what was waited for did not happen')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
