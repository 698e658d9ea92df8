-- Stable for readers outside Weir: columns may be added, none is changed or removed. Documented in docs/database.md.

CREATE VIEW v_exchanges AS
SELECT id, time, client, NULL AS device, host, port, method,
  scheme || '://' || CASE WHEN instr(host, ':') THEN '[' || host || ']' ELSE host END
    || CASE WHEN (scheme = 'https' AND port = 443) OR (scheme = 'http' AND port = 80) THEN '' ELSE ':' || port END
    || CASE WHEN substr(path, 1, 1) = '/' THEN path ELSE '' END AS url,
  status, content_type, bytes_up, bytes_down, tier, verdict, reason, rule, rule_line, list, list_line, cache, cache_reason,
  duration_ms, connect_ms, wait_ms, body_ms, client_tls, origin_tls, http_version, origin_http_version, dst, upstream,
  upstream_reused, error, error_detail, conn AS connection
FROM exchanges;

CREATE VIEW v_connections AS
SELECT id, time, client, client_port, NULL AS device, host, port, dst, protocol, alpn, bytes_up, bytes_down, tier, verdict,
  reason, rule, rule_line, list, list_line, tier_reason, tier_rule, tier_rule_line, duration_ms, exchanges, client_tls,
  origin_tls, error, error_detail, conn AS connection
FROM connections;

-- A visit is what one client did at one host without a pause of more than five minutes.
CREATE VIEW v_visits AS
WITH seen AS (
  SELECT id, time, time + duration_ms AS until, client, host, bytes_up, bytes_down, verdict FROM exchanges
  UNION ALL
  SELECT id, time, time + duration_ms, client, host, bytes_up, bytes_down, verdict FROM connections WHERE exchanges = 0
), marked AS (
  SELECT *, time > max(until) OVER (
    PARTITION BY client, host ORDER BY time, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) + 300000 AS fresh FROM seen
), numbered AS (
  SELECT *, sum(coalesce(fresh, 1)) OVER (PARTITION BY client, host ORDER BY time, id) AS visit FROM marked
)
SELECT min(id) AS id, min(time) AS time, client, NULL AS device, host, min(time) AS start, max(until) AS end,
  count(*) AS requests, sum(verdict = 'block') AS blocked, sum(bytes_up) AS bytes_up, sum(bytes_down) AS bytes_down
FROM numbered GROUP BY client, host, visit;
