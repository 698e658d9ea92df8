import { signal } from '@preact/signals'
import { type Key, t } from '../i18n/index.ts'
import { setSingleKeys, singleKeys } from '../lib/keys.ts'
import { Button } from './Button.tsx'
import { Dialog } from './Dialog.tsx'

export const keysOpen = signal(false)

const LIST: [string[], Key][] = [
  [['/'], 'keys.search'],
  [['g', 'd'], 'keys.dashboard'],
  [['g', 'l'], 'keys.live'],
  [['g', 't'], 'keys.tls'],
  [['j', 'k', '↓', '↑'], 'keys.rows'],
  [['Enter'], 'keys.open'],
  [['Esc'], 'keys.escape'],
  [['Space'], 'keys.pause'],
  [['n'], 'keys.newest'],
  [['?'], 'keys.help'],
]

export function KeysHelp() {
  if (!keysOpen.value) return null
  const close = (): void => {
    keysOpen.value = false
  }
  return (
    <Dialog label={t('keys.title')} class="modal" onClose={close}>
      <header class="modal-head">
        <h2>{t('keys.title')}</h2>
        <Button kind="quiet" icon="close" label={t('app.close')} onClick={close} />
      </header>
      <dl class="keys">
        {LIST.map(([keys, words]) => (
          <div key={words}>
            <dt>
              {keys.map(key => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(words)}</dd>
          </div>
        ))}
      </dl>
      <label class="switch">
        <input
          type="checkbox"
          checked={singleKeys.value}
          onChange={event => setSingleKeys(event.currentTarget.checked)}
        />
        {t('keys.single')}
      </label>
    </Dialog>
  )
}
