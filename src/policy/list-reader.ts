import fs from 'node:fs'
import path from 'node:path'
import { LIMITS } from './schema.ts'

/**
 * Reads the list files a document names, relative to `baseDir` and nowhere outside it: a document can come in over the
 * API, and must not be a way to look at other files of the box through a process that may read them all.
 */
export function listReader(baseDir: string): (file: string) => string {
  return file => {
    const base = fs.realpathSync(baseDir)
    const real = fs.realpathSync(path.resolve(base, file))
    if (!real.startsWith(base.endsWith(path.sep) ? base : base + path.sep)) {
      throw new Error(`${file} lies outside ${baseDir}; put the list there.`)
    }
    // Non-blocking, or a named pipe would stop the process until somebody writes into it
    const fd = fs.openSync(real, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    try {
      const stat = fs.fstatSync(fd)
      if (!stat.isFile()) throw new Error(`${file} is no file.`)
      if (stat.size > LIMITS.listChars) throw new Error(`${file} is larger than 256 MiB.`)
      // latin1 would be smaller, but internationalised names are written in UTF-8
      return fs.readFileSync(fd, 'utf8')
    } finally {
      fs.closeSync(fd)
    }
  }
}
