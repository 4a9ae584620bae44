-- Where each consumer goes on; `moved` counts how often somebody else put it elsewhere, `touched_ns`
-- is when its consumer was last heard of.
CREATE TABLE IF NOT EXISTS cursors (
  consumer   TEXT PRIMARY KEY,
  position   INTEGER NOT NULL,
  moved      INTEGER NOT NULL DEFAULT 0,
  touched_ns INTEGER NOT NULL DEFAULT 0
) STRICT;
