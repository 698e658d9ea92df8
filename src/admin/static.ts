import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib'

interface StaticFile {
  type: string
  etag: string
  /** Named by its content: may be kept for ever. */
  hashed: boolean
  plain: Buffer<ArrayBuffer>
  gzip: Buffer<ArrayBuffer> | null
  br: Buffer<ArrayBuffer> | null
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
const COMPRESSED = /^(text|image\/svg|application)/
const MIN_COMPRESS = 1024
const MAX_FILES = 500

/** The built UI, read once: the process gives up the rights to read it later, and no request ever names a file on disk. */
export class StaticFiles {
  /** Changes with the UI. */
  readonly build: string
  private readonly files = new Map<string, StaticFile>()

  /** A folder that is not there: the API works, and `/` says what is missing. */
  constructor(dir: string) {
    if (fs.existsSync(dir)) this.load(dir, '/')
    this.build = this.files.get('/index.html')?.etag.slice(1, 13) ?? 'none'
  }

  answer(request: Request): Response {
    const { pathname } = new URL(request.url)
    const file = this.files.get(pathname === '/' ? '/index.html' : pathname) ?? this.page(pathname)
    if (file === null) return new Response('Not found.\n', { status: 404, headers: { 'Content-Type': 'text/plain' } })
    const encoding = bestEncoding(file, request.headers.get('accept-encoding') ?? '')
    // Each encoding is another representation: a strong tag must differ (RFC 9110 §8.8.3).
    const etag = encoding === 'plain' ? file.etag : `${file.etag.slice(0, -1)}-${encoding}"`
    const headers = new Headers({
      'Content-Type': file.type,
      'Cache-Control': file.hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      ETag: etag,
      Vary: 'Accept-Encoding',
    })
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
    if (encoding !== 'plain') headers.set('Content-Encoding', encoding)
    return new Response(file[encoding], { headers })
  }

  /** Addresses of the UI's own router (`/live`) get the page; a missing file with an extension does not. */
  private page(pathname: string): StaticFile | null {
    if (path.posix.extname(pathname) !== '') return null
    return this.files.get('/index.html') ?? NOT_BUILT
  }

  private load(dir: string, prefix: string): void {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      const file = path.join(dir, entry.name)
      if (entry.isDirectory()) this.load(file, `${prefix}${entry.name}/`)
      else if (entry.isFile() && this.files.size < MAX_FILES) {
        this.files.set(prefix + entry.name, makeFile(prefix + entry.name, fs.readFileSync(file)))
      }
    }
  }
}

function makeFile(name: string, plain: Buffer<ArrayBuffer>): StaticFile {
  const type = TYPES[path.posix.extname(name)] ?? 'application/octet-stream'
  const compress = COMPRESSED.test(type) && plain.length >= MIN_COMPRESS
  return {
    type,
    etag: `"${createHash('sha256').update(plain).digest('hex').slice(0, 32)}"`,
    hashed: name.startsWith('/assets/') && /-[\w-]{8}\.\w+$/.test(name),
    plain,
    gzip: compress ? gzipSync(plain, { level: 9 }) : null,
    br: compress ? brotliCompressSync(plain, { params: { [zlib.BROTLI_PARAM_QUALITY]: 9 } }) : null,
  }
}

function bestEncoding(file: StaticFile, accepted: string): 'br' | 'gzip' | 'plain' {
  if (file.br !== null && /\bbr\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted)) return 'br'
  if (file.gzip !== null && /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted)) return 'gzip'
  return 'plain'
}

const NOT_BUILT = makeFile(
  '/index.html',
  Buffer.from('<!doctype html><title>Weir</title><p>The admin UI is not built. Run <code>npm run setup</code>.\n'),
)
