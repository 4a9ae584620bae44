-- What the detectors found, and what people said of it.

CREATE TABLE anomalies (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at_ns INTEGER NOT NULL,           -- its own stamp
    found_at_ns INTEGER NOT NULL,
    detector TEXT NOT NULL,
    family TEXT NOT NULL,
    entity TEXT NOT NULL,
    account TEXT,
    pair TEXT,
    surprise REAL NOT NULL,           -- -log10 of the p-value
    held INTEGER NOT NULL,            -- 1 where nobody was alerted
    verdict TEXT,                     -- the newest, NULL while nobody has judged it
    anomaly BLOB NOT NULL             -- JSON, see score.Anomaly
) STRICT;

-- Newest first, and everything a page is chosen by, so that only rows of the page are read.
CREATE INDEX anomalies_newest ON anomalies (
    at_ns, seq, detector, family, account, pair, verdict, held, surprise, entity
);

CREATE INDEX anomalies_like ON anomalies (detector, entity, at_ns, seq);

CREATE INDEX anomalies_unjudged ON anomalies (seq) WHERE verdict IS NULL;

CREATE TABLE verdicts (
    position INTEGER PRIMARY KEY,     -- of its entry in the ledger
    id TEXT NOT NULL,                 -- of the anomaly, which may not be here any more
    verdict TEXT NOT NULL,
    entry BLOB NOT NULL               -- as it stands in the ledger
) STRICT;

CREATE INDEX verdicts_of ON verdicts (id, position);

CREATE TABLE place (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL         -- of the next ledger entry to look at
) STRICT;

INSERT INTO place VALUES (1, 0);

PRAGMA user_version = 1;
