-- Alarms: definitions made through the API, states, what is still to be told, and why.

CREATE TABLE definitions (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,         -- counts the changes of this name, also over a deletion
    changed_at_ns INTEGER NOT NULL,
    author TEXT NOT NULL,
    alarm BLOB                        -- JSON, see alarm.Alarm; NULL: deleted
) STRICT;

CREATE TABLE series (
    alarm TEXT NOT NULL,
    series TEXT NOT NULL,             -- its labels, see series.series_key
    body BLOB NOT NULL,               -- JSON, see watched.Standing
    PRIMARY KEY (alarm, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE traces (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alarm TEXT NOT NULL,
    series TEXT NOT NULL,
    trace BLOB NOT NULL               -- JSON, see alarm.Trace
) STRICT;

CREATE INDEX traces_of ON traces (alarm, seq);

-- Alerts that commit with the change of state that they tell of, until the notifier has them.
CREATE TABLE untold (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert BLOB NOT NULL               -- JSON, see notify.Alert
) STRICT;

-- What the runner goes on from: the stream's position with the counts so far; learnt bands.
CREATE TABLE kept (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
