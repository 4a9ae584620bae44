-- The newest snapshot of the book; rebuilt from the ledger whenever it is missing.
CREATE TABLE IF NOT EXISTS book_snapshot (
  only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  position BIGINT NOT NULL CHECK (position >= 0),
  root     BYTEA NOT NULL,
  book     BYTEA NOT NULL
)
