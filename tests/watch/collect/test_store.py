"""The log store: what was acknowledged is found, in order, before and after it is sealed."""

import random
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Corrupt, Misconfigured, Refused, ShuttingDown, TemporaryError
from tallystick.watch.collect import LogStore, SegmentLimits

OpenStore = Callable[..., LogStore]
ReadAll = Callable[..., list[dict[str, object]]]


def numbered(*numbers: int) -> list[bytes]:
    """Lines that carry a number."""
    return [msgspec.json.encode({"event_name": "test.line", "n": n}) for n in numbers]


def numbers(lines: list[dict[str, object]]) -> list[object]:
    """Their numbers."""
    return [line["n"] for line in lines]


def test_a_line_is_found_as_soon_as_append_returns(
    open_store: OpenStore, read_all: ReadAll
) -> None:
    """Read your writes: from the hot segment, and the same after it is sealed."""
    store = open_store()
    store.append(numbered(1, 2))
    assert numbers(read_all(store)) == [1, 2]
    store.seal()
    assert numbers(read_all(store)) == [1, 2]
    store.append(numbered(3))
    assert numbers(read_all(store)) == [1, 2, 3]


def test_a_line_comes_back_exact_with_its_number(open_store: OpenStore) -> None:
    """Digits, order and characters of a line are kept; `log.seq` is added, also to `{}`."""
    store = open_store()
    store.append([b'{"a":1.10,"b":"\\u00fc \\"x\\"","c":{"d":{}}}', b"{}"])
    expected = (b'{"log.seq":2}', b'{"a":1.10,"b":"\\u00fc \\"x\\"","c":{"d":{}},"log.seq":1}')
    assert tuple(map(bytes, store.search("").logs)) == expected
    store.seal()
    assert tuple(map(bytes, store.search("").logs)) == expected


def test_pages_go_back_over_hot_and_sealed_lines(open_store: OpenStore) -> None:
    """Every page size gives every line once, newest first, over files, full and hot segments."""
    store = open_store(small_files=100)
    for start in range(0, 40, 10):
        store.append(numbered(*range(start, start + 10)))
        if start < 30:
            store.seal()
    for limit in (1, 3, 10, 39, 40, 41):
        seen: list[int] = []
        before = None
        while True:
            page = store.search("event_name=test.line", limit=limit, before=before)
            assert len(page.logs) <= limit
            seen += [msgspec.json.decode(line)["n"] for line in page.logs]
            before = page.next_before
            if before is None:
                break
        assert seen == list(range(39, -1, -1))


def test_a_cursor_holds_while_lines_arrive(open_store: OpenStore) -> None:
    """A page is not shifted by lines that are appended between two pages."""
    store = open_store()
    store.append(numbered(*range(6)))
    page = store.search("", limit=3)
    store.append(numbered(*range(6, 12)))
    store.seal()
    older = store.search("", limit=3, before=page.next_before)
    assert [msgspec.json.decode(line)["n"] for line in older.logs] == [2, 1, 0]
    assert older.next_before is None


@pytest.mark.parametrize("before", [-5, 0, 1, 2**80])
def test_any_cursor_is_harmless(open_store: OpenStore, before: int) -> None:
    """A cursor outside of what is stored gives an empty or the first page."""
    store = open_store()
    store.append(numbered(7))
    assert len(store.search("", before=before).logs) == (before > 1)


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


def test_small_files_are_merged(open_store: OpenStore, read_all: ReadAll, tmp_path: Path) -> None:
    """When there are too many neighbouring small files they become one, with the same lines."""
    store = open_store(small_files=3)
    for n in range(7):
        store.append(numbered(n))
        store.seal()
        names = sorted(path.name for path in (tmp_path / "logs").glob("*.parquet"))
        assert len(names) == 1 + n % 2  # a pair waits for its third
    assert names == ["logs-000000000000001-000000000000008-231.parquet"]
    assert numbers(read_all(store, limit=2)) == list(range(7))


def test_a_merge_stops_when_the_file_is_no_longer_small(
    open_store: OpenStore, tmp_path: Path, read_all: ReadAll
) -> None:
    """Large files are left alone, so that each line is rewritten a bounded number of times."""
    store = open_store(small_files=4, small_file_size=600)
    for start in range(0, 100, 10):
        store.append(numbered(*range(start, start + 10)))
        store.seal()
    sizes = [path.name for path in sorted((tmp_path / "logs").glob("*.parquet"))]
    lines = [int(name[21:36]) - int(name[5:20]) for name in sizes]
    assert lines == [20, 20, 20, 20, 10, 10]
    assert numbers(read_all(store)) == list(range(100))


