-- Messages `first` to `first + messages - 1`; bodies is a msgpack list of their bytes.
CREATE TABLE IF NOT EXISTS batches (
  first    INTEGER PRIMARY KEY,
  messages INTEGER NOT NULL,
  bodies   BLOB NOT NULL
) STRICT;

-- Where each consumer goes on.
CREATE TABLE IF NOT EXISTS cursors (
  consumer TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT;
