"""The file of the event rules: opened again, and told apart from what it is not."""

from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, PermanentError, TemporaryError
from tallystick.stream.rules.database import Database


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """And a transaction that fails leaves nothing behind."""
    path = tmp_path / "rules.db"
    with closing(Database(path)) as database:
        with database.writing():
            database.run("keep_cursor", name="ledger", position=7)
        with suppress(ZeroDivisionError), database.writing():
            database.run("keep_cursor", name="ledger", position=9)
            raise ZeroDivisionError
    with closing(Database(path)) as database, database.reading():
        assert database.one("cursor", name="ledger") == (7,)
        assert database.one("cursor", name="other") is None


def test_a_position_never_goes_back(tmp_path: Path) -> None:
    """Whatever comes late."""
    with closing(Database(tmp_path / "rules.db")) as database, database.writing():
        database.run("keep_cursor", name="ledger", position=7)
        database.run("keep_cursor", name="ledger", position=3)
        assert database.one("cursor", name="ledger") == (7,)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A newer file, a damaged one, one that somebody holds, and one that is closed."""
    newer = tmp_path / "newer.db"
    with closing(apsw.Connection(str(newer))) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PermanentError, match="newer Tallystick"):
        Database(newer)
    (tmp_path / "damaged.db").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(Corrupt, match="is damaged"):
        Database(tmp_path / "damaged.db")
    database = Database(tmp_path / "rules.db")
    database.close()
    database.close()
    with pytest.raises(TemporaryError, match="cannot be used right now"), database.reading():
        database.run("cursor", name="x")
