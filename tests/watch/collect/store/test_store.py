"""The log store: what was acknowledged is found, in order, before and after it is sealed."""

import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Corrupt, Misconfigured, Refused, ShuttingDown, TemporaryError
from tallystick.watch.collect.query import Search, parse
from tallystick.watch.collect.store import LogStore

OpenStore = Callable[..., LogStore]
ReadAll = Callable[..., list[dict[str, object]]]
HOT = "hot-000000000000001-1700000000000000000.jsonl"


def numbered(*numbers: int) -> list[bytes]:
    """Lines that carry a number."""
    return [msgspec.json.encode({"event_name": "test.line", "n": n}) for n in numbers]


def numbers(lines: list[dict[str, object]]) -> list[object]:
    """Their numbers."""
    return [line["n"] for line in lines]


def wait_until(done: Callable[[], bool]) -> None:
    """For what a thread of the store's does."""
    clock = SystemClock()
    deadline_ns = clock.monotonic_ns() + 30 * 10**9
    while not done():
        assert clock.monotonic_ns() < deadline_ns
        clock.pause(0.005)


def has_parts(store: LogStore, count: int) -> bool:
    """Whether it has so many."""
    return len(store.parts()) == count


def test_a_line_is_found_as_soon_as_append_returns(
    open_store: OpenStore, read_all: ReadAll
) -> None:
    """Read your writes: from the hot segment, and the same after it is sealed."""
    store = open_store()
    assert store.append(numbered(1, 2)) == 1
    assert numbers(read_all(store)) == [1, 2]
    store.seal()
    assert numbers(read_all(store)) == [1, 2]
    assert store.append(numbered(3)) == 3
    assert numbers(read_all(store)) == [1, 2, 3]
    assert store.append([]) == store.end == 4


def test_a_line_comes_back_with_its_number(open_store: OpenStore) -> None:
    """A hot line as it came, a sealed one with equal values; `log.seq` is added, also to `{}`."""
    store = open_store()
    store.append([b'{"a":1.10,"b":"\\u00fc \\"x\\"","c":{"d":{}}}', b"{}"])
    hot = (b'{"log.seq":2}', b'{"a":1.10,"b":"\\u00fc \\"x\\"","c":{"d":{}},"log.seq":1}')
    assert tuple(map(bytes, store.page(Search(), 9).logs)) == hot
    store.seal()
    sealed = store.page(Search(), 9).logs
    assert list(map(msgspec.json.decode, sealed)) == list(map(msgspec.json.decode, hot))


def test_a_cursor_holds_while_lines_arrive(open_store: OpenStore) -> None:
    """A page is not shifted by lines that are appended between two pages."""
    store = open_store()
    store.append(numbered(*range(6)))
    page = store.page(Search(), 3)
    store.append(numbered(*range(6, 12)))
    store.seal()
    older = store.page(Search(), 3, page.next_before)
    assert [msgspec.json.decode(line)["n"] for line in older.logs] == [2, 1, 0]
    assert older.next_before is None


def test_numbers_go_on_after_a_restart(open_store: OpenStore, read_all: ReadAll) -> None:
    """The sequence number survives: it never begins again, with or without a hot segment."""
    for sealed in (False, True, True):
        store = open_store()
        store.append(numbered(0))
        if sealed:
            store.seal()
        store.close()
    store = open_store()
    store.append(numbered(0))
    assert [line["log.seq"] for line in read_all(store)] == [1, 2, 3, 4]


