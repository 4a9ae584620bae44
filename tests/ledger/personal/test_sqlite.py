"""The vault in a file: its rights, and what is told of a file that is none."""

import stat
from pathlib import Path

import apsw
import pytest

from tallystick.errors import Corrupt, PermanentError
from tallystick.ledger.personal import SqliteVault


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """Ciphertext is nobody's business either."""
    vault = SqliteVault(tmp_path / "personal.db")
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    vault.close()

    assert set(files.values()) == {0o600}


def test_what_is_no_vault_is_told(tmp_path: Path) -> None:
    """Other bytes are damage; a newer version's file is left alone."""
    path = tmp_path / "personal.db"
    SqliteVault(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(PermanentError, match="newer Tallystick"):
        SqliteVault(path)

    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 1_000)
    with pytest.raises(Corrupt):
        SqliteVault(other)
