import type { LearnedAnswer } from '../../../../src/admin/api.ts'
import type { HandshakeEvent, HandshakeOutcome } from '../../../../src/core/tls-policy.ts'
import { DataTable } from '../../components/DataTable.tsx'
import { When } from '../../components/When.tsx'
import { t, tn } from '../../i18n/index.ts'
import { outcomeText } from '../../lib/codes.ts'
import { exactly } from '../../lib/filter.ts'
import { href } from '../../lib/router.ts'

const AROUND_MS = 60_000

/** The handshakes that led to it, each with the way to its row. */
export function Evidence({ entry }: { entry: LearnedAnswer['entries'][number] }) {
  if (entry.evidence.length === 0) return null
  return (
    <details>
      <summary>{tn('tls.learned.evidence', entry.evidence.length)}</summary>
      <DataTable
        label={tn('tls.learned.evidence', entry.evidence.length)}
        rows={entry.evidence.map((event, i) => ({ ...event, i }))}
        keyOf={event => String(event.i)}
        columns={[
          {
            id: 'time',
            title: t('live.col.time'),
            cell: event => (
              <a href={href('/live', { q: around(event) })}>
                <When at={event.time} />
              </a>
            ),
          },
          { id: 'client', title: t('dash.client'), cell: event => <span translate={false}>{event.client}</span> },
          { id: 'host', title: t('dash.host'), cell: event => <span translate={false}>{event.host}</span> },
          { id: 'outcome', title: t('tls.said'), cell: event => outcomeText(event.outcome) },
          {
            id: 'ja4',
            title: 'JA4',
            cell: event =>
              event.ja4 === '' ? (
                <span class="muted">–</span>
              ) : (
                <a href={href('/live', { q: `ja4:${event.ja4}` })} translate={false}>
                  <code>{event.ja4}</code>
                </a>
              ),
          },
        ]}
      />
    </details>
  )
}

function around({ client, host, time }: HandshakeEvent): string {
  return `${exactly('client', client)} ${exactly('host', host)} after:${time - AROUND_MS} until:${time + AROUND_MS}`
}

/** `3× closed after our certificate, 1× …`: the most frequent first. */
export function saidText(evidence: readonly HandshakeEvent[]): string {
  const counts = new Map<HandshakeOutcome, number>()
  for (const { outcome } of evidence) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([outcome, count]) => t('tls.said.times', { count, words: outcomeText(outcome) }))
    .join(' · ')
}
