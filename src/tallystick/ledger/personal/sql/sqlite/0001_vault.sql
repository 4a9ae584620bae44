-- Personal values, sealed; useless without the keys in keys/subjects.db. `pending_ns` is when a
-- value was put here while its entry is not known to stand in the ledger.
CREATE TABLE personal_fields (
  subject    TEXT NOT NULL,
  commitment BLOB NOT NULL,
  sealed     BLOB NOT NULL,
  pending_ns INTEGER,
  PRIMARY KEY (subject, commitment)
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_fields_pending ON personal_fields (pending_ns)
  WHERE pending_ns IS NOT NULL;

-- Folded from the ledger: which entries recorded a subject, and which one erased it.
CREATE TABLE personal_recordings (
  subject  TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (subject, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE personal_erasures (
  subject  TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: ledger entries before this position are folded.
CREATE TABLE personal_progress (
  position INTEGER NOT NULL
) STRICT;
INSERT INTO personal_progress (position) VALUES (0);
