CREATE TABLE users (
  name TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  must_change INTEGER NOT NULL
) STRICT;

-- Tokens are kept as SHA-256 only: who reads this file cannot sign in with it.
CREATE TABLE sessions (
  token_hash BLOB PRIMARY KEY,
  user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  addr TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user, seen_at);

CREATE TABLE bearers (
  token_hash BLOB PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  created_at INTEGER NOT NULL
) STRICT;
