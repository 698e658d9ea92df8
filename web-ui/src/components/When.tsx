import { isoTime, moment } from '../lib/format.ts'

export function When({ at }: { at: number }) {
  return (
    <time dateTime={isoTime(at)} title={isoTime(at)}>
      {moment(at)}
    </time>
  )
}
