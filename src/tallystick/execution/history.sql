-- Orders as they stand, folded from entries; rebuilt from the ledger when it is lost.
CREATE TABLE IF NOT EXISTS orders (
  position INTEGER PRIMARY KEY,  -- of the entry that decided it: its id is O-<position>
  account  TEXT NOT NULL,
  state    TEXT NOT NULL,
  settled  INTEGER               -- position of the entry that filled or cancelled it later
) STRICT;
CREATE INDEX IF NOT EXISTS orders_account ON orders (account, position);

-- Every fill, in the order of the ledger.
CREATE TABLE IF NOT EXISTS trades (
  position INTEGER PRIMARY KEY,  -- of the entry that holds the fill
  account  TEXT NOT NULL,
  pair     TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trades_account ON trades (account, position);

-- One row: how far the ledger has been folded.
CREATE TABLE IF NOT EXISTS progress (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL
) STRICT;

-- One row: the book as it was at a position, to start from.
CREATE TABLE IF NOT EXISTS snapshot (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  root     BLOB NOT NULL,         -- of the tree of that size: a snapshot of another ledger is void
  book     BLOB NOT NULL
) STRICT;
