import type net from 'node:net'
import type { ExecutionContext } from 'ava'
import { type Rig, rig } from '../../pipeline/rig.ts'
import { get, headersFrame, RawClient } from './frames.ts'

export interface World {
  raw: RawClient
  rig: Rig
  /** All bytes the origin has got. */
  seen(): string
  /** Another client's request on a connection of its own: the status line's frame came. */
  bystander(): Promise<boolean>
}

export async function world(t: ExecutionContext, preface?: Buffer): Promise<World> {
  const got: Buffer[] = []
  const under = await rig(t, socket => answerAll(socket, got))
  const raw = new RawClient(await under.connect(), preface)
  return {
    raw,
    rig: under,
    seen: () => Buffer.concat(got).toString('latin1'),
    async bystander() {
      const other = new RawClient(await under.connect())
      other.socket.write(headersFrame(1, get('/bystander'), true))
      await other.over(1)
      other.socket.destroy()
      return other.heard.ends.includes(1)
    },
  }
}

/** Answers each GET and nothing else. */
function answerAll(socket: net.Socket, got: Buffer[]): void {
  socket.on('data', (chunk: Buffer) => {
    got.push(chunk)
    if (chunk.includes('GET ')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
}
