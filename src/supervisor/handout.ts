import { CA_FORMATS, exportCa } from '../../ca/export.ts'
import { INSTALL_GUIDES } from '../../ca/guides.ts'
import { anchorOf } from '../../ca/read.ts'
import type { CaPublic } from '../core/ca.ts'
import type { CaHandout } from '../core/handout.ts'

/**
 * What devices are given to trust: the root, also where we sign with an intermediate below it. Made once, here: a worker
 * holds the files ready and loads nothing that could make them.
 */
export function makeHandout(authorities: readonly CaPublic[]): CaHandout {
  return {
    authorities: authorities.map(ca => {
      const { subject, sha256, notBefore, notAfter } = anchorOf(ca)
      const files = CA_FORMATS.map(format => ({ format, ...exportCa(ca, format) }))
      return { subject, sha256, notBefore, notAfter, files }
    }),
    guides: [...INSTALL_GUIDES],
  }
}
