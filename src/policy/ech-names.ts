/**
 * Names that stand in the outer hello of connections whose real name is encrypted (`public_name` of an ECHConfig,
 * RFC 9849 §4). Nobody visits them: they are opened for every device that trusts us, because a client that accepts our
 * certificate for one takes ECH as switched off by its operator (§6.1.6), ends with ech_required and comes back naming
 * the site. Names are those the operators publish in their HTTPS records.
 */
const PUBLIC_NAMES: ReadonlySet<string> = new Set([
  'cloudflare-ech.com', // every zone at Cloudflare: https://developers.cloudflare.com/ssl/edge-certificates/ech/
  'public.tls-ech.dev', // the test site https://tls-ech.dev
  'cover.defo.ie', // the test sites of the DEfO project, https://defo.ie
])

export function isEchPublicName(host: string): boolean {
  return PUBLIC_NAMES.has(host)
}
