import { useEffect, useRef, useState } from 'preact/hooks'
import { isAbort } from './api.ts'

export interface Loaded<T> {
  data: T | null
  /** When `data` was fresh, milliseconds since the epoch. */
  at: number
  error: unknown
  reload: () => void
}

/** After a failure, however seldom it is asked otherwise: a box that is back should not look dead for a minute. */
const RETRY_MS = 3000

/**
 * Asks again each `everyMs` while the page is seen (0: once), and at once when `key` changes. A failed call keeps the
 * old data, so that the page can show it greyed with its age.
 */
export function useLoad<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, everyMs: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; data: T | null; at: number; error: unknown }>({
    key,
    data: null,
    at: 0,
    error: null,
  })
  const [round, setRound] = useState(0)
  const latest = useRef(ask)
  latest.current = ask

  useEffect(() => {
    const abort = new AbortController()
    let timer = 0
    const run = async (): Promise<void> => {
      clearTimeout(timer)
      let wait = everyMs
      try {
        const data = await latest.current(abort.signal)
        if (!abort.signal.aborted) setState({ key, data, at: Date.now(), error: null })
      } catch (error) {
        if (isAbort(error) || abort.signal.aborted) return
        setState(old => ({ ...old, error }))
        wait = Math.min(everyMs, RETRY_MS)
      }
      if (everyMs > 0) timer = window.setTimeout(() => document.hidden || void run(), wait)
    }
    const onVisible = (): void => {
      if (!document.hidden && everyMs > 0) void run()
    }
    document.addEventListener('visibilitychange', onVisible)
    void run()
    return () => {
      document.removeEventListener('visibilitychange', onVisible)
      clearTimeout(timer)
      abort.abort()
    }
  }, [key, round])

  return { ...state, reload: () => setRound(n => n + 1) }
}
