import type { TopBlocked, TopClient, TopHost } from '../../../src/admin/api.ts'
import { type Key, t } from '../i18n/index.ts'
import { bytes, integer } from '../lib/format.ts'
import { href } from '../lib/router.ts'
import { Bar } from './Bars.tsx'
import { Empty } from './Empty.tsx'

interface CardProps {
  title: Key
  columns: Key[]
  empty: Key
  rows: { key: string; q: string; name: string; bar: number; middle: string; end: string }[]
}

/** Three columns: the name (the link), a word about it, a number with its bar. */
function TopCard({ title, columns, empty, rows }: CardProps) {
  const max = Math.max(0, ...rows.map(row => row.bar))
  return (
    <section class="card top">
      <h2>{t(title)}</h2>
      {rows.length === 0 ? (
        <Empty title={t('dash.empty')}>{t(empty)}</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              {columns.map(column => (
                <th key={column} scope="col">
                  {t(column)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <tr key={row.key}>
                <td>
                  <a href={href('/live', { q: row.q })} title={row.name} translate={false}>
                    {row.name}
                  </a>
                  <Bar value={row.bar} max={max} />
                </td>
                <td class="top-middle" title={row.middle}>
                  {row.middle}
                </td>
                <td class="num">{row.end}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

export function TopHostsList({ rows }: { rows: TopHost[] }) {
  return (
    <TopCard
      title="dash.topHosts"
      columns={['dash.host', 'dash.bytes', 'dash.rows']}
      empty="dash.empty.hosts"
      rows={rows.map(row => ({
        key: row.host,
        q: row.q,
        name: row.host,
        bar: row.count,
        middle: bytes(row.bytes),
        end: integer(row.count),
      }))}
    />
  )
}

export function TopBlockedList({ rows }: { rows: TopBlocked[] }) {
  return (
    <TopCard
      title="dash.topBlocked"
      columns={['dash.host', 'dash.why', 'dash.count']}
      empty="dash.empty.blocked"
      rows={rows.map(row => ({
        key: `${row.host} ${row.rule} ${row.ruleLine} ${row.list}`,
        q: row.q,
        name: row.host,
        bar: row.count,
        middle: row.list === '' ? row.rule : `${row.rule} · ${row.list}`,
        end: integer(row.count),
      }))}
    />
  )
}

export function TopClientsList({ rows }: { rows: TopClient[] }) {
  return (
    <TopCard
      title="dash.topClients"
      columns={['dash.client', 'dash.rows', 'dash.bytes']}
      empty="dash.empty.clients"
      rows={rows.map(row => ({
        key: row.client,
        q: row.q,
        name: row.device ?? row.client,
        bar: row.bytes,
        middle: integer(row.count),
        end: bytes(row.bytes),
      }))}
    />
  )
}
