"""An SQLite file of ours: opened again, brought up to date, and told apart from what it is not."""

from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, PermanentError, TemporaryError
from tallystick.sqlite_file import BUSY_MS_MAX, SqliteFile, named_queries

QUERIES = """-- What is kept; each query stands under its name.

-- name: put
INSERT INTO words (word) VALUES (:word);

-- name: words
SELECT word FROM words
ORDER BY word;
"""


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    """A folder of statements."""
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "queries.sql").write_text(QUERIES)
    (folder / "1.sql").write_text("CREATE TABLE words (word TEXT); PRAGMA user_version = 1;")
    (folder / "2.sql").write_text("INSERT INTO words VALUES ('second'); PRAGMA user_version = 2;")
    return folder


def opened(sql: Path, *schemas: str, name: str = "words.db") -> SqliteFile:
    """The file beside the statements."""
    files = [sql / each for each in schemas or ("1.sql",)]
    return SqliteFile(sql.parent / name, "The file", files, named_queries(sql / "queries.sql"))


def test_named_queries(sql: Path) -> None:
    """Each statement by its name, over several lines; what stands above the first is a comment."""
    found = named_queries(sql / "queries.sql")

    assert list(found) == ["put", "words"]
    assert found["words"] == "SELECT word FROM words\nORDER BY word;"


def test_what_was_written_is_there_again(sql: Path) -> None:
    """And a transaction that fails leaves nothing behind."""
    with closing(opened(sql)) as file:
        with file.writing():
            file.run("put", word="kept")
        with suppress(ZeroDivisionError), file.writing():
            file.run("put", word="lost")
            raise ZeroDivisionError
    with closing(opened(sql)) as file, file.reading():
        assert file.run("words") == [("kept",)]
        assert file.one("words") == ("kept",)


def test_a_file_is_brought_up_to_date(sql: Path) -> None:
    """Only by the schemas that it does not have."""
    opened(sql).close()
    for _ in range(2):
        with closing(opened(sql, "1.sql", "2.sql")) as file, file.reading():
            assert file.run("words") == [("second",)]


def test_a_commit_survives_a_power_cut(sql: Path) -> None:
    """WAL, and FULL: each commit is on the disk before it returns; others are waited for."""
    with closing(opened(sql)) as file:
        assert file._connection.pragma("journal_mode") == "wal"
        assert file._connection.pragma("synchronous") == 2
        assert file._connection.pragma("foreign_keys") == 1
        assert file._connection.pragma("busy_timeout") == BUSY_MS_MAX


def test_what_cannot_be_used(sql: Path) -> None:
    """A newer file, a damaged one, one that somebody holds, and one that is closed."""
    opened(sql, "1.sql", "2.sql").close()
    with pytest.raises(PermanentError, match=r"^The file was written by a newer Tallystick\.$"):
        opened(sql)
    (sql.parent / "damaged.db").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(Corrupt, match=r"^The file is damaged: "):
        opened(sql, name="damaged.db")
    file = opened(sql, name="held.db")
    file._connection.set_busy_timeout(1)
    with closing(apsw.Connection(str(sql.parent / "held.db"))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryError, match=r"^The file cannot be used"), file.writing():
            pass
        other.execute("ROLLBACK")
    file.close()
    file.close()
    with pytest.raises(TemporaryError, match="cannot be used right now"), file.reading():
        file.run("words")
