-- The archive's own memory: where each part lies, what was asked for and by whom.

-- Where the bytes of a part are; lost rows are found again by name.
CREATE TABLE objects (
    path TEXT PRIMARY KEY,            -- of the part
    ref TEXT NOT NULL,                -- vault.Ref
    storage_class TEXT NOT NULL,
    looked_ns INTEGER NOT NULL        -- when the vault was last asked about it
) STRICT, WITHOUT ROWID;

CREATE INDEX objects_looked ON objects (looked_ns);

-- What becomes an entry of the ledger, written here before, and what follows from it after.
CREATE TABLE deeds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,          -- ledger.notices.archive_id
    notice BLOB NOT NULL,             -- JSON; its time is when it was asked for
    position INTEGER,                 -- of the entry; NULL while it is not in the ledger
    at TEXT                           -- the entry's time
) STRICT;

CREATE INDEX deeds_unsaid ON deeds (number) WHERE position IS NULL;

CREATE TABLE restores (
    id TEXT PRIMARY KEY,
    asked_ns INTEGER NOT NULL,
    eta_ns INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'running', 'readable', 'expired', 'failed')),
    readable_ns INTEGER,
    expires_ns INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX restores_open ON restores (state) WHERE state IN ('asked', 'running', 'readable');

CREATE TABLE restore_parts (
    restore TEXT NOT NULL REFERENCES restores (id),
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'running', 'readable', 'gone')),
    PRIMARY KEY (restore, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    id TEXT PRIMARY KEY,
    released INTEGER NOT NULL DEFAULT 0  -- 1 once the release is in the ledger
) STRICT, WITHOUT ROWID;

-- Parts that are to be deleted, as a deed says; a row goes once its part is gone.
CREATE TABLE deletions (
    path TEXT PRIMARY KEY,
    deed TEXT NOT NULL REFERENCES deeds (id),
    ref TEXT NOT NULL,
    bypass INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The published ledger in the vault, volume by volume.
CREATE TABLE volumes (
    n INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,            -- bytes
    bundles INTEGER NOT NULL,         -- full entry bundles in this volume and all before
    entries INTEGER,                  -- of the checkpoint in it; NULL where it has none
    archived_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
