import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Step } from './case.ts'

/** What @NAMES in bytes stand for. */
export interface Names {
  readonly ID: string
  readonly HOST: string
  readonly SCHEME: 'http' | 'https'
  readonly PORT: number
}

const DRIP_MS = 2

const fill = (text: string, names: Names): string =>
  text.replace(/@(ID|HOST_CAPS|HOST|SCHEME_CAPS|SCHEME|PORT)/g, (_all, name: string) => {
    const value = String(names[name.replace('_CAPS', '') as keyof Names])
    return name.endsWith('_CAPS') ? value.toUpperCase() : value
  })

/** Sends step by step, for as long as the socket takes it. `raw`: what is below `socket` if that is TLS, which cannot reset. */
export async function play(socket: Socket, steps: readonly Step[], names: Names, raw = socket): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return
    if (typeof step === 'number') await sleep(step)
    else if (step === 'FIN') socket.end()
    else if (step === 'RST') raw.resetAndDestroy()
    else if (typeof step === 'object') await drip(socket, fill(step.drip, names))
    else if (socket.writable) socket.write(fill(step, names), 'latin1')
  }
}

async function drip(socket: Socket, text: string): Promise<void> {
  for (const byte of text) {
    if (!socket.writable) return
    socket.write(byte, 'latin1')
    await sleep(DRIP_MS)
  }
}
