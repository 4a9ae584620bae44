"""Taking over: a folder of the release before is read, sealed anew, and loses nothing."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import msgspec
import pytest

from tallystick.errors import Corrupt
from tallystick.watch.collect.store import LogStore

OpenStore = Callable[..., LogStore]


def old_file(folder: Path, first: int, end: int) -> None:
    """A sealed file as the release before wrote it."""
    path = folder / f"logs-{first:015}-{end:015}-{(end - first) * 60}.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t (seq BIGINT, timestamp TIMESTAMP_NS, severity_text VARCHAR,"
            " event_name VARCHAR, body VARCHAR, raw VARCHAR)"
        )
        connection.executemany(
            "INSERT INTO t (seq, raw) VALUES (?, ?)",
            [(seq, line(seq).decode()) for seq in range(first, end)],
        )
        connection.sql("SELECT * FROM t").write_parquet(str(path), compression="zstd")


def line(seq: int) -> bytes:
    """A line that says its number; every third without a time."""
    stamp = {"timestamp": f"2026-11-22T04:00:00.{seq:06}Z"} if seq % 3 else {}
    return msgspec.json.encode({"n": seq, **stamp})


def check(store: LogStore, lines: int) -> None:
    """All lines are there once."""
    read = store.read(1, 1_000)
    assert [seq for seq, _ in read] == list(range(1, lines + 1))
    assert [msgspec.json.decode(text)["n"] for _, text in read] == list(range(1, lines + 1))
    assert store.verify() == ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sealed files, what an unfinished seal left, and a hot segment."""
    folder = tmp_path / "logs"
    folder.mkdir()
    old_file(folder, 1, 11)
    old_file(folder, 11, 31)
    (folder / "logs-000000000000031-000000000000036-99.tmp").write_bytes(b"PAR1 half")
    (folder / "hot-000000000000031.jsonl").write_bytes(
        b"".join(line(seq) + b"\n" for seq in range(31, 36))
    )
    return folder


def test_an_old_folder_is_taken_over(open_store: OpenStore, folder: Path) -> None:
    """Its files go, its lines stay, with their numbers; and so after a restart and a seal."""
    store = open_store()
    check(store, 35)
    assert not list(folder.glob("logs-*"))
    assert {part.rows for part in store.parts()} == {3, 7, 13}
    store.append([line(36)])
    store.seal()
    store.close()
    check(open_store(), 36)


def test_a_takeover_that_was_killed_goes_on(
    open_store: OpenStore, folder: Path, tmp_path: Path
) -> None:
    """A file that was taken over but not removed is not taken over again."""
    kept = {path.name: path.read_bytes() for path in folder.glob("logs-*.parquet")}
    open_store().close()
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    check(open_store(), 35)
    assert not list(folder.glob("logs-*"))
    del tmp_path


def test_sources_of_an_old_merge_are_left_aside(open_store: OpenStore, folder: Path) -> None:
    """The release before was killed between a merge and the removal of its sources."""
    old_file(folder, 1, 31)
    check(open_store(), 35)


def test_two_old_files_with_the_same_lines_are_corrupt(open_store: OpenStore, folder: Path) -> None:
    """No kill can leave that behind."""
    old_file(folder, 5, 41)
    with pytest.raises(Corrupt, match="hold the same log lines"):
        open_store()
