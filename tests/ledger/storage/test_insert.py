"""Many rows in few statements: all of them, in their order."""

from contextlib import closing

import apsw
import pytest

from tallystick.ledger.storage.insert import LARGE_STATEMENT_ROWS, STATEMENT_ROWS, insert

COUNTS = [0, 1, STATEMENT_ROWS, STATEMENT_ROWS + 1, LARGE_STATEMENT_ROWS, 2 * LARGE_STATEMENT_ROWS]


@pytest.mark.parametrize("count", [*COUNTS, 1_500])
def test_every_row_is_stored(count: int) -> None:
    """Whatever their number, and twice through the same prepared statements."""
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT")
        rows = [(number, f"row {number}") for number in range(count)]
        again = [(number + count, text) for number, text in rows]

        insert(connection, "INSERT INTO t (a, b) VALUES ", rows)
        insert(connection, "INSERT INTO t (a, b) VALUES ", again)

        assert connection.execute("SELECT * FROM t ORDER BY a").fetchall() == rows + again


def test_a_row_that_is_refused_is_said() -> None:
    """A key that is there already: the database's own error, for the caller to roll back."""
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT")
        with pytest.raises(apsw.ConstraintError):
            insert(connection, "INSERT INTO t (a) VALUES ", [(1,), (2,), (1,)])
