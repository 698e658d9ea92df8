-- One sequence of ids runs over both tables, so that "everything after id n" is one question for the live view.

CREATE TABLE exchanges (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  conn TEXT NOT NULL,
  client TEXT NOT NULL,
  dst TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  scheme TEXT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  status INTEGER NOT NULL,
  http_version INTEGER NOT NULL,
  origin_http_version INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  bytes_up INTEGER NOT NULL,
  bytes_down INTEGER NOT NULL,
  tier TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  rule TEXT NOT NULL,
  rule_line INTEGER NOT NULL,
  list TEXT NOT NULL,
  list_line INTEGER NOT NULL,
  cache TEXT NOT NULL,
  cache_reason TEXT NOT NULL,
  duration_ms INTEGER NOT NULL,
  connect_ms INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL,
  body_ms INTEGER NOT NULL,
  client_tls TEXT NOT NULL,
  origin_tls TEXT NOT NULL,
  upstream TEXT NOT NULL,
  upstream_reused INTEGER NOT NULL,
  error TEXT NOT NULL,
  error_detail TEXT NOT NULL
) STRICT;

CREATE TABLE connections (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  conn TEXT NOT NULL,
  client TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  dst TEXT NOT NULL,
  port INTEGER NOT NULL,
  host TEXT NOT NULL,
  protocol TEXT NOT NULL,
  alpn TEXT NOT NULL,
  tier TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  rule TEXT NOT NULL,
  rule_line INTEGER NOT NULL,
  list TEXT NOT NULL,
  list_line INTEGER NOT NULL,
  tier_reason TEXT NOT NULL,
  tier_rule TEXT NOT NULL,
  tier_rule_line INTEGER NOT NULL,
  bytes_up INTEGER NOT NULL,
  bytes_down INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  exchanges INTEGER NOT NULL,
  client_tls TEXT NOT NULL,
  origin_tls TEXT NOT NULL,
  error TEXT NOT NULL,
  error_detail TEXT NOT NULL
) STRICT;

-- "One device's last minutes" is the question asked most; by time for retention and time ranges; by connection for the drawer.
CREATE INDEX exchanges_client ON exchanges (client, id);
CREATE INDEX exchanges_time ON exchanges (time);
CREATE INDEX connections_client ON connections (client, id);
CREATE INDEX connections_time ON connections (time);
CREATE INDEX connections_conn ON connections (conn);
-- Connections that carried no visible request are lines of the traffic log of their own.
CREATE INDEX connections_bare ON connections (id) WHERE exchanges = 0;

-- Roll-ups are written in the transaction of the rows they count, so they never disagree with them.
CREATE TABLE minutes (
  minute INTEGER PRIMARY KEY,
  inspected INTEGER NOT NULL,
  names INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  blocked INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  bytes_up INTEGER NOT NULL,
  bytes_down INTEGER NOT NULL,
  cache_requests INTEGER NOT NULL,
  cache_hits INTEGER NOT NULL,
  bytes_saved INTEGER NOT NULL
) STRICT;

-- Who and what was loudest, per minute (kept for hours) and per hour (kept as long as the rows).
-- kind: `host`, `client`, `blocked` (by host, rule and list), `error` (host, with the error code as rule).
CREATE TABLE tops (
  width INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  rule TEXT NOT NULL,
  rule_line INTEGER NOT NULL,
  list TEXT NOT NULL,
  count INTEGER NOT NULL,
  blocked INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (width, kind, bucket, name, rule, rule_line, list)
) STRICT, WITHOUT ROWID;

-- Once a minute of the wall clock: the last id given so far. A row is written after it began, so no row up to `id` began
-- after `time`: "since nine o'clock" need not look at older ids.
CREATE TABLE marks (time INTEGER PRIMARY KEY, id INTEGER NOT NULL) STRICT;

-- last_id: survives the deletion of every row, so that an id is never given twice.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('last_id', 0);
