"""The embedded stream: its settings, how it lets go of old messages, and who else has its file."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.stream import EmbeddedStream, Event, Message, embedded
from tallystick.stream.cursors import IDLE_SECONDS_MAX
from tallystick.stream.stream import BEGIN, At

run = asyncio.run


@pytest.fixture
def clock() -> ManualClock:
    """Moves when it is told to."""
    return ManualClock()


@pytest.fixture
def stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> Iterator[EmbeddedStream]:
    """A stream that keeps 100 messages behind its slowest consumer, and 5 in memory."""
    monkeypatch.setattr(embedded, "KEEP_MESSAGES", 100)
    monkeypatch.setattr(embedded, "TAIL_MESSAGES", 5)
    stream = EmbeddedStream(tmp_path / "stream.db", clock, numbered=True)
    yield stream
    run(stream.close())


def append(stream: EmbeddedStream, count: int) -> None:
    """So many more messages, ten at a time."""
    end = stream.end + count
    while (first := stream.end) < end:
        run(stream.append([Message(n, b"%d" % n) for n in range(first, min(end, first + 10))]))


def oldest(stream: EmbeddedStream) -> int:
    """The position of the oldest message that can be read."""
    return stream.at(0, 1)[1][0].position


def test_the_settings_take_hold(stream: EmbeddedStream) -> None:
    """It need not wait for the disk (the ledger has it all), but for who folds its log."""
    assert stream._connection.execute("PRAGMA journal_mode").get == "wal"
    assert stream._connection.execute("PRAGMA synchronous").get == 1
    assert stream._connection.execute("PRAGMA wal_autocheckpoint").get == 0
    assert stream._connection.execute("PRAGMA busy_timeout").get == embedded.BUSY_MS_MAX


def test_nothing_is_let_go_while_nobody_has_read(stream: EmbeddedStream) -> None:
    """Without a consumer there is no telling what will be wanted."""
    append(stream, 500)
    assert oldest(stream) == 0


def test_the_slowest_consumer_keeps_its_messages(stream: EmbeddedStream) -> None:
    """Everything from 100 before the slowest cursor on stays; what is older goes."""
    append(stream, 300)
    stream.cursors.put("fast", 300)
    stream.cursors.put("slow", 50)
    append(stream, 200)
    assert oldest(stream) == 0
    stream.cursors.put("slow", 250)
    append(stream, 200)
    assert oldest(stream) == 150
    first, kept = stream.at(250, 1_000)
    assert (first, [message.position for message in kept]) == (250, list(range(250, 700)))


def test_a_consumer_that_is_gone_holds_nothing_back(
    stream: EmbeddedStream, clock: ManualClock
) -> None:
    """After a week of silence; one that reads in this process is heard of all the same."""
    append(stream, 300)
    stream.cursors.put("gone", 10)
    run(stream.read("reading", 100))
    run(stream.commit("reading", {"0": 99}))
    clock.advance(IDLE_SECONDS_MAX + 1)
    stream.cursors.put("fast", 300)
    append(stream, 100)
    assert oldest(stream) == 0
    run(stream.commit("reading", {"0": 299}))
    append(stream, 100)
    assert oldest(stream) == 200
    assert stream.cursors.peek("gone") == 10


def test_reading_from_before_the_oldest_begins_there(
    stream: EmbeddedStream, tmp_path: Path, clock: ManualClock
) -> None:
    """A newcomer is not left waiting; it sees by the positions that older ones are gone."""
    append(stream, 300)
    stream.cursors.put("only", 300)
    append(stream, 100)
    assert oldest(stream) == 200
    (batch,) = run(stream.read("new", 15))
    assert [message.position for message in batch.messages] == list(range(200, 215))
    assert list(batch.offsets) == list(range(200, 215))
    again = EmbeddedStream(tmp_path / "stream.db", clock)
    assert (again.end, oldest(again)) == (400, 200)
    (lag,) = run(again.lag("nobody"))
    assert lag.messages == 200
    run(again.close())


def test_trimming_takes_whole_rows_and_never_the_newest(stream: EmbeddedStream) -> None:
    """So the end is known after a restart."""
    append(stream, 50)
    run(stream.trim({"0": 25}))
    assert oldest(stream) == 20
    run(stream.trim({"0": 1_000}))
    assert stream._connection.execute("SELECT min(first) FROM batches").get == 40


def test_memory_and_file_say_the_same(stream: EmbeddedStream) -> None:
    """The newest messages come from memory; where the two meet makes no difference."""
    append(stream, 33)
    kept = [message.position for message in stream._tail]
    assert kept[-5:] == [28, 29, 30, 31, 32]
    assert len(kept) <= 10
    for start in range(35):
        wanted = [Message(n, b"%d" % n) for n in range(start, 33)]
        assert stream.at(start, 100)[1] == wanted
        assert stream.at(start, 3)[1] == wanted[:3]


@given(cuts=st.sets(st.integers(0, 40)), start=st.integers(0, 45), limit=st.integers(0, 45))
def test_messages_come_back_wherever_reading_starts(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[int], start: int, limit: int
) -> None:
    """However they were appended, now and for the next process."""
    borders = sorted(cuts | {0, 40})
    file = tmp_path_factory.mktemp("stream") / "stream.db"
    wanted = [Message(n, b"\x00body %d" % n) for n in range(40)]
    for opened in range(2):
        stream = EmbeddedStream(file, ManualClock(), numbered=True)
        if not opened:
            for first, end in pairwise(borders):
                run(stream.append(wanted[first:end]))
        assert stream.end == 40
        assert list(stream.at(start, limit)[1]) == wanted[start : start + limit]
        run(stream.close())


@pytest.mark.parametrize("positions", [[6, 7], [5, 7], [6, 5], [4]])
def test_a_gap_is_a_programmers_error(stream: EmbeddedStream, positions: list[int]) -> None:
    """Positions follow one another, or nothing of it is appended."""
    append(stream, 5)
    with pytest.raises(AssertionError, match="without gaps"):
        run(stream.append([Message(n, b"") for n in positions]))
    assert stream.end == len(stream.at(0, 10)[1]) == 5


def test_whole_events_come_back(tmp_path: Path, clock: ManualClock) -> None:
    """A message that is more than its bytes and its offset, now and for the next process."""
    event = Event("17", "s", "t", b"\x00", extensions={"deadreason": "x"})
    said = [Message(17, b"\x00", event), Message(1, b"plain"), Message(-1, b"")]
    for _ in range(2):
        stream = EmbeddedStream(tmp_path / "dead.db", clock)
        if stream.end == 0:
            run(stream.append(said))
        assert list(stream.at(0, 10)[1]) == said
        run(stream.close())


def test_two_processes_append_to_one_file(tmp_path: Path, clock: ManualClock) -> None:
    """A command sends dead letters again beside a server that writes some: neither is lost."""

    async def work() -> list[bytes]:
        one = EmbeddedStream(tmp_path / "dead.db", clock)
        two = EmbeddedStream(tmp_path / "dead.db", clock)
        for n in range(6):
            await (one, two)[n % 2].append([Message(-1, b"%d" % n)])
        (batch,) = await one.read("g", 100)
        assert await two.read("g", 100)
        await two.append([Message(-1, b"6")])
        assert [m.body for b in await one.read("g", 9, 0.1) for m in b.messages] == [b"6"]
        await one.close()
        await two.close()
        return [message.body for message in batch.messages]

    assert run(work()) == [b"%d" % n for n in range(6)]


def test_a_command_moves_a_reader(tmp_path: Path, clock: ManualClock) -> None:
    """The reader finds out when it has nothing more to read, and when it commits."""

    async def work() -> None:
        server = EmbeddedStream(tmp_path / "s.db", clock)
        command = EmbeddedStream(tmp_path / "s.db", clock)
        await server.append([Message(n, b"%d" % n) for n in range(10)])
        (batch,) = await server.read("g", 100)
        await server.commit("g", {"0": 9})
        assert await server.read("g", 100) == []
        await command.seek("g", {"0": 6})
        (batch,) = await server.read("g", 100)
        assert list(batch.offsets) == [7, 8, 9]
        await command.seek("g", BEGIN)
        await server.commit("g", {"0": 9})
        (batch,) = await server.read("g", 100)
        assert list(batch.offsets) == list(range(10))
        await server.close()
        await command.close()

    run(work())


def test_a_time_is_found_by_when_it_was_appended(
    stream: EmbeddedStream, clock: ManualClock
) -> None:
    """To the row; behind the newest there is only the end."""
    append(stream, 10)
    clock.advance(10)
    append(stream, 10)

    async def offset(at_ns: int) -> Any:
        await stream.seek("g", At(at_ns))
        batches = await stream.read("g", 1)
        return batches[0].offsets[0] if batches else None

    now_ns = clock.now_ns()
    assert run(offset(now_ns)) == 10
    assert run(offset(now_ns - 1)) == 10
    assert run(offset(0)) == 0
    assert run(offset(now_ns + 1)) is None


def test_the_file_of_the_first_version_is_taken_over(tmp_path: Path, clock: ManualClock) -> None:
    """Its tables lack some columns; messages and cursors stay."""
    file = tmp_path / "stream.db"
    connection = apsw.Connection(str(file))
    connection.execute(
        "CREATE TABLE batches (first INTEGER PRIMARY KEY, messages INTEGER NOT NULL,"
        " bodies BLOB NOT NULL) STRICT;"
        "CREATE TABLE cursors (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;"
        "INSERT INTO batches VALUES (0, 2, x'92c40161c40162');"
        "INSERT INTO cursors VALUES ('detect', 1)"
    )
    connection.close()
    stream = EmbeddedStream(file, clock, numbered=True)
    assert list(stream.at(0, 10)[1]) == [Message(0, b"a"), Message(1, b"b")]
    assert stream.cursors.get("detect") == 1
    assert stream.cursors.put("detect", 2)
    run(stream.append([Message(2, b"c")]))
    run(stream.close())


def test_waiting_ends_when_something_is_appended(tmp_path: Path) -> None:
    """A reader that waits for an hour hears it at once."""

    class Still(ManualClock):
        async def sleep(self, seconds: float) -> None:
            del seconds
            await asyncio.Event().wait()

    async def work() -> None:
        stream = EmbeddedStream(tmp_path / "s.db", Still())
        waiting = asyncio.ensure_future(stream.read("g", 10, 3_600))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        await stream.append([Message(0, b"x")])
        (batch,) = await waiting
        assert batch.messages == [Message(0, b"x")]
        await stream.close()

    run(work())
