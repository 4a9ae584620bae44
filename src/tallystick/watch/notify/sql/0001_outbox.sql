-- The outbox: alerts, what the policy decided, and what became of each delivery.

CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    severity TEXT NOT NULL,
    raised_at_ns INTEGER NOT NULL,
    alert BLOB NOT NULL,              -- JSON, as it is sent
    decision BLOB NOT NULL,           -- JSON, see policy.Decision
    delivers INTEGER NOT NULL,        -- 1 where the decision is to deliver
    swallowed INTEGER NOT NULL DEFAULT 0  -- later alerts that this one spoke for
) STRICT;

-- The last alert of a fingerprint that was delivered: what deduplication looks at.
CREATE INDEX alerts_delivered ON alerts (fingerprint, seq) WHERE delivers = 1;

CREATE TABLE deliveries (
    seq INTEGER NOT NULL REFERENCES alerts (seq) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ns INTEGER NOT NULL,
    last_error TEXT,
    PRIMARY KEY (seq, channel)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_pending ON deliveries (channel, seq) WHERE state = 'pending';

CREATE TABLE silences (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    starts_at_ns INTEGER NOT NULL,
    ends_at_ns INTEGER NOT NULL,
    silence BLOB NOT NULL             -- JSON, see policy.Silence; its id is empty here
) STRICT;

PRAGMA user_version = 1;
