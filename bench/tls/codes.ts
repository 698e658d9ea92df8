/** In whose words something was refused. */

/** Of an answer that a gateway gave instead of the page: Weir's JSON, Squid's page; '' when it is neither. */
export function gatewayCode(answer: string): string {
  const weir = /"error":\s*"([a-z-]+)"/.exec(answer)?.[1]
  if (weir !== undefined) return weir
  const squid = /^X-Squid-Error: (\w+)/im.exec(answer)?.[1]
  if (squid === undefined) return ''
  return /\b(?:X509_V_ERR|SQUID_X509_V_ERR|SQUID_TLS_ERR|SQUID_ERR)_\w+/.exec(answer)?.[0] ?? squid
}

/** What curl made of a handshake. */
export function curlCode(stderr: string): string {
  if (/no alternative certificate|does not match target host/.test(stderr)) return 'its certificate has another name'
  if (/SSL certificate problem/.test(stderr)) return 'not opened: the client sees the origin’s own certificate'
  const found = /alert[\w ]*|unexpected eof[\w ]*|reset by peer|Empty reply|Connection refused|wrong version number/i
  return found.exec(stderr)?.[0] ?? stderr.trim().slice(0, 60)
}

/** What `openssl s_client` says: of the certificate, else of the handshake. */
export function sClientCode(stderr: string): string {
  return (
    /verify error:num=\d+:(.*)/.exec(stderr)?.[1] ??
    /:(?:SSL routines|ssl)[^:]*:[^:]*:([\w ]+)/i.exec(stderr)?.[1] ??
    'closed without a page'
  )
}
