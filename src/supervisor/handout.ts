import { CA_FORMATS, exportCa } from '../../ca/export.ts'
import { INSTALL_GUIDES } from '../../ca/guides.ts'
import type { CaPublic } from '../core/ca.ts'
import type { CaHandout } from '../core/handout.ts'

/** Made once, here: a worker holds the files ready and loads nothing that could make them. */
export function makeHandout(authorities: readonly CaPublic[]): CaHandout {
  return {
    authorities: authorities.map(ca => ({
      subject: ca.subject,
      sha256: ca.sha256,
      notBefore: ca.notBefore,
      notAfter: ca.notAfter,
      files: CA_FORMATS.map(format => ({ format, ...exportCa(ca, format) })),
    })),
    guides: INSTALL_GUIDES.map(guide => ({ ...guide, steps: [...guide.steps] })),
  }
}
