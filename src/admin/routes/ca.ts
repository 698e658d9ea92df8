import { createRoute, z } from '@hono/zod-openapi'
import type { CaFormat } from '../api.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { answers, CA } from '../schemas.ts'

const FORMATS: readonly CaFormat[] = ['pem', 'der', 'p12', 'mobileconfig']

const facts = createRoute({
  method: 'get',
  path: '/api/v1/ca',
  responses: answers(CA, 'The public side of the CA, and how to install it. Without sign-in.'),
})

const download = (format: CaFormat) =>
  createRoute({
    method: 'get',
    path: `/api/v1/ca/cert.${format}`,
    responses: {
      200: {
        description: 'The certificate of the CA. Without sign-in.',
        content: { 'application/octet-stream': { schema: z.string() } },
      },
    },
  })

/** Everything here is public: a device needs it before it can trust anything, and the private key is not in this process. */
export function caRoutes(app: AdminApp, deps: AdminDeps): void {
  // Made once: nothing here changes while the process runs, and no request makes work.
  const files = FORMATS.map(format => ({ format, ...deps.exportCa(deps.ca, format) }))

  app.openapi(facts, c => {
    const { subject, sha256, notBefore, notAfter } = deps.ca
    const downloads = files.map(({ format, contentType, fileName }) => ({
      format,
      path: `/api/v1/ca/cert.${format}`,
      contentType,
      fileName,
    }))
    return c.json({ subject, sha256, notBefore, notAfter, downloads, guides: [...deps.guides] }, 200)
  })

  for (const { format, bytes, contentType, fileName } of files) {
    app.openapi(download(format), () => {
      return new Response(new Uint8Array(bytes), {
        headers: { 'Content-Type': contentType, 'Content-Disposition': `attachment; filename="${fileName}"` },
      })
    })
  }
}
