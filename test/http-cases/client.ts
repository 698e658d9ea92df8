import type { Socket } from 'node:net'
import type { Case } from './case.ts'
import { type Names, play } from './play.ts'

export interface ClientView {
  client: string
  clientEnd: 'open' | 'closed' | 'reset'
}

/** Nothing more is to come after so long a silence. */
const QUIET_MS = 800
/** The first byte may take that long. */
const FIRST_MS = 3000
const MOST_MS = 12_000

/** Sends a case over a connected socket and says what came back. `raw`: what is below `socket` if that is TLS. */
export async function ask(socket: Socket, trial: Case, names: Names, raw = socket): Promise<ClientView> {
  const view: ClientView = { client: '', clientEnd: 'open' }
  raw.setNoDelay(true)
  const over = watch(socket, view)
  const sent = play(socket, trial.send, names, raw).then(over.touch)
  await Promise.race([over.closed, Promise.all([sent, over.quiet])])
  over.stop()
  const seen = { ...view }
  socket.destroy()
  raw.destroy()
  return seen
}

interface Watch {
  readonly closed: Promise<void>
  readonly quiet: Promise<void>
  /** The silence begins anew. */
  touch(): void
  stop(): void
}

function watch(socket: Socket, view: ClientView): Watch {
  const start = performance.now()
  let last = start
  const chunks: Buffer[] = []
  let timer: NodeJS.Timeout | undefined
  const closed = new Promise<void>(resolve => {
    const ended = (how: 'closed' | 'reset') => {
      if (view.clientEnd !== 'open') return
      view.clientEnd = how
      resolve()
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      touch()
    })
    socket.on('end', () => ended('closed'))
    socket.on('error', () => ended('reset'))
    socket.on('close', () => ended('reset'))
  })
  const quiet = new Promise<void>(resolve => {
    timer = setInterval(() => {
      const now = performance.now()
      if (now - last > (chunks.length === 0 ? FIRST_MS : QUIET_MS) || now - start > MOST_MS) resolve()
    }, 50)
  })
  const touch = () => {
    last = performance.now()
  }
  const stop = () => {
    clearInterval(timer)
    view.client = Buffer.concat(chunks).toString('latin1')
  }
  return { closed, quiet, stop, touch }
}
