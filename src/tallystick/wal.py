"""SQLite's write-ahead log, folded back into its database in the background.

SQLite would do it inside some commit, and whoever waits for that commit would wait for the disk a
hundred times longer. So connections that answer people switch it off (`UNFOLDED`), and a thread of
its own calls `fold_wal` every now and then.
"""

from pathlib import Path

import apsw

UNFOLDED = "PRAGMA wal_autocheckpoint=0;"
"""For the connections that write."""
WAL_BYTES_MAX = 64 * 1024 * 1024
"""Above this the log is begun anew, for which writers wait a moment."""
BUSY_MS_MAX = 1_000


def fold_wal(path: Path) -> None:
    """Copy what is committed from the log of the database at `path` into it.

    Writers go on meanwhile. Under unbroken writing the log would never begin anew, so a long one
    is folded once more while writers wait: by then little is left to copy.
    """
    if not path.exists():
        return
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MS_MAX)
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size > WAL_BYTES_MAX:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