def test_lines_are_read_in_the_order_of_arrival(open_store: OpenStore) -> None:
    """Whatever their times, from parts, full segments and the growing one; with their numbers."""
    store = open_store(small_files=3)
    lines = [
        msgspec.json.encode({"n": n, "timestamp": f"2026-11-22T04:{59 - n:02}:00.000000Z"})
        for n in range(50)
    ]
    for start in range(0, 40, 5):
        store.append(lines[start : start + 5])
        store.seal()
    store.append(lines[40:])
    for start, limit in ((1, 50), (1, 7), (3, 40), (39, 5), (41, 99), (50, 1)):
        read = store.read(start, limit)
        expected = range(start, min(start + limit, 51))
        assert [seq for seq, _ in read] == list(expected)
        assert [msgspec.json.decode(line)["n"] for _, line in read] == [n - 1 for n in expected]
    assert store.read(51, 9) == []
    assert store.read(-3, 1)[0][0] == 1


def test_followers_hear_of_each_append(open_store: OpenStore) -> None:
    """The number after its last line, once it is durable; until they have heard enough."""
    store = open_store()
    heard: list[int] = []
    end = store.follow(heard.append)
    store.append(numbered(1, 2))
    store.append(numbered(3))
    end()
    store.append(numbered(4))
    assert heard == [3, 4]


def test_the_hot_segment_is_sealed_when_due(open_store: OpenStore, clock: ManualClock) -> None:
    """By number of lines, by bytes, and by the age of its first line; never when empty."""
    for sealed, limits in enumerate(({"lines": 3}, {"size": 80}, {"seconds": 60}), start=1):
        store = open_store(**limits)
        assert not store.tend()
        store.append(numbered(1, 2))
        assert not store.tend()
        store.append(numbered(3))
        if "seconds" in limits:
            assert not store.tend()
            clock.advance(60)
        assert store.tend()
        assert not store.tend()
        clock.advance(60)
        assert not store.tend()
        wait_until(partial(has_parts, store, sealed))
        store.close()


def test_a_failing_seal_keeps_the_lines_and_waits(
    open_store: OpenStore, clock: ManualClock, read_all: ReadAll, tmp_path: Path
) -> None:
    """A seal that fails loses nothing, is said, is not tried again at once, succeeds later."""
    store = open_store(lines=1)
    store.append(numbered(1))
    work = tmp_path / "logs" / "work"
    work.rmdir()
    store.tend()
    wait_until(lambda: store._keeping.failed)
    assert not store.tend()
    assert numbers(read_all(store)) == [1]
    work.mkdir()
    clock.advance(30)
    with pytest.raises(Exception, match="work"):
        store.tend()
    wait_until(lambda: len(store.parts()) == 1)
    assert numbers(read_all(store)) == [1]


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"no", b'{"a":1', b'{"a":\n1}', b'{"a":NaN}', b'{"a":"\xff"}', b"{}{}"]
)
def test_a_bad_line_is_refused_with_its_batch(
    open_store: OpenStore, read_all: ReadAll, line: bytes
) -> None:
    """What is no JSON object on one line cannot come in, and nothing of its batch does."""
    store = open_store()
    with pytest.raises(Refused) as refused:
        store.append([*numbered(1), line])
    assert refused.value.code == "BAD_LINE"
    assert read_all(store) == []


def test_one_process_owns_the_folder(
    open_store: OpenStore, clock: ManualClock, tmp_path: Path
) -> None:
    """A second opener is told so; after close the folder is free, and the store is not."""
    store = open_store()
    with pytest.raises(Misconfigured, match="Another process"):
        LogStore(tmp_path / "logs", clock)
    store.close()
    for closed in (
        lambda: store.append(numbered(1)),
        lambda: store.page(Search(), 1),
        lambda: store.read(1, 1),
        store.seal,
        store.close,
    ):
        with pytest.raises(ShuttingDown):
            closed()
    open_store()


