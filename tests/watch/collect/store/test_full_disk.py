"""A disk that is full in the middle of a seal: nothing is lost; it goes on when there is room."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tallystick.errors import TemporaryError
from tallystick.watch.collect.store import LogStore

OpenStore = Callable[..., LogStore]


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As if the disk were full: no file of this process grows beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def check(store: LogStore, lines: int) -> None:
    """All of them are there once."""
    assert [seq for seq, _ in store.read(1, 1_000)] == list(range(1, lines + 1))
    assert store.verify() == ()


def test_no_room_for_a_part(open_store: OpenStore) -> None:
    """The file cannot be written: the lines stay hot, and are sealed later."""
    store = open_store()
    store.append([msgspec.json.encode({"n": n, "text": f"{n:x}" * 9}) for n in range(500)])
    with no_file_longer_than(1_000), pytest.raises(TemporaryError, match="cannot be sealed"):
        store.seal()
    check(store, 500)
    assert store.parts() == ()
    store.seal()
    assert len(store.parts()) == 1
    check(store, 500)
    store.close()
    check(open_store(), 500)


def test_no_room_for_a_record(open_store: OpenStore, tmp_path: Path) -> None:
    """The parts are there but not committed: they are put again, and counted once."""
    store = open_store(small_files=100)
    for n in range(9):
        store.append([msgspec.json.encode({"n": n, "text": "x" * 40})])
        if n < 8:
            store.seal()
    written = (tmp_path / "logs" / "manifest.jsonl").stat().st_size
    with no_file_longer_than(written + 50), pytest.raises(TemporaryError, match="manifest"):
        store.seal()
    check(store, 9)
    store.seal()
    check(store, 9)
    store.close()
    check(open_store(), 9)
