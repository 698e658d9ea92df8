-- What TLS showed of clients and origins.

ALTER TABLE connections ADD COLUMN ja3 TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN ja4 TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN ech INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN handshake TEXT NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN exception TEXT NOT NULL DEFAULT '';
ALTER TABLE exchanges ADD COLUMN exception TEXT NOT NULL DEFAULT '';
ALTER TABLE exchanges ADD COLUMN revocation TEXT NOT NULL DEFAULT '';

-- Both are rare among the rows, and both are asked for over days.
CREATE INDEX connections_refused ON connections (time) WHERE
  handshake IN ('unknown-ca', 'bad-certificate', 'closed-after-certificate', 'closed-after-handshake') AND exchanges = 0;
CREATE INDEX connections_exception ON connections (time) WHERE exception <> '';
CREATE INDEX exchanges_exception ON exchanges (time) WHERE exception <> '';

DROP VIEW v_exchanges;
CREATE VIEW v_exchanges AS
SELECT id, time, client, NULL AS device, host, port, method,
  scheme || '://' || CASE WHEN instr(host, ':') THEN '[' || host || ']' ELSE host END
    || CASE WHEN (scheme = 'https' AND port = 443) OR (scheme = 'http' AND port = 80) THEN '' ELSE ':' || port END
    || CASE WHEN substr(path, 1, 1) = '/' THEN path ELSE '' END AS url,
  status, content_type, bytes_up, bytes_down, tier, verdict, reason, rule, rule_line, list, list_line, cache, cache_reason,
  duration_ms, connect_ms, wait_ms, body_ms, client_tls, origin_tls, http_version, origin_http_version, dst, upstream,
  upstream_reused, error, error_detail, conn AS connection, exception, revocation
FROM exchanges;

DROP VIEW v_connections;
CREATE VIEW v_connections AS
SELECT id, time, client, client_port, NULL AS device, host, port, dst, protocol, alpn, bytes_up, bytes_down, tier, verdict,
  reason, rule, rule_line, list, list_line, tier_reason, tier_rule, tier_rule_line, duration_ms, exchanges, client_tls,
  origin_tls, error, error_detail, conn AS connection, ja3, ja4, ech, handshake, exception
FROM connections;
