"""What is kept of natural persons against the entries about them: nothing more, nothing less."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import apsw
import pytest

from tallystick.errors import Corrupt, TemporaryError
from tallystick.ledger.personal import Subjects
from tallystick.ledger.personal.check import check_personal, postgres_tables, sqlite_tables
from tallystick.ledger.personal.postgres import PostgresVault


class Kept:
    """A house in which S-1 and S-2 were recorded and S-3 was erased; and how to change it."""

    def __init__(self, house: Any, sql: Callable[[str], object], dsn: str = "") -> None:
        self.house, self.sql, self.dsn = house, sql, dsn

    def check(self) -> int:
        """Compare vault and keys with the entries; how many were read."""
        folder = self.house.folder
        vault = postgres_tables(self.dsn) if self.dsn else sqlite_tables(folder / "personal.db")
        with vault as values, sqlite_tables(folder / "keys" / "subjects.db") as keys:
            return sum(check_personal(values, keys, self.house.ledger))


@pytest.fixture(params=["postgres", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, sqlite_house: Any) -> Iterator[Kept]:
    """The same house on each database."""
    house = sqlite_house
    if request.param == "sqlite":
        kept = Kept(house, lambda sql: on_file(tmp_path / "personal.db", sql))
    else:
        postgres: Any = request.getfixturevalue("postgres")
        dsn = postgres.schema()
        house._make_vault = lambda: PostgresVault(dsn)
        house.open()
        kept = Kept(house, lambda sql: postgres.run(sql.replace("x'", "'\\x"), dsn=dsn), dsn)

    async def live(subjects: Subjects) -> None:
        for subject in ("S-1", "S-2", "S-3"):
            await house.trade(3)
            await subjects.record(subject, {"name": subject * 3, "city": "x"}, account=None, by="b")
        await subjects.record("S-1", {"name": "another"}, account=None, by="b")
        await subjects.erase("S-3", reason="asked", legal_basis=None, by="b")

    house.run(live)
    yield kept
    house.close()


def on_file(path: Path, sql: str) -> None:
    """Change something behind everybody's back."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(sql)


def test_clean(kept: Kept) -> None:
    """Everything is accounted for, before and after the next start."""
    assert kept.check() == kept.house.ledger.size
    kept.house.open()
    kept.house.run(lambda _subjects: asyncio.sleep(0))
    assert kept.check() == kept.house.ledger.size


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "INSERT INTO personal_fields VALUES ('S-2', x'ab', x'cd', NULL)",
            "holds a value of S-2 that no entry committed to",
        ),
        (
            "INSERT INTO personal_fields VALUES ('S-3', x'ab', x'cd', 1)",
            "A value of S-3, who was erased at position 13, is there",
        ),
        (
            "UPDATE personal_fields SET subject = 'S-9' WHERE subject = 'S-2'",
            "holds a value of S-9 that no entry committed to",
        ),
        (
            "DELETE FROM personal_fields WHERE subject = 'S-2'",
            "lacks a value of S-2 that entry 7 committed to",
        ),
        (
            "DELETE FROM personal_recordings WHERE subject = 'S-2'",
            "does not list entry 7 about S-2",
        ),
        ("INSERT INTO personal_recordings VALUES ('S-2', 3)", "lists entry 3 about S-2"),
        ("DELETE FROM personal_erasures", "does not list entry 13 about S-3"),
        ("UPDATE personal_erasures SET position = 3", "about S-3; the ledger differs"),
        ("UPDATE personal_progress SET position = 5", "about S-"),
        ("ALTER TABLE personal_fields RENAME TO fields", "damaged"),
    ],
)
def test_whatever_is_changed_is_found(kept: Kept, statement: str, sentence: str) -> None:
    """One statement, and the sentence that says what it changed."""
    kept.sql(statement)
    with pytest.raises(Corrupt, match=sentence):
        kept.check()


def test_a_longer_ledger_was_followed(kept: Kept) -> None:
    """After a restore; the next start folds anew, so it is no contradiction."""
    kept.sql("UPDATE personal_progress SET position = 5000")
    with pytest.raises(TemporaryError, match="followed a longer ledger"):
        kept.check()


def test_keys_that_came_back(kept: Kept, tmp_path: Path) -> None:
    """A backup of the keys: one of them belongs to somebody who was erased."""
    keys = kept.house.folder / "keys" / "subjects.db"
    backup = tmp_path / "backup.db"

    async def record(subjects: Subjects) -> None:
        await subjects.record("S-4", {"name": "Nobody"}, account=None, by="b")

    async def erase(subjects: Subjects) -> None:
        await subjects.erase("S-4", reason="asked", legal_basis=None, by="b")

    kept.house.run(record)
    copy(keys, backup)
    kept.house.run(erase)
    kept.house.close()
    copy(backup, keys)
    kept.house._open = []
    kept.house.ledger = type(kept.house.ledger)(kept.house.store(), kept.house.signer)
    with pytest.raises(
        TemporaryError, match=r"The key of S-4, .* the server's next start destroys"
    ):
        kept.check()
    on_file(keys, "UPDATE progress SET position = 16")
    with pytest.raises(Corrupt, match="The key of S-4, who was erased at position 15, is there"):
        kept.check()
    kept.house.ledger.close()


def test_nobody_was_ever_recorded(sqlite_house: Any) -> None:
    """Without subjects there is nothing to compare, and nothing is made."""
    asyncio.run(sqlite_house.trade(5))
    sqlite_house.folder.joinpath("elsewhere").mkdir()
    there = sqlite_house.folder / "elsewhere" / "personal.db"
    with sqlite_tables(there) as values, sqlite_tables(there) as keys:
        assert sum(check_personal(values, keys, sqlite_house.ledger)) == 5
    assert not there.exists()


def test_a_vault_that_is_gone(kept: Kept) -> None:
    """What entries committed to was lost."""
    nothing = kept.house.folder / "nothing.db"
    with (
        sqlite_tables(nothing) as values,
        pytest.raises(Corrupt, match="lacks a value of S-1"),
    ):
        sum(check_personal(values, values, kept.house.ledger))


def test_noise(tmp_path: Path, sqlite_house: Any) -> None:
    """A sentence, no traceback."""
    path = tmp_path / "noise.db"
    path.write_bytes(b"\xa5" * 8_192)
    with (
        pytest.raises(Corrupt, match=r"noise\.db is damaged"),
        sqlite_tables(path) as values,
    ):
        sum(check_personal(values, values, sqlite_house.ledger))
    path.unlink()
    path.mkdir()
    with (
        pytest.raises(TemporaryError, match="cannot be read"),
        sqlite_tables(path) as values,
    ):
        sum(check_personal(values, values, sqlite_house.ledger))


def test_postgres_is_away() -> None:
    """No answer is no contradiction."""
    with (
        pytest.raises(TemporaryError, match="cannot be read"),
        postgres_tables("postgresql://nobody@127.0.0.1:1/none") as _values,
    ):
        pass
