import type { DashboardProblem } from '../../../src/admin/api.ts'
import { t, tn } from '../i18n/index.ts'
import { integer } from '../lib/format.ts'
import { href } from '../lib/router.ts'
import { Icon } from './Icon.tsx'

/** What a person should look at, worst first; one quiet line when there is nothing. */
export function Problems({ problems }: { problems: DashboardProblem[] }) {
  if (problems.length === 0)
    return (
      <p class="all-well">
        <Icon name="check" />
        {t('dash.allWell')}
      </p>
    )
  const sorted = [...problems].sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
  return (
    <section class="problems" aria-label={t('dash.problems')}>
      <h2>{t('dash.problems')}</h2>
      <ul>
        {sorted.map(problem => {
          const to = linkOf(problem)
          return (
            <li key={`${problem.code} ${problem.subject}`} class={`problem-${problem.severity}`}>
              <Icon name="warning" />
              <span>{wordsOf(problem)}</span>
              {to !== '' && <a href={to}>{t('dash.problem.show')}</a>}
            </li>
          )
        })}
      </ul>
    </section>
  )
}

function linkOf({ q, tab, code }: DashboardProblem): string {
  if (q !== '') return href('/live', { q })
  if (tab === '') return ''
  return href('/tls', { tab: tab === 'certificate' ? '' : tab, show: code === 'devices-untrusting' ? 'no' : '' })
}

function wordsOf({ code, subject, count, fresh }: DashboardProblem): string {
  switch (code) {
    case 'devices-untrusting':
    case 'names-pinned':
    case 'exception-ends': {
      const words = tn(`problem.${code}`, count, { subject })
      return fresh > 0 ? `${words} ${tn('problem.fresh', fresh)}` : words
    }
    default:
      return t(`problem.${code}`, { subject, count: integer(count) })
  }
}
