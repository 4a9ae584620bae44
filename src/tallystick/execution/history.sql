-- Everything here is folded from entries, and folded again from the ledger when it is lost.

-- Orders as they stand.
CREATE TABLE orders (
  position INTEGER PRIMARY KEY,  -- of the entry that decided it: its id is O-<position>
  account  TEXT NOT NULL,
  pair     INTEGER NOT NULL,     -- these two by number, as in `entries`
  type     INTEGER NOT NULL,
  state    TEXT NOT NULL,
  settled  INTEGER               -- position of the newest entry that changed it later
) STRICT;
CREATE INDEX orders_account ON orders (account, position);
CREATE INDEX orders_open ON orders (account, position)
  WHERE state IN ('new', 'partially_filled', 'suspended');

-- Every later entry about an order: fills, cancels, triggers, what stands in its place.
CREATE TABLE steps (
  decided  INTEGER NOT NULL,     -- position of the entry that decided it
  position INTEGER NOT NULL,
  PRIMARY KEY (decided, position)
) STRICT, WITHOUT ROWID;

-- Every fill, in the order of the ledger.
CREATE TABLE trades (
  position INTEGER PRIMARY KEY,  -- of the entry that holds the fill
  account  TEXT NOT NULL,
  pair     TEXT NOT NULL
) STRICT;
CREATE INDEX trades_account ON trades (account, position);

-- Accounts, pairs and kinds by number, so that the indexes below are small.
CREATE TABLE names (
  number INTEGER PRIMARY KEY,
  name   TEXT NOT NULL UNIQUE
) STRICT;

-- Every entry that says anything, with indexes that answer a search alone (covering).
CREATE TABLE entries (
  position INTEGER PRIMARY KEY,
  account  INTEGER,
  pair     INTEGER,
  kind     INTEGER
) STRICT;
CREATE INDEX entries_account ON entries (account, position, pair, kind);
CREATE INDEX entries_pair ON entries (pair, position, kind);
CREATE INDEX entries_kind ON entries (kind, position);

-- One row a fold: the newest time that any entry before `position` says. Both columns only grow.
CREATE TABLE times (
  position INTEGER PRIMARY KEY,
  at       TEXT NOT NULL         -- RFC 3339, UTC, microseconds: such text is ordered as time is
) STRICT;
CREATE INDEX times_at ON times (at, position);

-- An account's balances after the entry at `position`; one row a fold for each that they moved in.
CREATE TABLE holdings (
  account  TEXT NOT NULL,
  position INTEGER NOT NULL,
  balances TEXT NOT NULL,        -- JSON: minor units by currency
  PRIMARY KEY (account, position)
) STRICT, WITHOUT ROWID;

-- The versions of documents that are neither orders nor trades: limits, kill switches, keys ...
CREATE TABLE documents (
  document TEXT NOT NULL,        -- kind/id
  position INTEGER NOT NULL,     -- of the entry that made this version
  PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

-- One row: how far the ledger has been folded, and which ledger that was.
CREATE TABLE progress (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  root     BLOB NOT NULL          -- of the tree of that size: a projection of another ledger is void
) STRICT;

-- One row: the book as it was at a position, to start from.
CREATE TABLE snapshot (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  root     BLOB NOT NULL,         -- of the tree of that size: a snapshot of another ledger is void
  book     BLOB NOT NULL
) STRICT;
