-- The journal: one row an entry, the bytes exactly as they were hashed.
CREATE TABLE entries (
  position  INTEGER PRIMARY KEY,
  entry     BLOB NOT NULL,
  leaf_hash BLOB NOT NULL
) STRICT;

-- Strong deduplication: an idempotency key is in the ledger at most once.
CREATE TABLE keys (
  key      TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Full tiles: the tree, 256 hashes a row; never changed once written.
CREATE TABLE tiles (
  level  INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  root   BLOB NOT NULL,
  UNIQUE (level, number)
) STRICT;

-- Every size that was signed, with the signed note.
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;
