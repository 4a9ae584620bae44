-- Messages `first` to `first + messages - 1`, appended together. `bodies` is a msgpack list: the
-- bytes of a message whose position is its offset and whose event the envelope makes, else the
-- whole message.
CREATE TABLE IF NOT EXISTS batches (
  first    INTEGER PRIMARY KEY,
  messages INTEGER NOT NULL,
  bodies   BLOB NOT NULL,
  at_ns    INTEGER NOT NULL DEFAULT 0
) STRICT;
