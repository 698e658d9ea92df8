import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import Database from 'better-sqlite3'
import { startStore } from '../../../src/store/store.ts'
import { batchOf, exchangeRow, memoryLog, tempDir, until } from './rows.ts'

/** A disk of four megabytes; null where this user may not mount one. */
function smallDisk(): { dir: string; remove(): void } | null {
  const { dir, remove } = tempDir()
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'weir-test', dir]).status === 0
  if (!mounted) {
    remove()
    return null
  }
  return {
    dir,
    remove: () => {
      spawnSync('umount', ['-l', dir])
      remove()
    },
  }
}

const disk = smallDisk()
const onDisk = disk === null ? test.skip : test.serial
test.after.always(() => disk?.remove())

onDisk(
  'a full disk: the error shows, the process lives, and every accepted row is there once there is room',
  async t => {
    const file = path.join(disk!.dir, 'traffic.db')
    const log = memoryLog()
    const store = startStore({ file, retentionDays: 0, maxBytes: 0, log })
    store.write(batchOf(exchangeRow()), 1, 0)
    await until(() => store.status().rowsStored === 1)
    const ballast = path.join(disk!.dir, 'ballast')
    const fd = fs.openSync(ballast, 'w')
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(4096))
    } catch (error) {
      t.is((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
    fs.closeSync(fd)
    const rows = Array.from({ length: 50 }, (_, i) => exchangeRow({ path: `/${'z'.repeat(1000)}${i}` }))
    for (let batch = 0; batch < 10; batch++) store.write(batchOf(...rows), rows.length, 0)
    await until(() => store.status().error !== '')
    t.regex(store.status().error, /disk is full/)
    t.is(store.status().rowsStored + store.status().queued, 501)
    fs.rmSync(ballast)
    await until(() => store.status().rowsStored === 501)
    t.like(store.status(), { error: '', queued: 0, rowsDropped: 0 })
    await store.stop()
    const db = new Database(file, { readonly: true })
    t.is(db.prepare('SELECT count(*) FROM exchanges').pluck().get(), 501)
    t.is(db.pragma('integrity_check', { simple: true }), 'ok')
    db.close()
    t.true(log.lines.some(line => line.startsWith('info') && line.includes('can be written again')))
  },
)

onDisk('a full disk at the start: the store waits for room', async t => {
  const dir = path.join(disk!.dir, 'second')
  fs.mkdirSync(dir)
  const ballast = path.join(disk!.dir, 'ballast')
  const fd = fs.openSync(ballast, 'w')
  try {
    for (;;) fs.writeSync(fd, Buffer.alloc(4096))
  } catch {}
  fs.closeSync(fd)
  const store = startStore({ file: path.join(dir, 'traffic.db'), retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  store.write(batchOf(exchangeRow()), 1, 0)
  await until(() => store.status().error !== '')
  fs.rmSync(ballast)
  await until(() => store.status().rowsStored === 1)
  t.is(store.status().error, '')
  await store.stop()
})
