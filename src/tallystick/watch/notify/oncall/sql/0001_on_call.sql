-- On call: overrides made through the API, and how often each schedule has changed.

CREATE TABLE overrides (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    starts_ns INTEGER NOT NULL,
    ends_ns INTEGER NOT NULL,
    key TEXT,                         -- under which it was made; NULL: none
    override BLOB NOT NULL            -- JSON, see overrides.Override; its id and end are set here
) STRICT;

CREATE UNIQUE INDEX overrides_key ON overrides (key) WHERE key IS NOT NULL;

CREATE TABLE revisions (
    schedule TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,        -- SEQUENCE of its events in iCalendar
    digest TEXT NOT NULL,             -- of its definition and its calendar file
    changed_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
