import { useState } from 'preact/hooks'
import type { LearnedAnswer, LearnedDo } from '../../../../src/admin/api.ts'
import { Button } from '../../components/Button.tsx'
import { Empty, Failure } from '../../components/Empty.tsx'
import { Icon } from '../../components/Icon.tsx'
import { LogLink } from '../../components/LogLink.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { When } from '../../components/When.tsx'
import { t } from '../../i18n/index.ts'
import { get, post } from '../../lib/api.ts'
import { callText } from '../../lib/codes.ts'
import { integer } from '../../lib/format.ts'
import { useLoad } from '../../lib/load.ts'
import { go, href, place } from '../../lib/router.ts'
import { toast } from '../../lib/toast.ts'
import { Evidence, saidText } from './Evidence.tsx'
import { RuleDialog } from './RuleDialog.tsx'

type Entry = LearnedAnswer['entries'][number]
const REFRESH_MS = 15_000
/** From here on a search is worth its place. */
const MANY = 8

/** What Weir concluded from broken handshakes by itself: shown with the evidence, and each can be taken back. */
export function Learned() {
  const find = place.value.params.get('find') ?? ''
  const { data, error, reload } = useLoad(
    find,
    signal => get<LearnedAnswer>(`/tls/learned?q=${encodeURIComponent(find)}`, signal),
    REFRESH_MS,
  )
  const [rule, setRule] = useState<Entry | null>(null)
  const change = async (id: string, what: LearnedDo['do'], back: LearnedDo['do'] | null): Promise<void> => {
    try {
      await post(`/tls/learned/${encodeURIComponent(id)}`, { do: what } satisfies LearnedDo)
      const undo = back && { label: t('tls.learned.takeBack'), run: () => void change(id, back, null) }
      toast('info', t(`tls.learned.done.${what}`), undo)
      reload()
    } catch (failed) {
      toast('error', callText(failed))
    }
  }
  const entries = data?.entries ?? []
  return (
    <section class="card" aria-labelledby="learned">
      <div class="card-head">
        <h2 id="learned">{t('tls.tab.learned')}</h2>
        {entries.length > 0 && (
          <a class="btn btn-plain learned-export" href="/api/v1/tls/learned/export" download="weir-learned.yaml">
            <Icon name="download" />
            {t('tls.learned.export')}
          </a>
        )}
      </div>
      <p class="card-intro">{t('tls.learned.intro')}</p>
      {error !== null && <Failure error={error} retry={reload} />}
      {data && (find !== '' || data.total > MANY) && (
        <SearchField
          label={t('tls.learned.search')}
          value={find}
          onValue={value => go(href('/tls', { tab: 'learned', find: value }), true)}
          count={t('live.shown', { shown: integer(entries.length), total: integer(data.total) })}
        />
      )}
      {data && entries.length === 0 && find === '' && (
        <Empty icon="check" title={t('tls.learned.empty')}>
          {t('tls.learned.empty.how')}
        </Empty>
      )}
      <ul class="learned">
        {entries.map(entry => (
          <Item
            key={entry.id}
            entry={entry}
            onDo={(what, back) => void change(entry.id, what, back)}
            onRule={() => setRule(entry)}
          />
        ))}
      </ul>
      {rule && <RuleDialog entry={rule} onClose={() => setRule(null)} />}
    </section>
  )
}

interface ItemProps {
  entry: Entry
  onDo: (what: LearnedDo['do'], back: LearnedDo['do'] | null) => void
  onRule: () => void
}

function Item({ entry, onDo, onRule }: ItemProps) {
  const active = entry.state === 'active'
  const what = entry.host === '' ? entry.client : entry.host
  return (
    <li class={active ? '' : 'dismissed'} aria-label={what}>
      <div class="learned-head">
        <h3 translate={false}>{what}</h3>
        <span class={`chip chip-${active ? 'names' : 'passed'}`}>
          {t(active ? `learned.${entry.kind}` : 'tls.learned.dismissed')}
        </span>
        {entry.host !== '' && (
          <span class="muted">
            {entry.client === '' ? t('tls.learned.everybody') : t('tls.learned.for', { client: entry.client })}
          </span>
        )}
      </div>
      <p class="learned-said">{saidText(entry.evidence)}</p>
      <dl class="learned-facts">
        {entry.kind !== 'client-cert' && (
          <div>
            <dt>{t('tls.refused')}</dt>
            <dd>
              <LogLink use={entry.refused} />
            </dd>
          </div>
        )}
        <div>
          <dt>{t('tls.devicesCount')}</dt>
          <dd>{integer(Math.max(entry.devices, entry.refusedDevices))}</dd>
        </div>
        <div>
          <dt>{t('tls.firstSeen')}</dt>
          <dd>
            <When at={entry.since} />
          </dd>
        </div>
        {active && (
          <>
            <div>
              <dt>{t('tls.until')}</dt>
              <dd>
                <When at={entry.until} />
              </dd>
            </div>
            <div>
              <dt>{t('tls.retest')}</dt>
              <dd>
                <When at={entry.retestAt} />
              </dd>
            </div>
          </>
        )}
      </dl>
      <Evidence entry={entry} />
      <div class="actions">
        {active ? (
          <Button onClick={() => onDo('dismiss', 'restore')}>{t('tls.learned.dismiss')}</Button>
        ) : (
          <Button onClick={() => onDo('restore', 'dismiss')}>{t('tls.learned.restore')}</Button>
        )}
        <Button onClick={onRule}>{t(entry.host === '' ? 'tls.learned.ruleDevice' : 'tls.learned.ruleAll')}</Button>
        <Button kind="quiet" onClick={() => onDo('remove', null)}>
          {t('tls.learned.remove')}
        </Button>
      </div>
    </li>
  )
}
