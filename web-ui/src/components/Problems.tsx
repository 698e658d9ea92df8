import type { SummaryProblem } from '../../../src/admin/api.ts'
import { type Key, t } from '../i18n/index.ts'
import { integer } from '../lib/format.ts'
import { href } from '../lib/router.ts'
import { Icon } from './Icon.tsx'

/** What a person should look at, worst first; one quiet line when there is nothing. */
export function Problems({ problems }: { problems: SummaryProblem[] }) {
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
          const key: Key = `problem.${problem.code}`
          return (
            <li key={`${problem.code} ${problem.subject}`} class={`problem-${problem.severity}`}>
              <Icon name="warning" />
              <span>{t(key, { subject: problem.subject, count: integer(problem.count) })}</span>
              {problem.q !== '' && <a href={href('/live', { q: problem.q })}>{t('dash.problem.show')}</a>}
            </li>
          )
        })}
      </ul>
    </section>
  )
}