def test_the_hot_segment_is_sealed_when_due(
    open_store: OpenStore, clock: ManualClock, tmp_path: Path
) -> None:
    """By number of lines, by bytes, and by the age of its first line; never when empty."""
    for limits in ({"lines": 3}, {"size": 80}, {"seconds": 60}):
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
        store.close()
    assert len(list((tmp_path / "logs").glob("*.parquet"))) == 3


def test_a_failing_seal_keeps_the_lines_and_waits(
    open_store: OpenStore, clock: ManualClock, read_all: ReadAll, tmp_path: Path
) -> None:
    """A seal that fails loses nothing, is not tried again at once, and succeeds later."""
    store = open_store(lines=1)
    store.append(numbered(1))
    obstacle = tmp_path / "logs" / "logs-000000000000001-000000000000002-33.tmp"
    obstacle.mkdir()
    with pytest.raises(Exception, match=r"tmp"):
        store.tend()
    assert not store.tend()
    assert numbers(read_all(store)) == [1]
    obstacle.rmdir()
    clock.advance(30)
    assert store.tend()
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


def test_a_line_that_is_too_long_is_refused(open_store: OpenStore) -> None:
    """A line has a limit, so that a page has one."""
    with pytest.raises(Refused, match="longer than 65536 bytes"):
        open_store().append([msgspec.json.encode({"a": "x" * 65_536})])


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_page_size_out_of_range_is_refused(open_store: OpenStore, limit: int) -> None:
    """A page has a limit."""
    with pytest.raises(Refused) as refused:
        open_store().search("", limit=limit)
    assert refused.value.code == "BAD_LIMIT"


def test_one_process_owns_the_folder(
    open_store: OpenStore, clock: ManualClock, tmp_path: Path
) -> None:
    """A second opener is told so; after close the folder is free, and the store is not."""
    store = open_store()
    with pytest.raises(Misconfigured, match="Another process"):
        LogStore(tmp_path / "logs", clock)
    store.close()
    with pytest.raises(ShuttingDown):
        store.append(numbered(1))
    with pytest.raises(ShuttingDown):
        store.search("")
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
    assert (tmp_path / "logs" / "hot-000000000000001.jsonl").stat().st_size == 50
    store.append(numbered(3))
    assert numbers(read_all(store)) == [1, 3]


def test_a_torn_last_line_is_cut_and_reported(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path
) -> None:
    """What a crash left of an unfinished write is gone, the rest is there, and a line says so."""
    store = open_store()
    store.append(numbered(1, 2))
    store.close()
    with (tmp_path / "logs" / "hot-000000000000001.jsonl").open("ab") as file:
        file.write(b'{"event_name":"test.line","n"')
    store = open_store()
    first, second, said = read_all(store)
    assert (first["n"], second["n"], said["log.seq"]) == (1, 2, 3)
    assert (said["event_name"], said["log.cut_bytes"]) == ("collect.torn_line_cut", 29)
    assert said["timestamp"] == "2023-11-14T22:13:20.000000Z"


def crash_states(state: str) -> dict[str, bytes]:
    """Files that stand on the disk between two steps of a seal of lines 1 to 3."""
    first, block = "hot-000000000000001.jsonl", b"\n".join(numbered(1, 2, 3)) + b"\n"
    if state == "half written":
        return {first: block, "logs-000000000000001-000000000000004-99.tmp": b"PAR1 half"}
    if state == "rotated":
        return {first: block, "hot-000000000000004.jsonl": b""}
    if state == "rotated and grown":
        return {first: block[:66], "hot-000000000000003.jsonl": block[66:]}
    return {first: block}


