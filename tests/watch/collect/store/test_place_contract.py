"""The contract of places: a folder, obstore's folder, and S3 keep parts and records alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import Forked, Misconfigured, TemporaryError
from tallystick.watch.collect.store import open_place
from tallystick.watch.collect.store.place import Place, Shelf

OpenPlace = Callable[[], Place]
PATH = "index=main/dt=2026-11-22/hh=04/part-000000001-0.parquet"


def held(shelf: Shelf, path: str, folder: Path) -> bytes:
    """The bytes of a part, wherever it lies."""
    local = shelf.local(path)
    if local is None:
        local = folder / "fetched"
        shelf.fetch(path, local)
    return local.read_bytes()


def put(shelf: Shelf, path: str, data: bytes, folder: Path) -> None:
    """Put these bytes."""
    file = folder / "written"
    file.write_bytes(data)
    shelf.put(path, file)


def test_records_come_back_in_order_also_after_it_is_opened_again(
    open_any_place: OpenPlace,
) -> None:
    """Twelve records, so that the order is that of numbers, not of texts."""
    place: Place = open_any_place()
    assert list(place.journal.records(0)) == []
    records = [f'{{"n":{n}}}'.encode() for n in range(1, 13)]
    for n, record in enumerate(records, start=1):
        place.journal.append(n, record)
    assert list(place.journal.records(0)) == records
    place.journal.close()
    place = open_any_place()
    assert list(place.journal.records(9)) == records[9:]
    place.journal.close()


def test_the_newest_snapshot_is_the_one_that_is_given(open_any_place: OpenPlace) -> None:
    """Nothing before the first; a snapshot that is there already is left."""
    place: Place = open_any_place()
    assert place.journal.snapshot() is None
    for n in (9, 10):
        place.journal.put_snapshot(n, f"after {n}".encode())
    assert place.journal.snapshot() == b"after 10"
    place.journal.close()


def test_a_part_is_put_read_and_removed(open_any_place: OpenPlace, tmp_path: Path) -> None:
    """Its bytes are the same; removing it twice is no harm; it is listed while it is there."""
    place: Place = open_any_place()
    put(place.shelf, PATH, b"part", tmp_path)
    assert held(place.shelf, PATH, tmp_path) == b"part"
    assert list(place.shelf.paths()) == [PATH]
    for _ in range(2):
        place.shelf.delete(PATH)
        assert list(place.shelf.paths()) == []
    place.journal.close()


def test_what_was_never_committed_may_be_put_again(
    open_any_place: OpenPlace, tmp_path: Path
) -> None:
    """A seal that failed after its put is tried again under the same name."""
    place: Place = open_any_place()
    put(place.shelf, PATH, b"first try", tmp_path)
    put(place.shelf, PATH, b"second", tmp_path)
    assert held(place.shelf, PATH, tmp_path) == b"second"
    place.journal.close()


def test_two_writers_of_a_bucket_notice(bucket: str, tmp_path: Path) -> None:
    """The record of the second has the number of the first's: it must stop."""
    one, two = (open_place(bucket, tmp_path) for _ in range(2))
    one.journal.append(1, b"one")
    one.journal.append(1, b"one")  # after an answer that got lost
    with pytest.raises(Forked):
        two.journal.append(1, b"two")


def test_a_bucket_that_is_not_there_is_said(s3_endpoint: str, bucket: str, tmp_path: Path) -> None:
    """An operating error in words, to be tried again."""
    del bucket  # for its keys
    place = open_place(f"s3://nowhere?endpoint={s3_endpoint}&region=us-east-1", tmp_path)
    with pytest.raises(TemporaryError, match="The bucket of the logs does not exist"):
        place.journal.append(1, b"one")
    with pytest.raises(TemporaryError, match="The bucket of the logs does not exist"):
        place.shelf.fetch(PATH, tmp_path / "fetched")


@pytest.mark.parametrize("address", ["s3://", "s3://b?zone=3", "ftp://x/y", "s3:///prefix"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    """With the form that it should have."""
    with pytest.raises(Misconfigured, match="s3://"):
        open_place(address, tmp_path)
