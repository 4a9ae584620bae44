"""Reading ahead: the same answers in the same order, a bounded number of them before their time."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tallystick.ledger.verify.ahead import WAITING_MAX, Ahead, bundles_and_tiles
from tallystick.ledger.verify.report import CannotTell


class Library:
    """Gives each path's own name, and remembers what was asked of it."""

    def __init__(self, missing: str = "", broken: str = "") -> None:
        self.asked: list[str] = []
        self._missing, self._broken = missing, broken
        self._lock = threading.Lock()

    def fetch(self, path: str) -> bytes | None:
        """The path itself."""
        with self._lock:
            self.asked.append(path)
        if path == self._broken:
            raise CannotTell(f"{path} is broken")
        return None if path == self._missing else path.encode()

    def versions(self, path: str) -> Sequence[int]:
        """Only what was asked about."""
        return [len(path)]

    def files(self) -> Iterator[str]:
        """One."""
        return iter(["one"])

    def close(self) -> None:
        """Nothing is held open."""


def test_each_path_gives_its_own_bytes_in_order() -> None:
    """Thousands of files by several threads: none is mixed up, and none is fetched twice."""
    paths = list(bundles_and_tiles(300_000))
    library = Library(missing=paths[7])
    with closing(Ahead(library, iter(paths))) as ahead:
        got = [ahead.fetch(path) for path in paths]
    assert got == [None if path == paths[7] else path.encode() for path in paths]
    assert sorted(library.asked) == sorted(paths)


def test_what_is_asked_out_of_order_is_fetched_at_once() -> None:
    """A tile above, or a full one in a partial one's place, comes between."""
    library = Library()
    with closing(Ahead(library, iter(["a", "b"]))) as ahead:
        assert [ahead.fetch(path) for path in ("x", "a", "y", "b", "z")] == [
            b"x", b"a", b"y", b"b", b"z",
        ]  # fmt: skip
        assert ahead.versions("abc") == [3]
        assert list(ahead.files()) == ["one"]


def test_not_too_far_ahead() -> None:
    """Of an endless ledger no more is fetched than what may wait."""
    library = Library()
    with closing(Ahead(library, (str(number) for number in iter(int, 1)))) as ahead:
        ahead.fetch("elsewhere")
    assert len(library.asked) <= 1 + WAITING_MAX


def test_what_fails_fails_when_it_is_asked_for() -> None:
    """Not before, and no later."""
    with closing(Ahead(Library(broken="b"), iter("abc"))) as ahead:
        assert ahead.fetch("a") == b"a"
        with pytest.raises(CannotTell, match="b is broken"):
            ahead.fetch("b")
        assert ahead.fetch("c") == b"c"


def test_the_paths_of_a_walk() -> None:
    """Each bundle, then its tile; the last ones are partial (ledger.md 7.5 H)."""
    assert list(bundles_and_tiles(257)) == [
        "tile/entries/000", "tile/0/000", "tile/entries/001.p/1", "tile/0/001.p/1",
    ]  # fmt: skip
    assert list(bundles_and_tiles(0)) == []
