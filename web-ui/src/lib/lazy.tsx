import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Failure } from '../components/Empty.tsx'
import { t } from '../i18n/index.ts'

/** A page that is fetched when it is first opened. Failed (the gateway was away, or was updated): it can be tried again. */
export function lazy(load: () => Promise<{ default: ComponentType }>): ComponentType {
  let Loaded: ComponentType | null = null
  return function Lazy() {
    const [error, setError] = useState<unknown>(null)
    const [round, setRound] = useState(0)
    useEffect(() => {
      if (Loaded !== null) return
      load().then(
        page => {
          Loaded = page.default
          setError(null)
          setRound(n => n + 1)
        },
        failed => setError(failed),
      )
    }, [error === null, round])
    if (Loaded !== null) return <Loaded />
    if (error !== null) return <Failure error={error} retry={() => setError(null)} />
    return (
      <p class="page-wait" role="status">
        {t('app.loading')}
      </p>
    )
  }
}
