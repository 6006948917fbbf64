-- Delivery that survives: lanes, gates, phases, items of an `each`, topics, revisions, envelopes.

-- `in_way`: 1 the event keeps later ones of its key waiting, 2 it has the key (it is claimable, runs, or waits), 0 it
-- is passed. `ready`: 1 claimable once due, 2 waits at `gate`, 3 sleeps until `due_at` and lets its key pass, 4 claimable
-- alone, since an engine died while it ran.
ALTER TABLE delivery ADD COLUMN in_way INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;       -- 0 urgent, 1 normal, 2 bulk
ALTER TABLE delivery ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;     -- 1: held, quarantined or dead it stays in the way
ALTER TABLE delivery ADD COLUMN revision BLOB;                         -- JSON: texts and numbers, compared left to right
ALTER TABLE delivery ADD COLUMN phase TEXT NOT NULL DEFAULT '';        -- or 'compensate'
ALTER TABLE delivery ADD COLUMN cause TEXT NOT NULL DEFAULT '';        -- why
ALTER TABLE delivery ADD COLUMN gate TEXT NOT NULL DEFAULT '';         -- where it waits: a system or an operation
ALTER TABLE delivery ADD COLUMN calling TEXT NOT NULL DEFAULT '';      -- the operation under way, where its number is bounded
ALTER TABLE delivery ADD COLUMN on_reject TEXT NOT NULL DEFAULT 'discard';
ALTER TABLE delivery ADD COLUMN awaits BLOB;                           -- 16 bytes of SHA-256 of the (topic, key) it waits for
ALTER TABLE delivery ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;    -- leases that ended without a record, since the last one
ALTER TABLE delivery ADD COLUMN node INTEGER NOT NULL DEFAULT 0;       -- who has leased it
ALTER TABLE delivery ADD COLUMN has_items INTEGER NOT NULL DEFAULT 0;  -- 1: there are rows of it in `item`

DROP INDEX delivery_ready;
DROP INDEX delivery_active;
DROP INDEX delivery_leased;
UPDATE delivery SET in_way = CASE WHEN ready = 1 OR status = 'running' THEN 2 ELSE 1 END
  WHERE status IN ('accepted', 'running', 'waiting');
CREATE INDEX delivery_ready ON delivery (lane, integration, due_at, event) WHERE ready = 1;
CREATE INDEX delivery_parked ON delivery (gate, lane, event) WHERE ready = 2;
CREATE INDEX delivery_aside ON delivery (ready, due_at, event) WHERE ready > 2;
CREATE INDEX delivery_way ON delivery (key_digest, in_way, event) WHERE in_way > 0;
CREATE INDEX delivery_passed ON delivery (event) WHERE in_way = 0 AND status IN ('accepted', 'waiting');
-- No column of it changes while an event runs: an intent rewrites no index.
CREATE INDEX delivery_running ON delivery (event) WHERE status = 'running';
CREATE INDEX delivery_awaits ON delivery (awaits) WHERE awaits IS NOT NULL;

-- The ledger lies in the order in which effects were begun, and the digests apart: an outcome is written beside its
-- neighbours, where it had been a page of its own for each, as scattered as digests are.
ALTER TABLE effect RENAME TO effect_before;
CREATE TABLE effect (
  number INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,  -- SHA-256 of (system, operation, once)
  system TEXT NOT NULL, operation TEXT NOT NULL, once TEXT NOT NULL,
  event INTEGER NOT NULL, step TEXT NOT NULL, state TEXT NOT NULL, request_digest BLOB NOT NULL,
  first_sent_at INTEGER NOT NULL, attempts INTEGER NOT NULL, result BLOB
);
INSERT INTO effect (digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts, result)
  SELECT digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts, result
  FROM effect_before ORDER BY event, first_sent_at;
DROP TABLE effect_before;

-- The body of a delivery that was split, once for all its events; `event` and `last` are the first and last of them.
CREATE TABLE envelope (event INTEGER PRIMARY KEY, last INTEGER NOT NULL, body BLOB NOT NULL);
ALTER TABLE event ADD COLUMN envelope INTEGER;

-- Where the items of an `each` stand that have not ended.
CREATE TABLE item (
  event INTEGER NOT NULL, place TEXT NOT NULL, state TEXT NOT NULL, step TEXT NOT NULL, attempts INTEGER NOT NULL,
  due_at INTEGER NOT NULL, reason TEXT NOT NULL, on_release TEXT NOT NULL, again INTEGER NOT NULL, queue TEXT NOT NULL,
  PRIMARY KEY (event, place)
) WITHOUT ROWID;

-- Events of topics, and which there were: unique on (topic, id).
CREATE TABLE message (
  message INTEGER PRIMARY KEY,
  awaited BLOB NOT NULL,        -- 16 bytes of SHA-256 of (topic, key)
  topic TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX message_awaited ON message (awaited, message);
CREATE TABLE message_id (digest BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;

-- The newest revision of each key that is done.
CREATE TABLE newest (key_digest BLOB PRIMARY KEY, revision BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

-- Breakers, what people forced, and the buckets of quotas.
CREATE TABLE gate (
  gate TEXT PRIMARY KEY, state TEXT NOT NULL DEFAULT 'closed', until INTEGER NOT NULL DEFAULT 0,
  forced TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', at INTEGER NOT NULL DEFAULT 0, quota BLOB
) WITHOUT ROWID;
