import { createRoute, z } from '@hono/zod-openapi'
import { CA_FORMATS } from '../../../ca/export.ts'
import type { CaPublic } from '../../core/ca.ts'
import type { CaAnswer, CaDownload, CaFormat } from '../api.ts'
import { factsOf } from '../ca-facts.ts'
import type { CaState } from '../calls.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure, CallError } from '../failure.ts'
import { answers } from '../schemas.ts'
import { CA } from '../tls-schemas.ts'

const FORMATS: readonly CaFormat[] = CA_FORMATS
/** `cert`: the one in use; `next`: the one being rolled out. */
const WHICH = ['cert', 'next'] as const
type Which = (typeof WHICH)[number]
/** What the supervisor said, and what is made of it: once, not for each who asks. */
type Known = { state: CaState; answer: CaAnswer }
type CaFile = ReturnType<AdminDeps['exportCa']>
/** Asked without sign-in: however often, the supervisor is asked no more than this. */
const KEEP_MS = 2000
/** The one in use and the next, in each format, and those of the rotation before. */
const MAX_FILES = 16

const facts = createRoute({
  method: 'get',
  path: '/api/v1/ca',
  responses: answers(CA, 'The public side of the CA, its rotation, and how to install it. Without sign-in.'),
})

const download = (which: Which, format: CaFormat) =>
  createRoute({
    method: 'get',
    path: `/api/v1/ca/${which}.${format}`,
    responses: {
      200: {
        description: `The certificate ${which === 'cert' ? 'of the CA' : 'that is being rolled out'}. Without sign-in.`,
        content: { 'application/octet-stream': { schema: z.string() } },
      },
    },
  })

const rotate = createRoute({
  method: 'post',
  path: '/api/v1/ca/rotate',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({
            step: z.enum(['prepare', 'finish', 'cancel']),
            confirm: z.string().max(1000).openapi({ description: 'The subject of the CA in use, typed by a person' }),
          }),
        },
      },
    },
  },
  responses: answers(CA, 'Done; a step that does not fit is 422 and changes nothing'),
})

/** Everything to read here is public: a device needs it before it can trust anything. No key is in this process. */
export function caRoutes(app: AdminApp, deps: AdminDeps): void {
  let kept: { at: number; known: Promise<Known> } | null = null
  const read = (): Promise<Known> => {
    const now = Date.now()
    if (kept === null || now - kept.at >= KEEP_MS) {
      const known = askState(deps).then(state => ({ state, answer: answerOf(state) }))
      kept = { at: now, known }
    }
    return kept.known
  }
  const files = new Map<string, CaFile>()
  /** Made once for each certificate: no request of a stranger makes work. */
  const file = (ca: CaPublic, which: Which, format: CaFormat): CaFile => {
    const key = `${ca.sha256} ${which} ${format}`
    let made = files.get(key)
    if (made === undefined) {
      if (files.size >= MAX_FILES) files.clear()
      made = deps.exportCa(ca, format)
      // Both may lie in one folder for downloads.
      if (which === 'next') made.fileName = made.fileName.replace(/^weir-ca/, 'weir-ca-next')
      files.set(key, made)
    }
    return made
  }
  const downloads = (ca: CaPublic, which: Which): CaDownload[] =>
    FORMATS.map(format => {
      const { contentType, fileName } = file(ca, which, format)
      return { format, path: `/api/v1/ca/${which}.${format}`, contentType, fileName }
    })
  const answerOf = (state: CaState): CaAnswer => ({
    ...factsOf(state.current),
    downloads: downloads(state.current, 'cert'),
    guides: deps.guides.map(guide => ({ ...guide, steps: [...guide.steps] })),
    next: state.next && { ...factsOf(state.next), downloads: downloads(state.next, 'next') },
    previous: state.previous.map(factsOf),
    encrypted: state.encrypted,
  })

  app.openapi(facts, async c => c.json((await read()).answer, 200))

  for (const which of WHICH) {
    for (const format of FORMATS) {
      app.openapi(download(which, format), async () => {
        const { state } = await read()
        const ca = which === 'cert' ? state.current : state.next
        if (ca === null) throw new ApiFailure(404, 'not-found', 'No other CA is being rolled out.')
        const { bytes, contentType, fileName } = file(ca, which, format)
        return new Response(new Uint8Array(bytes), {
          headers: { 'Content-Type': contentType, 'Content-Disposition': `attachment; filename="${fileName}"` },
        })
      })
    }
  }

  app.openapi(rotate, async c => {
    const { step, confirm } = c.req.valid('json')
    const { current } = (await read()).state
    if (confirm.trim() !== current.subject) throw refusal('confirm', 'This is not the name of the CA.')
    const { refused } = await deps.call('ca.rotate', { step, user: c.get('session').user })
    kept = null
    if (refused !== '') throw refusal('step', refused)
    return c.json((await read()).answer, 200)
  })
}

/** The supervisor knows best; while it does not answer, devices are still told of the CA this process was started with. */
async function askState(deps: AdminDeps): Promise<CaState> {
  try {
    return await deps.call('ca.state', {})
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    return { current: deps.ca, next: null, previous: [], encrypted: false }
  }
}

function refusal(where: string, message: string): ApiFailure {
  return new ApiFailure(422, 'bad-request', message, { problems: [{ where, line: 0, message }] })
}
