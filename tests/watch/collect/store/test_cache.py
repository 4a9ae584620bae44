"""The cache: what lies elsewhere is here once, checked, and never too much of it."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import Corrupt, Refused
from tallystick.watch.collect.store.cache import PartCache
from tallystick.watch.collect.store.parts import Part


def part(data: bytes) -> Part:
    """A part with these bytes."""
    digest = hashlib.sha256(data).hexdigest()
    return Part(f"p-{digest[:4]}", "main", "", 0, 1, len(data), 1, 1, 1, 0, 0, {}, digest)


class Vault:
    """Fetches bytes, and remembers how often."""

    def __init__(self) -> None:
        self.fetched = 0

    def gives(self, data: bytes) -> Callable[[Path], None]:
        """What a source does with its target."""

        def fetch(target: Path) -> None:
            self.fetched += 1
            target.write_bytes(data)

        return fetch


def test_a_part_is_fetched_once(tmp_path: Path) -> None:
    """Also by another process of the same folder later."""
    vault = Vault()
    for _ in range(2):
        cache = PartCache(tmp_path / "cache", 100)
        for _ in range(2):
            with cache.using(part(b"abc"), vault.gives(b"abc")) as path:
                assert path.read_bytes() == b"abc"
    assert vault.fetched == 1


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    """What is in use stays, even when there is too much of it."""
    cache, vault = PartCache(tmp_path / "cache", 6), Vault()
    for data in (b"aaa", b"bbb", b"aaa"):
        with cache.using(part(data), vault.gives(data)):
            pass
    with cache.using(part(b"ccc"), vault.gives(b"ccc")) as path:
        with cache.using(part(b"aaa"), vault.gives(b"aaa")):
            assert vault.fetched == 3
        with (
            cache.using(part(b"bbb"), vault.gives(b"bbb")),
            cache.using(part(b"aaa"), vault.gives(b"aaa")),
        ):
            assert len(list(cache.folder.iterdir())) == 3
        assert path.exists()
    with cache.using(part(b"ddd"), vault.gives(b"ddd")):
        assert len(list(cache.folder.iterdir())) == 2


def test_what_is_not_what_was_sealed_is_refused(tmp_path: Path) -> None:
    """Named, and not kept."""
    cache = PartCache(tmp_path / "cache", 100)
    with (
        pytest.raises(Corrupt, match=part(b"abc").path),
        cache.using(part(b"abc"), Vault().gives(b"abd")),
    ):
        pass
    assert list(cache.folder.iterdir()) == []


def test_two_who_want_the_same_wait_for_one_fetch(tmp_path: Path) -> None:
    """It is fetched once, by whoever came first."""
    cache, vault = PartCache(tmp_path / "cache", 100), Vault()
    together = threading.Barrier(4)

    def use() -> None:
        together.wait(30)
        with cache.using(part(b"abc"), vault.gives(b"abc")) as path:
            assert path.read_bytes() == b"abc"

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vault.fetched == 1


def test_more_than_there_is_room_for_is_refused(tmp_path: Path) -> None:
    """Before anything is fetched, with a sentence that helps."""
    cache = PartCache(tmp_path / "cache", 5)
    assert cache.needs([part(b"abc")]) == 3
    with pytest.raises(Refused, match="make its time narrower"):
        cache.needs([part(b"abc"), part(b"def")])