@pytest.mark.parametrize("state", ["before", "half written", "rotated", "rotated and grown"])
def test_an_unfinished_seal_loses_and_doubles_nothing(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path, state: str
) -> None:
    """Whatever step the crash hit, all lines are there once, can be sealed, and can grow."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, content in crash_states(state).items():
        (folder / name).write_bytes(content)
    store = open_store()
    assert numbers(read_all(store)) == [1, 2, 3]
    store.append(numbered(4))
    store.seal()
    assert numbers(read_all(store)) == [1, 2, 3, 4]
    assert [line["log.seq"] for line in read_all(store)] == [1, 2, 3, 4]
    assert not list(folder.glob("*.tmp"))


def test_a_seal_whose_hot_file_was_not_removed(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path
) -> None:
    """A crash between rename and removal leaves both files; the hot one goes."""
    folder = tmp_path / "logs"
    store = open_store()
    store.append(numbered(1, 2, 3))
    content = (folder / "hot-000000000000001.jsonl").read_bytes()
    store.seal()
    store.append(numbered(4))
    store.close()
    (folder / "hot-000000000000001.jsonl").write_bytes(content)
    store = open_store()
    assert numbers(read_all(store)) == [1, 2, 3, 4]
    assert [path.name for path in folder.glob("hot-*")] == ["hot-000000000000004.jsonl"]


def test_a_merge_whose_sources_were_not_removed(
    open_store: OpenStore, read_all: ReadAll, tmp_path: Path
) -> None:
    """A crash between the rename of a merged file and the removal of its sources."""
    folder = tmp_path / "logs"
    store = open_store(small_files=3)
    kept: dict[Path, bytes] = {}
    for n in range(3):
        store.append(numbered(n))
        kept |= {path: path.read_bytes() for path in folder.glob("*.parquet")}
        if n == 2:
            hot = next(path for path in folder.glob("hot-*"))
            kept[hot] = hot.read_bytes()
        store.seal()
    store.close()
    for path, content in kept.items():
        path.write_bytes(content)
    store = open_store()
    assert numbers(read_all(store)) == [0, 1, 2]
    assert len(list(folder.glob("*.parquet"))) == 1


def test_two_files_with_the_same_lines_are_corrupt(open_store: OpenStore, tmp_path: Path) -> None:
    """What no crash can leave behind is not guessed about, and the folder is let go."""
    folder = tmp_path / "logs"
    store = open_store()
    store.append(numbered(1, 2))
    store.seal()
    store.close()
    (folder / "hot-000000000000002.jsonl").write_bytes(b"{}\n{}\n")
    for _ in range(2):
        with pytest.raises(Corrupt, match="hold the same log lines"):
            open_store()


def test_appending_searching_and_sealing_beside_each_other(open_store: OpenStore) -> None:
    """Every search sees an unbroken run of lines that ends with the newest acknowledged one."""
    store = open_store(small_files=3)
    batches, size = 60, 20
    acknowledged = 0
    problems: list[object] = []

    def append() -> None:
        nonlocal acknowledged
        for start in range(0, batches * size, size):
            store.append(numbered(*range(start, start + size)))
            acknowledged = start + size

    def seal() -> None:
        while appender.is_alive():
            store.seal()

    def search() -> None:
        while appender.is_alive():
            known = acknowledged
            page = store.search("event_name=test.line", limit=1_000)
            found = [msgspec.json.decode(line)["n"] for line in page.logs]
            newest = found[0] if found else -1
            unbroken = found == list(range(newest, newest - len(found), -1))
            if newest < known - 1 or not unbroken or len(found) < min(newest + 1, 1_000):
                problems.append((known, newest, len(found)))

    appender = threading.Thread(target=append)
    threads = [appender, *(threading.Thread(target=task) for task in (seal, search, search))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.search("", limit=1_000).logs) == 1_000


CHILD = """
import sys
from pathlib import Path
from tallystick.clock import SystemClock
from tallystick.watch.collect import LogStore, SegmentLimits

store = LogStore(Path(sys.argv[1]), SystemClock(), SegmentLimits(lines=150, small_files=3))
n = int(sys.argv[2])
while True:
    size = 1 + n % 17
    store.append([b'{"n":%d}' % i for i in range(n, n + size)])
    n += size
    print(n, flush=True)
    store.tend()
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, read_all: ReadAll) -> None:
    """Killed at random moments, between appends, seals and merges: each line is there once."""
    folder = tmp_path / "logs"
    chance = random.Random(20_261_122)  # noqa: S311  a seed, no secret
    acknowledged = 0
    for _ in range(6):
        lines_seen = chance.randrange(20, 400)
        command = [sys.executable, "-c", CHILD, str(folder), str(acknowledged)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(lines_seen):
                acknowledged = int(child.stdout.readline())
            child.kill()
            for rest in child.stdout:
                acknowledged = int(rest) if rest.endswith(b"\n") else acknowledged
        store = LogStore(folder, SystemClock(), SegmentLimits())
        found = read_all(store, "n=*", limit=1_000)
        store.close()
        got = [line["n"] for line in found]
        assert got[:acknowledged] == list(range(acknowledged))
        assert got == list(range(len(got)))  # an unacknowledged batch may be there, whole
        acknowledged = len(got)
    assert len(list(folder.glob("*.parquet"))) >= 1


def test_importing_the_room_does_not_load_duckdb() -> None:
    """The search engine is loaded by the first search or seal, not when the product starts."""
    code = "import sys, tallystick.watch.collect; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_and_appending_does_not_load_duckdb(tmp_path: Path) -> None:
    """Nor do opening, appending and closing."""
    code = (
        "import sys; from pathlib import Path; from tallystick.clock import SystemClock\n"
        "from tallystick.watch.collect import LogStore\n"
        "store = LogStore(Path(sys.argv[1]), SystemClock()); store.append([b'{}'])\n"
        "store.tend(); store.close(); sys.exit('duckdb' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "logs")]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_manual_clock_is_enough(tmp_path: Path) -> None:
    """The store works in a simulation: time is an argument."""
    store = LogStore(tmp_path / "logs", ManualClock())
    store.append(numbered(1))
    assert len(store.search("").logs) == 1
    store.close()
