-- Event rules: how far the ledger was looked at, and what became of everything that matched.

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL          -- the next entry to be looked at
) STRICT;

CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,          -- of event, rule, target and replay
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL,                -- JSON, as it is sent
    state TEXT NOT NULL CHECK (state IN ('pending', 'dead')),  -- what arrived is not kept
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at_ns INTEGER NOT NULL,
    due_at_ns INTEGER NOT NULL,        -- next attempt; of a dead letter when it died
    reason TEXT
) STRICT;

CREATE INDEX deliveries_pending ON deliveries (rule, target, due_at_ns) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON deliveries (seq) WHERE state = 'dead';

-- Events that are no ledger entries, until they are looked at; then only their ids.
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event BLOB                         -- JSON; null when it was looked at
) STRICT;

CREATE INDEX inbox_waiting ON inbox (seq) WHERE event IS NOT NULL;

CREATE TABLE counts (
    rule TEXT NOT NULL,
    target TEXT NOT NULL,              -- empty for what is counted once a rule
    what TEXT NOT NULL CHECK (what IN ('matched', 'delivered', 'failed', 'dead')),
    number INTEGER NOT NULL,
    PRIMARY KEY (rule, target, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    rule TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,            -- as written: another one begins anew
    started_at_ns INTEGER NOT NULL,
    looked_at_ns INTEGER NOT NULL      -- nothing is due up to here
) STRICT;

CREATE TABLE replays (
    name TEXT PRIMARY KEY,
    rule TEXT,                         -- null for all
    first INTEGER NOT NULL,
    position INTEGER NOT NULL,
    end INTEGER NOT NULL,
    from_ns INTEGER,
    to_ns INTEGER,
    dry_run INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'cancelled')),
    matched INTEGER NOT NULL DEFAULT 0,
    started_at_ns INTEGER NOT NULL,
    ended_at_ns INTEGER
) STRICT;

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB,                         -- JSON; null when it was dealt with
    sent_at_ns INTEGER NOT NULL,
    visible_at_ns INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    receipt TEXT,                      -- of the last receive
    UNIQUE (queue, key)
) STRICT;

CREATE INDEX messages_visible ON messages (queue, visible_at_ns) WHERE body IS NOT NULL;

CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL,                -- the run's input
    state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'timed_out')),
    started_at_ns INTEGER NOT NULL,
    deadline_at_ns INTEGER NOT NULL,
    ended_at_ns INTEGER,
    output BLOB
) STRICT;

CREATE INDEX runs_under_way ON runs (deadline_at_ns) WHERE state = 'running';

PRAGMA user_version = 1;
