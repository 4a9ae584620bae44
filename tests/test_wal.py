"""Write-ahead logs are folded back in the background, and nobody loses anything by it."""

from pathlib import Path

import apsw
import pytest

from tallystick import wal


def _writer(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode=WAL; {wal.UNFOLDED}").fetchall()
    connection.execute("CREATE TABLE rows (body BLOB)")
    return connection


def _write(connection: apsw.Connection, rows: int) -> None:
    connection.executemany("INSERT INTO rows VALUES (?)", ((bytes(2_000),) for _ in range(rows)))


def test_fold_copies_the_log_into_the_database(tmp_path: Path) -> None:
    """After folding, the database file itself holds the rows, and the writer goes on."""
    path = tmp_path / "some.db"
    connection = _writer(path)
    _write(connection, 100)
    before = path.stat().st_size

    wal.fold_wal(path)

    assert path.stat().st_size > before + 100 * 2_000
    _write(connection, 1)
    assert connection.execute("SELECT count(*) FROM rows").get == 101
    connection.close()


def test_a_long_log_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above its limit the log is emptied, so unbroken writing cannot fill the disk with it."""
    monkeypatch.setattr(wal, "WAL_BYTES_MAX", 100_000)
    path = tmp_path / "some.db"
    connection = _writer(path)
    _write(connection, 200)
    log = tmp_path / "some.db-wal"
    assert log.stat().st_size > 100_000

    wal.fold_wal(path)

    assert log.stat().st_size == 0
    assert connection.execute("SELECT count(*) FROM rows").get == 200
    connection.close()


def test_an_open_transaction_is_waited_for_and_not_broken(tmp_path: Path) -> None:
    """Folding beside a transaction copies what is committed and leaves the rest alone."""
    path = tmp_path / "some.db"
    connection = _writer(path)
    connection.execute("BEGIN IMMEDIATE")
    _write(connection, 10)

    wal.fold_wal(path)

    connection.execute("COMMIT")
    assert connection.execute("SELECT count(*) FROM rows").get == 10
    connection.close()


def test_no_database_no_folding(tmp_path: Path) -> None:
    """A database that is not there is not made."""
    wal.fold_wal(tmp_path / "none.db")

    assert list(tmp_path.iterdir()) == []
