"""The projection's file: indexed, and thrown away whenever it is not this ledger's."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import apsw
import msgspec
import pytest

from tallystick.execution import History, LimitsText, encode
from tallystick.execution import documents as documents_module
from tallystick.execution import projection as projection_module
from tallystick.execution.entries import AccountOpened
from tallystick.execution.projection import VERSION, Projection
from tallystick.execution.search import BEYOND, FOUND, Filter
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable

LIMITS = LimitsText("1", "1.00", 1, 1, 1)
OLD_SCHEMA = """
CREATE TABLE orders (position INTEGER PRIMARY KEY, account TEXT NOT NULL, state TEXT NOT NULL,
  settled INTEGER) STRICT;
CREATE TABLE trades (position INTEGER PRIMARY KEY, account TEXT, pair TEXT) STRICT;
CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL) STRICT;
INSERT INTO progress VALUES (1, 3);
INSERT INTO orders VALUES (1, 'nobody', 'filled', NULL);
"""
"""As the first release left it."""


def ledger_of(*accounts: str) -> Ledger:
    """A ledger in which these accounts were opened, one after another."""
    ledger = Ledger(MemoryStore(), FileKeyring("tallystick.test/projection", bytes(32)))
    entries = [
        Sealable(encode(AccountOpened(f"2026-11-24T10:00:{n:02}.000000Z", account, LIMITS)))
        for n, account in enumerate(accounts)
    ]
    asyncio.run(ledger.append(0, entries))
    return ledger


def accounts_in(history: History) -> list[str]:
    """The accounts of all entries, as a search gives them."""
    history.fold()
    page = history.search.page(Filter(kind="account_opened"), limit=1_000)
    return [msgspec.json.decode(row.entry)["account"] for _position, row in page.entries]


@pytest.mark.parametrize("way", sorted(FOUND), ids=" ".join)
def test_searches_walk_an_index(way: tuple[str, str], tmp_path: Path) -> None:
    """Each combination of conditions is answered from one covering index, never by a scan."""
    history = History(tmp_path / "projections.db", ledger_of("demo"))
    for query in (FOUND[way], BEYOND[way]):
        plan = plan_of(history, query)
        assert f"SEARCH entries USING COVERING INDEX entries_{way[0]}" in plan, plan
        assert not any(line.startswith("SCAN entries") for line in plan.splitlines()), plan
        assert "entries_" in plan
        assert "TEMP B-TREE" not in plan, plan
    history.close()


@pytest.mark.parametrize(
    "name", ["_ORDER", "_SOME", "_NEWEST", "_TRADED", "_TRADED_LAST"], ids=str.strip
)
def test_documents_are_found_by_an_index(name: str, tmp_path: Path) -> None:
    """Versions are looked up, never searched for."""
    history = History(tmp_path / "projections.db", ledger_of("demo"))
    plan = plan_of(history, getattr(documents_module, name))
    assert "SEARCH" in plan
    assert "SCAN" not in plan, plan
    history.close()


def test_times_and_balances_are_found_by_an_index(tmp_path: Path) -> None:
    """As of a time, as of a position: one step down a tree."""
    history = History(tmp_path / "projections.db", ledger_of("demo"))
    for name in ("_BEFORE", "_UP_TO", "_HELD"):
        plan = plan_of(history, getattr(projection_module, name))
        assert "SEARCH" in plan
        assert "SCAN" not in plan, plan
    history.close()


def plan_of(history: History, query: str) -> str:
    """How SQLite answers a statement."""
    connection = history._projection.connection
    values = (1,) * query.count("?") if "?" in query else _Anything()
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()
    return "\n".join(str(row[3]) for row in rows)


class _Anything(dict[str, int]):
    """A value for every name and number of a statement."""

    def __missing__(self, _name: str) -> int:
        return 1


def test_a_file_of_the_first_release_is_folded_again(tmp_path: Path) -> None:
    """Another schema is dropped, not migrated: the ledger has all of it."""
    path = tmp_path / "projections.db"
    old = apsw.Connection(str(path))
    old.execute(OLD_SCHEMA)
    old.close()

    history = History(path, ledger_of("a", "b", "c"))

    assert history.position == 0
    assert accounts_in(history) == ["a", "b", "c"]
    assert history.orders("nobody", state=None, limit=10, before=None) == []
    assert history._projection.connection.pragma("user_version") == VERSION
    history.close()


def test_a_file_of_another_ledger_is_folded_again(tmp_path: Path) -> None:
    """Also of one that is shorter or just as long: the root beside the progress is another."""
    path = tmp_path / "projections.db"
    for accounts in (["a", "b"], ["c", "d"], ["e", "f", "g"], ["e", "f", "g", "h"], ["x"]):
        history = History(path, ledger_of(*accounts))
        assert history.position == (3 if accounts == ["e", "f", "g", "h"] else 0)
        assert accounts_in(history) == accounts
        history.close()


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    """Bytes that are no database: nothing is lost, and nobody has to repair it."""
    path = tmp_path / "projections.db"
    path.write_bytes(b"no database at all, " * 400)

    history = History(path, ledger_of("a", "b"))

    assert accounts_in(history) == ["a", "b"]
    history.close()


@pytest.mark.parametrize("beside", [False, True], ids=["here", "in a thread"])
def test_a_fold_that_fails_leaves_nothing_behind(
    beside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in memory only is forgotten with the transaction: the next fold does it all."""
    history = History(tmp_path / "projections.db", ledger_of("a", "b", "c"))

    def fold() -> None:
        if beside:
            asyncio.run(fold_beside(history))
        else:
            history.fold()

    with monkeypatch.context() as patch:
        patch.setattr(projection_module, "_ADVANCE", "INSERT INTO nowhere VALUES (?, ?)")
        with pytest.raises(apsw.SQLError, match="nowhere"):
            fold()
    assert history.position == 0
    assert history._projection.number_of("a") is None

    with monkeypatch.context() as patch:
        patch.setattr(Projection, "_post", None)
        with pytest.raises(TypeError):
            fold()
    assert history._projection.number_of("a") is None

    fold()
    assert history.position == 3
    assert accounts_in(history) == ["a", "b", "c"]
    history.close()


async def fold_beside(history: History) -> int:
    """One fold in a thread."""
    with ThreadPoolExecutor(1) as thread:
        return await history.fold_in(thread)


def test_a_look_up_waits_for_the_thread(tmp_path: Path) -> None:
    """Whoever looks something up while a thread folds sees all of it, and it is folded once."""
    history = History(tmp_path / "projections.db", ledger_of("a", "b", "c"))

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            gate = Event()
            thread.submit(gate.wait)
            folding = asyncio.create_task(history.fold_in(thread))
            await asyncio.sleep(0)
            assert history.position == 0
            gate.set()
            assert accounts_in(history) == ["a", "b", "c"]
            assert history.position == 3
            assert await folding == 0
            assert await history.fold_in(thread) == 0
        history.close()

    asyncio.run(run())


def test_who_gives_up_leaves_the_thread_to_its_work(tmp_path: Path) -> None:
    """A cancelled fold is finished by the thread, and closing the file waits for it."""
    history = History(tmp_path / "projections.db", ledger_of("a", "b", "c"))

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            gate = Event()
            thread.submit(gate.wait)
            folding = asyncio.create_task(history.fold_in(thread))
            await asyncio.sleep(0)
            folding.cancel()
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await folding
            history.close()
        assert history.position == 3

    asyncio.run(run())
