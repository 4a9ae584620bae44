"""Rows on disk: any page of them, while more are written, in a file that goes away."""

import threading
from pathlib import Path

import pytest

from tallystick.watch.collect.search.spool import ROWS_BETWEEN_MARKS, Spool

ROWS = 3 * ROWS_BETWEEN_MARKS + 7


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty one."""
    return Spool(tmp_path / "rows")


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        (0, 1),
        (0, ROWS),
        (1, ROWS_BETWEEN_MARKS),
        (ROWS_BETWEEN_MARKS - 1, 2),
        (ROWS_BETWEEN_MARKS, ROWS_BETWEEN_MARKS),
        (ROWS - 1, 5),
        (ROWS, 5),
        (ROWS + 100, 1),
    ],
)
def test_any_page_comes_back(spool: Spool, offset: int, count: int) -> None:
    """Values are those that were written, wherever the page begins and ends."""
    rows: list[list[object]] = [[n, f"x\n{n}", None, n / 2, ["a", "b"]] for n in range(ROWS)]
    for at in range(0, ROWS, 100):
        spool.add(rows[at : at + 100])
    assert spool.read(offset, count) == rows[offset : offset + count]
    assert spool.rows == ROWS
    spool.close()


def test_it_is_private_and_goes_away(spool: Spool, tmp_path: Path) -> None:
    """Only its owner may read it; closed it gives nothing, takes nothing and leaves no file."""
    path = tmp_path / "rows"
    spool.add([[1]])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == spool.size
    spool.close()
    spool.close()
    spool.add([[2]])
    assert spool.read(0, 10) == []
    assert not path.exists()


def test_pages_are_read_while_rows_are_written(spool: Spool) -> None:
    """A reader sees whole rows only, and each that was there when it asked."""

    def write() -> None:
        for number in range(ROWS):
            spool.add([[number]])

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[object] = []
    while writer.is_alive() or len(seen) < spool.rows:
        seen += [row[0] for row in spool.read(len(seen), 50)]
    writer.join()
    assert seen == list(range(ROWS))
    spool.close()
