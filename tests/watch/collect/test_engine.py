"""The search engine on its short lead."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import Refused
from tallystick.watch.collect.conditions import Condition
from tallystick.watch.collect.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine for an empty folder."""
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_it_touches_nothing_outside_its_folder(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither reading nor writing, nor more memory, nor a wider folder."""
    connection = engine._searching_connection()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.parquet"
    for sql in (
        "SELECT * FROM read_text('/etc/hostname')",
        f"COPY (SELECT 1) TO '{elsewhere}'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
    ):
        with pytest.raises((duckdb.PermissionException, duckdb.IOException)):
            connection.execute(sql)
    for setting in ("memory_limit = '8GB'", "enable_external_access = true"):
        with pytest.raises(duckdb.InvalidInputException):
            connection.execute(f"SET {setting}")
    assert not elsewhere.exists()


def test_a_search_that_takes_too_long_is_stopped(engine: Engine) -> None:
    """The time limit interrupts the engine, and the next search is not hurt by it."""
    endless = Condition("(SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = seq) > 0")
    with pytest.raises(Refused) as refused, engine.time_limit(0.1):
        engine.find_in_text(1, '{"a":1}', endless, before=9, limit=9)
    assert refused.value.code == "QUERY_TOO_SLOW"
    with engine.time_limit(60):
        assert engine.find_in_text(1, "{}", Condition("true"), before=9, limit=9) == [(1, "{}")]


def consume(endless: Iterator[object]) -> None:
    """Go through it until it raises."""
    for _ in endless:
        pass


def test_time_is_also_watched_between_two_finds(engine: Engine) -> None:
    """An interrupt that falls between two finds is not lost."""
    with pytest.raises(Refused, match="longer than 0 seconds"), engine.time_limit(0) as check:
        consume(iter(check, "never"))


def test_a_page_that_needs_too_much_memory_is_refused(engine: Engine) -> None:
    """The memory limit holds, and is said in words."""
    big = Condition("(SELECT count(DISTINCT i) FROM range(1000000000) t(i)) > seq")
    with pytest.raises(Refused) as refused, engine.time_limit(60):
        engine.find_in_text(1, '{"a":1}', big, before=9, limit=9)
    assert refused.value.code == "QUERY_TOO_LARGE"


def test_seal_and_merge_keep_every_line_and_its_number(engine: Engine, tmp_path: Path) -> None:
    """What is written is read back the same, also over two files."""
    one, two, both = (tmp_path / f"{name}.parquet" for name in ("one", "two", "both"))
    assert engine.seal(1, '{"a":1}\n{"b":"\\u0000é"}', one) == 2
    assert engine.seal(3, "{}", two) == 1
    assert engine.merge([one, two], both) == 3
    found = engine.find_in_file(both, Condition("true"), before=9, limit=9)
    assert found == [(3, "{}"), (2, '{"b":"\\u0000é"}'), (1, '{"a":1}')]
