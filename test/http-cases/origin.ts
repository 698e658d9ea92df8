import type { Socket } from 'node:net'
import type { Case } from './case.ts'
import type { SeenRequest } from './judge.ts'
import { readMessage } from './messages.ts'
import { type Names, play } from './play.ts'

/** What the origin knows of one case. */
export interface OriginView {
  readonly requests: SeenRequest[]
  stray: string
  /** Connections it came by. */
  connections: number
  /** Of these, ended by the gateway or by the case itself. */
  ended: number
}

/** The origin of all cases at once: a request's X-Case says which it is. Ids are `LANE-INDEX`. */
export class CaseOrigin {
  readonly views = new Map<string, OriginView>()
  readonly #cases: readonly Case[]

  constructor(cases: readonly Case[]) {
    this.#cases = cases
  }

  /** `raw`: what is below `socket` if that is TLS. */
  accept(socket: Socket, raw = socket): void {
    new OriginConnection(this, socket, raw)
  }

  view(id: string): OriginView {
    let view = this.views.get(id)
    if (view === undefined) this.views.set(id, (view = { requests: [], stray: '', connections: 0, ended: 0 }))
    return view
  }

  find(id: string): Case | undefined {
    return this.#cases[Number(id.split('-').at(-1))]
  }
}

class OriginConnection {
  readonly #origin: CaseOrigin
  readonly #socket: Socket
  readonly #raw: Socket
  #text = ''
  /** Cases it has carried, the present one last. */
  readonly #ids: string[] = []
  /** Noted of the request that is being received. */
  #open: { index: number; view: OriginView } | null = null
  #answering: Promise<void> = Promise.resolve()
  #over = false

  constructor(origin: CaseOrigin, socket: Socket, raw: Socket) {
    this.#origin = origin
    this.#socket = socket
    this.#raw = raw
    socket.on('data', chunk => {
      this.#text += chunk.toString('latin1')
      this.#read()
    })
    socket.on('error', () => {})
    socket.on('end', () => {
      this.#end()
      void this.#answering.then(() => socket.end())
    })
    socket.on('close', () => this.#end())
  }

  #read(): void {
    while (this.#text !== '') {
      const message = readMessage(this.#text, 0, '', false)
      if (message === null || !/^\S+ \S+ HTTP\/1\.1\r\n/.test(message.head)) break
      const view = this.#enter(/^x-case: *(\S+)\r$/im.exec(message.head)?.[1])
      if (view === null) break
      const { head, body, trailers, complete } = message
      const isNew = this.#open === null
      this.#open ??= { index: view.requests.length, view }
      view.requests[this.#open.index] = { head, body, trailers, complete }
      const id = this.#ids.at(-1)!
      const trial = this.#origin.find(id)
      if (trial !== undefined && (trial.early ? isNew : complete)) this.#answer(trial, id, this.#open.index)
      if (!complete) return
      this.#text = this.#text.slice(message.end)
      this.#open = null
    }
  }

  /** null: no case, and none before it on this connection. */
  #enter(named: string | undefined): OriginView | null {
    const id = named ?? this.#ids.at(-1)
    if (id === undefined) return null
    if (this.#ids.at(-1) !== id) {
      this.#ids.push(id)
      this.#origin.view(id).connections++
    }
    return this.#origin.view(id)
  }

  #answer(trial: Case, id: string, index: number): void {
    const steps = trial.answers[Math.min(index, trial.answers.length - 1)]!
    const names: Names = { ID: id, HOST: '', SCHEME: 'http', PORT: 0 }
    this.#answering = this.#answering.then(() => play(this.#socket, steps, names, this.#raw))
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    for (const id of this.#ids) this.#origin.view(id).ended++
    const last = this.#ids.at(-1)
    if (last !== undefined && this.#open === null) this.#origin.view(last).stray += this.#text
  }
}
