"""A store whose sealed parts are in a bucket: S3 keeps what a lost disk takes with it."""

import shutil
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Corrupt, Forked, TemporaryError
from tallystick.watch.collect.query import Search
from tallystick.watch.collect.store import LogStore, SegmentLimits, open_place


def opened(bucket: str, folder: Path) -> LogStore:
    """The store of this bucket, with its hot lines in the folder."""
    limits = SegmentLimits(small_files=3)
    return LogStore(folder, ManualClock(), limits, place=open_place(bucket, folder))


def fill(store: LogStore, *numbers: int) -> None:
    """Lines that carry these numbers."""
    store.append([msgspec.json.encode({"n": number}) for number in numbers])


def numbers(store: LogStore) -> list[int]:
    """Those of all lines, in the order of arrival."""
    return [msgspec.json.decode(line)["n"] for _, line in store.read(1, 100)]


def test_a_lost_disk_loses_only_what_was_not_sealed(bucket: str, tmp_path: Path) -> None:
    """With an empty folder the manifest comes from the bucket, and the parts when they are read."""
    store = opened(bucket, tmp_path / "a")
    for number in range(4):
        fill(store, number)
        store.seal()  # the third makes the three one
    fill(store, 4)
    head, parts = store.head, store.parts()
    assert [part.rows for part in parts] == [3, 1]
    store.close()
    shutil.rmtree(tmp_path / "a")
    store = opened(bucket, tmp_path / "b")
    assert (store.head, store.parts(), store.end) == (head, parts, 5)
    assert numbers(store) == [0, 1, 2, 3]
    assert len(list((tmp_path / "b" / "cache").iterdir())) == 2
    assert store.verify() == ()
    fill(store, 5)
    store.seal()
    assert numbers(store) == [0, 1, 2, 3, 5]
    assert len(store.page(Search(), 9).logs) == 5
    store.close()


def test_the_cache_spares_the_way_to_the_bucket(bucket: str, tmp_path: Path) -> None:
    """What was sealed here is read here, also after a restart, even when the bucket is gone."""
    store = opened(bucket, tmp_path)
    fill(store, 1, 2)
    store.seal()
    store.close()
    store = opened(bucket, tmp_path)
    (part,) = store.parts()
    cached = tmp_path / "cache" / f"{part.sha256}.parquet"
    assert cached.stat().st_size == part.size
    assert not list((tmp_path / "work").iterdir())
    open_place(bucket, tmp_path).shelf.delete(part.path)
    assert numbers(store) == [1, 2]
    store.close()


def test_a_second_writer_of_the_same_prefix_stops(bucket: str, tmp_path: Path) -> None:
    """It would tear the history apart; its lines stay in its own folder."""
    one = opened(bucket, tmp_path / "one")
    two = opened(bucket, tmp_path / "two")
    fill(one, 1)
    fill(two, 2)
    one.seal()
    with pytest.raises(Forked):
        two.seal()
    assert numbers(two) == [2]
    one.close()
    two.close()


def test_a_part_that_somebody_changed_is_noticed(bucket: str, tmp_path: Path) -> None:
    """When it is fetched: by the hash that the manifest has."""
    store = opened(bucket, tmp_path / "a")
    fill(store, 1)
    store.seal()
    (part,) = store.parts()
    store.close()
    place = open_place(bucket, tmp_path / "x")
    (tmp_path / "other").write_bytes(b"PAR1 another")
    place.shelf.put(part.path, tmp_path / "other")
    store = opened(bucket, tmp_path / "b")
    with pytest.raises(Corrupt, match=part.path):
        numbers(store)
    place.shelf.delete(part.path)
    (finding,) = store.verify()
    assert (finding.part, finding.problem) == (part.path, "The part is missing.")
    with pytest.raises(TemporaryError):
        numbers(store)
    store.close()
