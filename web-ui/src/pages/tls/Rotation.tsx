import { useState } from 'preact/hooks'
import type { CaAnswer, CaRotate, TrustAnswer } from '../../../../src/admin/api.ts'
import { Button } from '../../components/Button.tsx'
import { Dialog } from '../../components/Dialog.tsx'
import { Field } from '../../components/Field.tsx'
import { Icon } from '../../components/Icon.tsx'
import { type Key, t, tn } from '../../i18n/index.ts'
import { get, post } from '../../lib/api.ts'
import { callText } from '../../lib/codes.ts'
import { day, fingerprint } from '../../lib/format.ts'
import { useLoad } from '../../lib/load.ts'
import { toast } from '../../lib/toast.ts'
import { CaFacts, Downloads } from './Certificate.tsx'

type Step = CaRotate['step']

/** From one CA to the next in two steps with as much time between them as the devices need. */
export function Rotation({ ca, reload }: { ca: CaAnswer; reload: () => void }) {
  const [asking, setAsking] = useState<Step | null>(null)
  return (
    <section class="card rotation" aria-labelledby="rotation">
      <h2 id="rotation">{t('ca.rotation')}</h2>
      <ol class="rotation-steps">
        {(['prepare', 'wait', 'finish'] as const).map((step, i) => (
          <li key={step} class={(ca.next === null ? 0 : 1) === i ? 'now' : ''}>
            {t(`ca.rotation.${step}`)}
          </li>
        ))}
      </ol>
      {ca.next === null ? (
        <Button onClick={() => setAsking('prepare')}>{t('ca.rotate.prepare')}…</Button>
      ) : (
        <>
          <p class="rotation-now">
            <Icon name="clock" />
            {t('ca.rotation.underWay', { name: ca.subject })}
          </p>
          <div class="ca-facts">
            <CaFacts ca={ca.next} />
            <Downloads files={ca.next.downloads} />
          </div>
          <div class="actions">
            <Button kind="primary" onClick={() => setAsking('finish')}>
              {t('ca.rotate.finish')}…
            </Button>
            <Button onClick={() => setAsking('cancel')}>{t('ca.rotate.cancel')}…</Button>
          </div>
        </>
      )}
      {ca.previous.length > 0 && (
        <>
          <h3>{t('ca.previous')}</h3>
          <ul class="ca-previous">
            {ca.previous.map(old => (
              <li key={old.sha256}>
                <b translate={false}>{old.subject}</b>{' '}
                {t('ca.validText', { from: day(old.notBefore), to: day(old.notAfter) })}
                <code translate={false}>{fingerprint(old.sha256)}</code>
              </li>
            ))}
          </ul>
        </>
      )}
      {asking !== null && (
        <Confirm
          step={asking}
          ca={ca}
          onClose={() => setAsking(null)}
          onDone={() => {
            toast('info', t(`ca.rotated.${asking}`))
            setAsking(null)
            reload()
          }}
        />
      )}
    </section>
  )
}

/** The deed is on the button, with how many it concerns; the name is typed, so that no stray click does it. */
function Confirm({ step, ca, onClose, onDone }: { step: Step; ca: CaAnswer; onClose: () => void; onDone: () => void }) {
  const { data } = useLoad('trust', signal => get<TrustAnswer>('/tls/trust', signal), 0)
  const [confirm, setConfirm] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const title: Key = `ca.rotate.${step}`
  const concerned = data?.devices.filter(device => device.trusts === true).length ?? 0
  const submit = async (): Promise<void> => {
    setBusy(true)
    try {
      await post<CaAnswer>('/ca/rotate', { step, confirm } satisfies CaRotate)
      onDone()
    } catch (failed) {
      setError(failed)
      setBusy(false)
    }
  }
  return (
    <Dialog label={t(title)} class="modal" onClose={onClose}>
      <form
        class="form"
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <header class="modal-head">
          <h2>{t(title)}</h2>
          <Button kind="quiet" icon="close" label={t('app.close')} onClick={onClose} />
        </header>
        <p>{t(`ca.rotate.${step}.what`)}</p>
        {error !== null && (
          <p class="form-error" role="alert">
            {callText(error)}
          </p>
        )}
        <Field
          label={t('ca.rotate.type', { name: ca.subject })}
          autocomplete="off"
          value={confirm}
          onValue={setConfirm}
          focused
        />
        <Button kind="primary" type="submit" disabled={busy || confirm.trim() !== ca.subject}>
          {step === 'cancel' ? t('ca.rotate.cancel.do') : tn(`ca.rotate.${step}.do`, concerned)}
        </Button>
      </form>
    </Dialog>
  )
}