def test_a_full_disk_is_a_temporary_error(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path
) -> None:
    """When the disk takes half a batch, none was added, and the next append is clean."""
    store = open_store()
    store.append(numbered(1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
    try:
        with pytest.raises(TemporaryError, match="File too large"):
            store.append(numbered(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "logs" / HOT).stat().st_size == 50
    store.append(numbered(3))
    assert numbers(read_all(store)) == [1, 3]


def test_a_torn_last_line_is_cut_and_reported(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path
) -> None:
    """What a crash left of an unfinished write is gone, the rest is there, and a line says so."""
    store = open_store()
    store.append(numbered(1, 2))
    store.close()
    with (tmp_path / "logs" / HOT).open("ab") as file:
        file.write(b'{"event_name":"test.line","n"')
    first, second, said = read_all(open_store())
    assert (first["n"], second["n"], said["log.seq"]) == (1, 2, 3)
    assert (said["event_name"], said["log.cut_bytes"]) == ("collect.torn_line_cut", 29)
    assert said["timestamp"] == "2023-11-14T22:13:20.000000Z"


@pytest.mark.parametrize(
    ("first", "said"), [(2, "the same log lines twice"), (9, "a gap before it")]
)
def test_what_no_crash_can_leave_behind_is_corrupt(
    open_store: OpenStore, tmp_path: Path, first: int, said: str
) -> None:
    """It is not guessed about, and the folder is let go."""
    store = open_store()
    store.append(numbered(1, 2))
    store.seal()
    store.close()
    (tmp_path / "logs" / f"hot-{first:015}-0.jsonl").write_bytes(b"{}\n{}\n")
    for _ in range(2):
        with pytest.raises(Corrupt, match=said):
            open_store()


def test_parts_without_their_manifest_are_not_thrown_away(
    open_store: OpenStore, tmp_path: Path
) -> None:
    """Somebody who lost the manifest has not lost the lines."""
    store = open_store()
    store.append(numbered(1, 2))
    store.seal()
    store.close()
    (tmp_path / "logs" / "manifest.jsonl").unlink()
    for hot in (tmp_path / "logs").glob("hot-*"):
        hot.unlink()
    with pytest.raises(Corrupt, match="manifest is gone"):
        open_store()
    assert list((tmp_path / "logs" / "parts").rglob("*.parquet"))


def broken(known: int, numbers: list[int]) -> list[object]:
    """What is wrong with these numbers, when so many had been acknowledged before."""
    unbroken = numbers == list(range(len(numbers)))
    return [] if unbroken and len(numbers) >= known else [(known, numbers)]


def test_appending_searching_and_sealing_beside_each_other(open_store: OpenStore) -> None:
    """Every search sees an unbroken run of lines that ends with the newest acknowledged one."""
    store = open_store(small_files=3)
    batches, size = 40, 20
    acknowledged = 0
    problems: list[object] = []
    search = parse("event_name=test.line", 0).search

    def append() -> None:
        nonlocal acknowledged
        for start in range(0, batches * size, size):
            store.append(numbered(*range(start, start + size)))
            acknowledged = start + size

    def seal() -> None:
        while appender.is_alive():
            store.seal()

    def look() -> None:
        while appender.is_alive():
            known = acknowledged
            found = [msgspec.json.decode(line)["n"] for line in store.page(search, 1_000).logs]
            problems.extend(broken(known, found[::-1]))
            problems.extend(broken(known, [seq - 1 for seq, _ in store.read(1, 1_000)]))

    appender = threading.Thread(target=append)
    threads = [appender, *(threading.Thread(target=task) for task in (seal, look, look))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.page(Search(), 1_000).logs) == 800


def test_importing_the_room_does_not_load_duckdb() -> None:
    """The search engine is loaded by the first search or seal, not when the product starts."""
    code = "import sys, tallystick.watch.collect.store; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_and_appending_does_not_load_duckdb(tmp_path: Path) -> None:
    """Nor do opening, appending and closing."""
    code = (
        "import sys; from pathlib import Path; from tallystick.clock import SystemClock\n"
        "from tallystick.watch.collect.store import LogStore\n"
        "store = LogStore(Path(sys.argv[1]), SystemClock()); store.append([b'{}'])\n"
        "store.tend(); store.close(); sys.exit('duckdb' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "logs")]
    assert subprocess.run(command, check=False).returncode == 0
