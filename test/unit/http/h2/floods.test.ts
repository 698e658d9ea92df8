import test from 'ava'
import { cancel, data, END_STREAM, type Fields, get, headersFrame, until } from './frames.ts'
import { world } from './world.ts'

/**
 * Requests that cost us more than the client: each ends in a reset, the client's (CVE-2023-44487) or one it makes us send
 * (CVE-2025-8671). Some of them are an accident, thousands are not.
 */
const post = (...more: Fields): Fields => [[':method', 'POST'], ...get('/evil').slice(1), ...more]

const RESETS: [string, (id: number) => Buffer[]][] = [
  ['the client takes the request back', id => [headersFrame(id, get(), true), cancel(id)]],
  [
    'a body shorter than its length',
    id => [headersFrame(id, post(['content-length', '9']), false), data(id, 'x', END_STREAM)],
  ],
  ['trailers with white space', id => [headersFrame(id, post(), false), headersFrame(id, [['x', ' y']], true)]],
  ['trailers with a pseudo field', id => [headersFrame(id, post(), false), headersFrame(id, [[':path', '/']], true)]],
  ['trailers that are not the end', id => [headersFrame(id, post(), false), headersFrame(id, [['x', 'y']], false)]],
  ['malformed for nghttp2', id => [headersFrame(id, [...get(), ['X', '1']], true)]],
  ['malformed for us', id => [headersFrame(id, get('/#'), true)]],
]

for (const [name, make] of RESETS) {
  test(`resets without end are ended: ${name}`, async t => {
    const { raw, rig, bystander } = await world(t)
    for (let i = 0; i < 3000 && raw.heard.goaway === null && !raw.heard.closed; i++) {
      raw.socket.write(Buffer.concat(make(1 + 2 * i)))
      // So that none is refused for those that run
      if (i % 20 === 0) await new Promise(resolve => setTimeout(resolve, 2))
    }
    await until(() => raw.heard.goaway !== null || raw.heard.closed)
    t.true(raw.heard.resets.length <= 110, `${raw.heard.resets.length} resets`)
    // The client's own: 300 at once and 50 a second
    t.true(rig.stations.counters.exchanges < 700, `${rig.stations.counters.exchanges} exchanges`)
    t.true(await bystander())
  })
}
