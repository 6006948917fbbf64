-- The embedded store. Payloads are written once, into `event`, and never rewritten by a change of state; what changes
-- is the narrow `delivery`. Times are microseconds since 1970 UTC. Columns `key_id` and `chain` are reserved for
-- encryption of payloads and a hash chain over them.

CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE plan (
  hash TEXT PRIMARY KEY, integration TEXT NOT NULL, version INTEGER NOT NULL, kept_at INTEGER NOT NULL, content BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE event (
  event INTEGER PRIMARY KEY,
  integration TEXT NOT NULL, id TEXT, key TEXT, received_at INTEGER NOT NULL,
  digest BLOB,                -- SHA-256 of the body's canonical JSON, once the body was dropped to make room
  key_id INTEGER, chain BLOB,
  headers BLOB, query BLOB, body BLOB
);

CREATE TABLE identity (
  digest BLOB PRIMARY KEY,    -- SHA-256 of (integration, id), 16 bytes
  event INTEGER NOT NULL, expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE delivery (
  event INTEGER PRIMARY KEY,
  integration TEXT NOT NULL, plan TEXT NOT NULL, key_digest BLOB NOT NULL,
  status TEXT NOT NULL,
  ready INTEGER NOT NULL,     -- 1: first of its key, and accepted or waiting: may be claimed once due
  due_at INTEGER NOT NULL, token INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0, calls INTEGER NOT NULL DEFAULT 0, number INTEGER NOT NULL DEFAULT 0,
  step TEXT NOT NULL DEFAULT '',        -- where it stands
  on_release TEXT NOT NULL DEFAULT '',  -- what a release does there: 'end' the step, or 'send' once more
  again INTEGER NOT NULL DEFAULT 0,     -- a person allowed: 1 to settle a doubt, 2 also to send another request
  queue TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', finished_at INTEGER
);
CREATE INDEX delivery_ready ON delivery (integration, due_at, event) WHERE ready = 1;
CREATE INDEX delivery_active ON delivery (key_digest, event) WHERE status IN ('accepted', 'running', 'waiting');
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE status = 'running';
CREATE INDEX delivery_stuck ON delivery (status, event) WHERE status IN ('held', 'quarantined', 'dead');

CREATE TABLE effect (
  digest BLOB PRIMARY KEY,    -- SHA-256 of (system, operation, once): the ledger is unique on it
  system TEXT NOT NULL, operation TEXT NOT NULL, once TEXT NOT NULL,
  event INTEGER NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, request_digest BLOB NOT NULL,
  first_sent_at INTEGER NOT NULL, attempts INTEGER NOT NULL, result BLOB
) WITHOUT ROWID;

CREATE TABLE line (
  event INTEGER NOT NULL, number INTEGER NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  operation TEXT NOT NULL, once TEXT NOT NULL, verdict TEXT NOT NULL, status INTEGER NOT NULL, took_us INTEGER NOT NULL, reason TEXT NOT NULL,
  ended INTEGER NOT NULL, result BLOB,
  PRIMARY KEY (event, number)
) WITHOUT ROWID;
