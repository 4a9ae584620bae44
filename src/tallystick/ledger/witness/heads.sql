-- The newest checkpoint that was cosigned for each log. A size is text: SQLite's integers end
-- at 2^63, those of a tree at 2^64.
CREATE TABLE heads (
  origin TEXT PRIMARY KEY,
  size   TEXT NOT NULL,
  root   BLOB NOT NULL,
  note   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Whose memory this is: the verifier key line of the one witness that may sign by it.
CREATE TABLE owner (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  vkey TEXT NOT NULL
) STRICT;
