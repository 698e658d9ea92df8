import { X509Certificate } from 'node:crypto'
import { CA_FORMATS, exportCa } from '../../ca/export.ts'
import { INSTALL_GUIDES } from '../../ca/guides.ts'
import type { CaPublic } from '../core/ca.ts'
import type { CaHandout } from '../core/handout.ts'

/**
 * What devices are given to trust: the root, also where we sign with an intermediate below it. Made once, here: a worker
 * holds the files ready and loads nothing that could make them.
 */
export function makeHandout(authorities: readonly CaPublic[]): CaHandout {
  return {
    authorities: authorities.map(ca => {
      const root = new X509Certificate(ca.rootPem)
      return {
        subject: root.subject.replaceAll('\n', ', '),
        sha256: root.fingerprint256.replaceAll(':', '').toLowerCase(),
        notBefore: root.validFromDate.getTime(),
        notAfter: root.validToDate.getTime(),
        files: CA_FORMATS.map(format => ({ format, ...exportCa(ca, format) })),
      }
    }),
    guides: INSTALL_GUIDES.map(guide => ({ ...guide, steps: [...guide.steps] })),
  }
}
