import type { ComponentChildren } from 'preact'
import type {
  ConnectionDetail,
  ExchangeDetail,
  Why as Reasoned,
  TrafficDetail,
  TrafficRow,
} from '../../../src/admin/api.ts'
import { type Key, t, tn } from '../i18n/index.ts'
import { failureText, reasonText } from '../lib/codes.ts'
import { href } from '../lib/router.ts'
import { outcome } from '../lib/rows.ts'
import { Icon } from './Icon.tsx'
import { tlsParts } from './WhyTls.tsx'

type StepName = 'who' | 'tls' | 'rule' | 'cache' | 'origin'

interface Step {
  name: StepName
  text: ComponentChildren[]
}

const TITLE: Record<string, Key> = {
  blocked: 'drawer.why.blocked',
  failed: 'drawer.why.failed',
  names: 'drawer.why.notOpened',
  passed: 'drawer.why.notOpened',
  inspected: 'drawer.why.other',
}

/** The one step that made the row what it is. */
function decisive(row: TrafficRow): StepName {
  const what = outcome(row)
  if (what === 'blocked') return 'rule'
  if (what === 'names' || what === 'passed') return 'tls'
  if (what === 'failed') return failedAt(row.error)
  return row.cache === 'hit' || row.cache === 'revalidated' ? 'cache' : 'origin'
}

function failedAt(error: string): StepName {
  if (error.startsWith('client-tls')) return 'tls'
  return error.startsWith('client') || error === 'idle-timeout' ? 'who' : 'origin'
}

function ruleText(row: TrafficRow, why: Reasoned | null): string {
  const reason = why ? reasonText(why) : ''
  // It came to no decision: what failed says why.
  if (row.verdict === 'fail' && why?.code === 'error') return reason
  return t(row.verdict === 'block' ? 'drawer.rule.block' : 'drawer.rule.allow', { reason })
}

function originText(row: TrafficRow, exchange: ExchangeDetail | null, connection: ConnectionDetail | null): string {
  if (exchange) {
    if (exchange.upstream === '') return t('drawer.origin.none')
    const http = httpVersion(exchange.originHttpVersion)
    const at = t('drawer.origin.at', { upstream: exchange.upstream, http })
    return exchange.upstreamReused ? `${at}, ${t('drawer.origin.reused')}` : at
  }
  const dst = connection ? `${connection.dst}:${connection.dstPort}` : row.host
  return t(row.verdict === 'allow' ? 'drawer.origin.spliced' : 'drawer.origin.to', { dst })
}

export function httpVersion(version: number): string {
  return version === 20 ? 'HTTP/2' : version === 0 ? '–' : `HTTP/${(version / 10).toFixed(1)}`
}

function cacheText(row: TrafficRow, exchange: ExchangeDetail | null): string {
  if (!exchange) return t('drawer.cache.unseen')
  const words = t(`drawer.cache.${row.cache}`)
  return exchange.cacheReason === '' ? words : `${words} (${exchange.cacheReason})`
}

function stepsOf(row: TrafficRow, { exchange, connection }: TrafficDetail): Step[] {
  const detail = exchange ?? connection
  const who = [t('drawer.who.text', { client: row.device ?? row.client, connection: detail?.connection ?? '' })]
  if (connection) {
    who.push(t('drawer.who.port', { port: connection.clientPort }))
    if (connection.exchanges > 0) who.push(tn('drawer.exchanges', connection.exchanges))
  }
  const why = detail?.why ?? null
  const steps: Step[] = [
    { name: 'who', text: [who.join(', ')] },
    { name: 'tls', text: tlsParts(row, { exchange, connection }) },
    { name: 'rule', text: [ruleText(row, why)] },
    { name: 'cache', text: [cacheText(row, exchange)] },
    { name: 'origin', text: [originText(row, exchange, connection)] },
  ]
  if (row.error !== '' && row.verdict === 'fail') {
    const failed = steps.find(step => step.name === decisive(row))!
    failed.text.push(<Failed code={row.error} />)
    if (detail?.errorDetail) failed.text.push(<code>{detail.errorDetail}</code>)
  }
  return steps
}

/** In words, and with the code by which the log knows it. */
function Failed({ code }: { code: Exclude<TrafficRow['error'], ''> }) {
  return (
    <>
      <strong>{failureText(code)}</strong>{' '}
      <a href={href('/live', { q: `error:=${code}` })} translate={false}>
        <code>{code}</code>
      </a>
    </>
  )
}

/** Five steps from the client to the origin, the decisive one marked: the page people come here for. */
export function Why({ row, detail }: { row: TrafficRow; detail: TrafficDetail }) {
  const key = decisive(row)
  return (
    <section class="why">
      <h3>{t(TITLE[outcome(row)]!)}</h3>
      <ol>
        {stepsOf(row, detail).map(step => (
          <li key={step.name} class={step.name === key ? `decisive decisive-${outcome(row)}` : ''}>
            <span class="why-name">{t(`drawer.${step.name}`)}</span>
            <div class="why-text">
              {step.text.map((part, i) => (
                <p key={i}>{part}</p>
              ))}
              {step.name === key && (
                <span class="sr-only">
                  <Icon name="check" /> {t('drawer.decisive')}
                </span>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}
