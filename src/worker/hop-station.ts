import os from 'node:os'
import { WeirError } from '../core/errors.ts'
import type { RequestHead, ResponseHead } from '../core/exchange.ts'
import type { HeaderPolicy, ViaMode } from '../core/header-policy.ts'
import type { HeaderList } from '../core/headers.ts'
import { hasLooped, stripRequest, stripResponse, stripTrailers, type ViaLines, viaLines, viaName } from '../http/hop.ts'
import type { HopStation } from '../pipeline/stations.ts'

/** RFC 9110 §7.6.3 `received-by` is a host or a pseudonym; a host name of another kind is not told. */
const HOST = /^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$/

/** What a message loses and gains at this hop, under the name of this box and as policy has it. */
export function hopStation(boxId: string, hostname = os.hostname()): HopStation {
  const name = viaName(boxId)
  const pseudonym = viaLines(name)
  const lines: Record<ViaMode, ViaLines | null> = {
    pseudonym,
    full: HOST.test(hostname) ? viaLines(`${hostname} (${name})`) : pseudonym,
    none: null,
  }
  const addVia = (head: RequestHead | ResponseHead, mode: ViaMode) => {
    const via = lines[mode]
    if (via !== null) head.headers.push('Via', via[head.version])
  }
  return {
    request(head: RequestHead, policy: HeaderPolicy): WeirError | null {
      if (hasLooped(head.headers, name)) return new WeirError('policy-loop', 'The request came through here before.')
      stripRequest(head.headers, policy.forwarded(head.host) === 'keep')
      addVia(head, policy.via)
      return null
    },
    response(head: ResponseHead, policy: HeaderPolicy): void {
      stripResponse(head.headers)
      addVia(head, policy.via)
    },
    interim: stripResponse,
    trailers: (trailers: HeaderList | null) => (trailers === null ? null : stripTrailers(trailers)),
  }
}
