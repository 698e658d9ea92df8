import { WeirError } from '../core/errors.ts'
import type { RequestHead, ResponseHead } from '../core/exchange.ts'
import { addVia, hasLooped, stripRequest, stripResponse, viaName } from '../http/hop.ts'
import type { HopStation } from '../pipeline/stations.ts'

/** What a message loses and gains at this hop, under the name of this box. */
export function hopStation(boxId: string): HopStation {
  const name = viaName(boxId)
  return {
    request(head: RequestHead): WeirError | null {
      if (hasLooped(head.headers, name)) return new WeirError('policy-loop', 'The request came through here before.')
      stripRequest(head.headers)
      addVia(head.headers, head.version, name)
      return null
    },
    response(head: ResponseHead): void {
      stripResponse(head.headers)
      addVia(head.headers, head.version, name)
    },
  }
}
