import type { ComponentChildren } from 'preact'
import type { ConnectionDetail, TrafficDetail, TrafficRow } from '../../../src/admin/api.ts'
import { t } from '../i18n/index.ts'
import { exceptionText, outcomeText, reasonText, revocationText } from '../lib/codes.ts'
import { exactly } from '../lib/filter.ts'
import { href } from '../lib/router.ts'
import { Icon } from './Icon.tsx'

/** All that is known of TLS on both sides of a row: one paragraph a subject. */
export function tlsParts(row: TrafficRow, { exchange, connection }: TrafficDetail): ComponentChildren[] {
  const reason = connection ? reasonText(connection.tierWhy) : ''
  if (row.scheme === 'http') return [t('drawer.tls.plain')]
  if (connection && connection.protocol !== 'tls' && row.kind === 'connection' && connection.protocol !== '')
    return [`${t('drawer.tls.other', { protocol: connection.protocol })} ${reason}`]
  const { clientTls = '', originTls = '' } = exchange ?? connection ?? {}
  const parts: ComponentChildren[] = [t(`drawer.tls.${row.tier}`, { reason })]
  const client = [
    clientTls === '' ? '' : t('drawer.tls.client', { version: clientTls }),
    connection === null || connection.handshake === ''
      ? ''
      : t('drawer.tls.handshake', { outcome: outcomeText(connection.handshake) }),
  ]
  const origin = [
    originTls === '' ? '' : t('drawer.tls.origin', { version: originTls }),
    exchange === null || exchange.revocation === '' ? '' : revocationText(exchange.revocation),
  ]
  for (const sentences of [client, origin]) {
    const text = sentences.filter(Boolean).join(' ')
    if (text !== '') parts.push(text)
  }
  if (connection && connection.ja4 !== '') parts.push(<Fingerprint connection={connection} />)
  const exception = exchange?.exception || connection?.exception || ''
  if (exception !== '') parts.push(<Overlooked exception={exception} />)
  return parts
}

/** What kind of program it was: rows of the same kind are a click away. */
function Fingerprint({ connection }: { connection: ConnectionDetail }) {
  return (
    <>
      {t('drawer.tls.ja4')}{' '}
      <a href={href('/live', { q: exactly('ja4', connection.ja4) })} translate={false}>
        <code>{connection.ja4}</code>
      </a>
      {connection.ech && <>. {t('drawer.tls.ech')}</>}
    </>
  )
}

/** Never to be passed over: here the origin was not held to the usual rules. */
function Overlooked({ exception }: { exception: string }) {
  return (
    <strong class="overlooked">
      <Icon name="warning" />
      <span>{t('drawer.tls.exception', { what: exceptionText(exception) })}</span>
    </strong>
  )
}
