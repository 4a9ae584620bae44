"""The search engine on its short lead."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import Corrupt, Refused, ShuttingDown, TemporaryError
from tallystick.limits import LOG_SEARCHES_MAX
from tallystick.watch.collect.store import engine as engine_module
from tallystick.watch.collect.store.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine for an empty folder."""
    engine = Engine(tmp_path / "spill", [tmp_path])
    yield engine
    engine.close()


def test_it_touches_nothing_outside_its_folder(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither reading nor writing, nor more memory, nor a wider folder."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.csv"
    with engine.searching(60) as searcher:
        for sql in (
            "SELECT * FROM read_text('/etc/hostname')",
            f"COPY (SELECT 1) TO '{elsewhere}'",
            "ATTACH '/tmp/other.db'",
            "INSTALL httpfs",
        ):
            with pytest.raises(Refused) as refused:
                searcher.rows(sql, [])
            assert isinstance(refused.value.__cause__, duckdb.PermissionException)
        for setting in ("memory_limit = '8GB'", "enable_external_access = true"):
            with pytest.raises(Refused) as refused:
                searcher.rows(f"SET {setting}", [])
            assert isinstance(refused.value.__cause__, duckdb.InvalidInputException)
    assert not elsewhere.exists()


@pytest.mark.parametrize("sql", ["SELEC", "SELECT x", "SELECT 'a'::INT", "SELECT 1 ~ '('"])
def test_a_statement_that_makes_no_sense_is_refused(engine: Engine, sql: str) -> None:
    """With what DuckDB says about it, on one line."""
    with engine.searching(60) as searcher, pytest.raises(Refused) as refused:
        searcher.rows(sql, [])
    assert refused.value.code == "BAD_QUERY"
    assert "\n" not in str(refused.value)


def test_a_damaged_part_is_corrupt(engine: Engine, tmp_path: Path) -> None:
    """And one that is not there may be again."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with engine.searching(60) as searcher:
        with pytest.raises(Corrupt):
            searcher.rows("SELECT * FROM read_parquet(?)", [str(tmp_path / "x.parquet")])
        with pytest.raises(TemporaryError):
            searcher.rows("SELECT * FROM read_parquet(?)", [str(tmp_path / "y.parquet")])


def test_a_search_that_takes_too_long_is_stopped(engine: Engine) -> None:
    """The time limit interrupts it, also between two statements; the next is not hurt by it."""
    with engine.searching(0.1) as searcher:
        for _ in range(2):
            with pytest.raises(Refused, match=r"longer than 0\.1 seconds") as refused:
                searcher.rows("SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3", [])
            assert refused.value.code == "QUERY_TOO_SLOW"
    with engine.searching(60) as searcher:
        assert searcher.rows("SELECT ?", [7]) == [(7,)]


def test_a_query_that_needs_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, what does not fit goes to the disk, and that is bounded too."""
    monkeypatch.setattr(engine_module, "LOG_SEARCH_MEMORY_MIB_MAX", 64)
    monkeypatch.setattr(engine_module, "LOG_SPILL_MIB_MAX", 16)
    engine = Engine(tmp_path / "spill", [tmp_path])
    with engine.searching(60) as searcher, pytest.raises(Refused) as refused:
        searcher.rows("SELECT count(DISTINCT hash(i)) FROM range(100000000) t(i)", [])
    assert refused.value.code == "QUERY_TOO_LARGE"
    engine.close()


def test_a_sort_that_does_not_fit_into_memory_goes_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into its own folder, from which it is gone afterwards."""
    monkeypatch.setattr(engine_module, "LOG_SEARCH_MEMORY_MIB_MAX", 64)
    engine = Engine(tmp_path / "spill", [tmp_path])
    with engine.searching(60) as searcher:
        rows = searcher.rows(
            "SELECT max(x) FROM (SELECT row_number() OVER (ORDER BY hash(i)) + i AS x"
            " FROM range(3000000) t(i))",
            [],
        )
    assert rows[0][0] > 3_000_000
    engine.close()
    assert not list((tmp_path / "spill").glob("*"))


def test_searches_beyond_the_bound_wait(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are told so when it takes too long."""
    monkeypatch.setattr(engine_module, "QUERY_SECONDS_MAX", 0.01)
    searchers = [engine.searcher(60) for _ in range(LOG_SEARCHES_MAX)]
    with pytest.raises(Exception, match="still running"):
        engine.searcher(60)
    for searcher in searchers:
        engine.release(searcher)
    with engine.searching(60) as searcher:
        assert searcher.rows("SELECT 1", []) == [(1,)]


def test_a_closed_engine_gives_nothing(tmp_path: Path) -> None:
    """It does not open a second database by itself."""
    engine = Engine(tmp_path / "spill", [tmp_path])
    engine.close()
    for _ in range(LOG_SEARCHES_MAX + 1):
        with pytest.raises(ShuttingDown):
            engine.searcher(60)
    engine.drop_table("hot_1")
