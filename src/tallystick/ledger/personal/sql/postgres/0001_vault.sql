-- Personal values, sealed; useless without the keys in keys/subjects.db. `pending_ns` is when a
-- value was put here while its entry is not known to stand in the ledger.
CREATE TABLE personal_fields (
  subject    TEXT COLLATE "C" NOT NULL,
  commitment BYTEA NOT NULL,
  sealed     BYTEA NOT NULL,
  pending_ns BIGINT,
  PRIMARY KEY (subject, commitment)
);
CREATE INDEX personal_fields_pending ON personal_fields (pending_ns)
  WHERE pending_ns IS NOT NULL;

-- Folded from the ledger: which entries recorded a subject, and which one erased it.
CREATE TABLE personal_recordings (
  subject  TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (subject, position)
);
CREATE TABLE personal_erasures (
  subject  TEXT COLLATE "C" PRIMARY KEY,
  position BIGINT NOT NULL
);

-- One row: ledger entries before this position are folded.
CREATE TABLE personal_progress (
  schema_version INTEGER NOT NULL,
  position       BIGINT NOT NULL
);
INSERT INTO personal_progress (schema_version, position) VALUES (1, 0);
