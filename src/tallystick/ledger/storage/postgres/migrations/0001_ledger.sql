-- The journal: one row an entry, the bytes exactly as they were hashed.
CREATE TABLE ledger_entries (
  position  BIGINT PRIMARY KEY CHECK (position >= 0),
  entry     BYTEA NOT NULL,
  leaf_hash BYTEA NOT NULL
);

-- Strong deduplication: an idempotency key is in the ledger at most once. Compared byte by byte:
-- a new version of a locale must never make two keys equal, or reorder the index.
CREATE TABLE ledger_keys (
  key      TEXT COLLATE "C" PRIMARY KEY,
  position BIGINT NOT NULL
);

-- Full tiles: the tree, 256 hashes a row; never changed once written.
CREATE TABLE ledger_tiles (
  level  BIGINT NOT NULL,
  number BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  root   BYTEA NOT NULL,
  PRIMARY KEY (level, number)
);
-- Hashes are as good as random: trying to compress them would be work for nothing.
ALTER TABLE ledger_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Every size that was signed, with the signed note.
CREATE TABLE ledger_checkpoints (
  size BIGINT PRIMARY KEY,
  note TEXT NOT NULL
);

-- How many entries there are. Who appends locks this one row first, so it is the place where
-- writers meet; it is updated in place, hence the room in its page.
CREATE TABLE ledger_head (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  size     BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO ledger_head (size) VALUES (0);

-- The number of the newest of these files that was run here.
CREATE TABLE ledger_schema (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  version  BIGINT NOT NULL
);
INSERT INTO ledger_schema (version) VALUES (0);
