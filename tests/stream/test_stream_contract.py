"""What every stream promises (`stream/stream.py`), held against each backend there is."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import SystemClock
from tallystick.stream.message import Message
from tallystick.stream.open import BACKENDS
from tallystick.stream.stream import BEGIN, END, NOBODY, At, Stream

READS_MAX = 60
"""Reads of half a second that may find nothing while something is still on its way."""
QUIET_READS = 3
"""Reads that find nothing before we believe that there is nothing."""


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, stream_place: Callable[..., Any]) -> Any:
    """Where a new stream is."""
    return stream_place(request.param, request, tmp_path)


@asynccontextmanager
async def opened(place: Any) -> AsyncIterator[Stream]:
    """The stream as one process has it."""
    stream: Stream = place.open()
    try:
        yield stream
    finally:
        await stream.close()


def said(first: int, end: int, keys: int = 5) -> list[Message]:
    """Messages of a few keys in turn."""
    return [Message(n, b"key-%d:\x00%d" % (n % keys, n)) for n in range(first, end)]


async def hear(stream: Stream, group: str, count: int, *, commit: bool = True) -> list[Message]:
    """So many messages, in the order in which they are read."""
    heard: list[Message] = []
    for _ in range(READS_MAX):
        if len(heard) >= count:
            break
        for batch in await stream.read(group, 1_000, wait_seconds=0.5):
            assert len(batch.messages) == len(batch.offsets)
            assert list(batch.offsets) == sorted(set(batch.offsets))
            heard += batch.messages
            if commit:
                await stream.commit(group, {batch.partition: batch.offsets[-1]})
    return heard


async def silent(stream: Stream, group: str) -> bool:
    """Whether the group has nothing more to read."""
    for _ in range(QUIET_READS):
        if await stream.read(group, 10, wait_seconds=0.3):
            return False
    return True


def positions(messages: list[Message]) -> list[int]:
    """Sorted, as partitions have no order between them."""
    return sorted(message.position for message in messages)


def by_key(messages: list[Message]) -> list[list[int]]:
    """The positions of each key in the order in which they came."""
    found: dict[bytes, list[int]] = {}
    for message in messages:
        found.setdefault(message.body.split(b":")[0], []).append(message.position)
    return list(found.values())


def in_order(messages: list[Message]) -> bool:
    """Whether each key's messages came in order, repeats left out."""
    for key in by_key(messages):
        first = list(dict.fromkeys(key))
        if first != sorted(first):
            return False
    return True


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In an event loop of its own."""
    return asyncio.run(work)


def test_every_backend_is_in_the_suite() -> None:
    """The registry is what this suite runs over."""
    assert set(BACKENDS) == {"embedded", "kafka", "kinesis"}


def test_messages_come_back_as_they_were_in_the_order_of_their_key(place: Any) -> None:
    """Bytes, positions, and order within each key, however they were appended."""

    async def work() -> list[Message]:
        async with opened(place) as stream:
            await stream.append([])
            for first, end in ((0, 1), (1, 400), (400, 403), (403, 1_000)):
                await stream.append(said(first, end))
            return await hear(stream, "g", 1_000)

    heard = run(work())
    assert positions(heard) == list(range(1_000))
    assert {m.position: m.body for m in heard} == {m.position: m.body for m in said(0, 1_000)}
    assert in_order(heard)
    assert len(by_key(heard)) == 5


def test_a_new_stream_holds_nothing(place: Any) -> None:
    """Nobody reads anything, nobody is behind, and what is said afterwards is heard."""

    async def work() -> None:
        async with opened(place) as stream:
            assert await stream.read("g", 10) == []
            assert {lag.messages for lag in await stream.lag("g")} <= {0, None}
            await stream.append(said(0, 3))
            assert positions(await hear(stream, "g", 3)) == [0, 1, 2]

    run(work())


def test_each_group_hears_everything_and_no_read_is_larger_than_asked(place: Any) -> None:
    """Groups do not take from one another; messages are not given twice to one."""

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 100))
            for group in ("a", "b"):
                heard: list[Message] = []
                while len(heard) < 100:
                    batches = await stream.read(group, 7, wait_seconds=0.5)
                    assert sum(len(batch.messages) for batch in batches) <= 7
                    heard += [one for batch in batches for one in batch.messages]
                assert positions(heard) == list(range(100))
                assert in_order(heard)

    run(work())


def test_what_was_not_committed_comes_again_for_the_next_process(place: Any) -> None:
    """And what was committed does not."""

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 60))
            assert len(await hear(stream, "g", 60)) == 60
            await stream.append(said(60, 100))
            assert len(await hear(stream, "g", 40, commit=False)) == 40
        async with opened(place) as stream:
            again = await hear(stream, "g", 40)
            assert positions(again) == list(range(60, 100))
            assert in_order(again)
            await stream.append(said(100, 101))
        async with opened(place) as stream:
            assert positions(await hear(stream, "g", 1)) == [100]

    run(work())


def test_going_back_to_what_was_committed(place: Any) -> None:
    """A consumer that failed in the middle begins again, without a new process."""

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 20))
            await hear(stream, "g", 20)
            await stream.append(said(20, 30))
            assert len(await hear(stream, "g", 10, commit=False)) == 10
            await stream.seek("g", {})
            assert positions(await hear(stream, "g", 10)) == list(range(20, 30))

    run(work())


def test_replay_from_a_position_a_time_the_beginning_and_the_end(
    place: Any, request: pytest.FixtureRequest
) -> None:
    """A group is moved, durably, wherever it was; others stay."""
    if place.backend == "kafka":
        request.getfixturevalue("needs_real_kafka")
    clock = SystemClock()

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 10))
            await clock.sleep(0.05)
            middle_ns = clock.now_ns()
            await clock.sleep(0.05)
            await stream.append(said(10, 20))
            offsets: dict[str, dict[int, int]] = {}
            heard = 0
            while heard < 20:
                for batch in await stream.read("g", 100, wait_seconds=0.5):
                    where = offsets.setdefault(batch.partition, {})
                    for message, offset in zip(batch.messages, batch.offsets, strict=True):
                        where[message.position] = offset
                    heard += len(batch.messages)
                    await stream.commit("g", {batch.partition: batch.offsets[-1]})
            await stream.seek("g", BEGIN)
        async with opened(place) as stream:
            assert positions(await hear(stream, "g", 20)) == list(range(20))
            await stream.seek("g", At(middle_ns))
            assert positions(await hear(stream, "g", 10)) == list(range(10, 20))
            behind = {name: min(where.values()) for name, where in offsets.items()}
            firsts = {min(where) for where in offsets.values()}
            await stream.seek("g", behind)
            wanted = sorted(set(range(20)) - firsts)
            assert positions(await hear(stream, "g", len(wanted))) == wanted
            await stream.seek("g", END)
            await clock.sleep(0.01)
            await stream.append(said(20, 22))
            assert positions(await hear(stream, "g", 2)) == [20, 21]

    run(work())


def test_how_far_a_group_is_behind(place: Any, request: pytest.FixtureRequest) -> None:
    """Messages where they can be counted, else the age of what was read last."""
    if place.backend == "kafka":
        request.getfixturevalue("needs_real_kafka")

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 30))
            lags = await stream.lag("g")
            assert len(lags) == place.partitions
            assert {lag.committed for lag in lags} == {None}
            counted = [lag.messages for lag in lags]
            assert counted == [None] * len(lags) or sum(one or 0 for one in counted) == 30
            await hear(stream, "g", 30)
            await stream.read("g", 10)
            lags = await stream.lag("g")
            assert {lag.messages for lag in lags} <= {0, None}
            assert all(lag.messages == 0 or lag.behind_ms == 0 for lag in lags)
            assert any(lag.committed is not None for lag in lags)

    run(work())


def test_nobody_looks_without_leaving_a_trace(place: Any) -> None:
    """The group without a name reads, is moved and commits, and the next one begins anew."""

    async def work() -> None:
        for _ in range(2):
            async with opened(place) as stream:
                await stream.append(said(0, 10))
                assert len(await hear(stream, NOBODY, 10)) >= 10
                await stream.seek(NOBODY, END)
                await SystemClock().sleep(0.01)
                assert await silent(stream, NOBODY)
                await stream.seek(NOBODY, BEGIN)
                assert len(await hear(stream, NOBODY, 10)) >= 10

    run(work())


def test_trimming_never_takes_what_is_behind(place: Any) -> None:
    """What is before the offsets may go, what is from them on stays; reading goes on there."""

    async def work() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 40))
            await stream.append(said(40, 80))
            kept: dict[int, tuple[str, int]] = {}
            while len(kept) < 80:
                for batch in await stream.read("g", 1_000, wait_seconds=0.5):
                    for message, offset in zip(batch.messages, batch.offsets, strict=True):
                        kept[message.position] = (batch.partition, offset)
            before: dict[str, int] = {}
            for position in range(40, 80):
                partition, offset = kept[position]
                before[partition] = min(before.get(partition, offset), offset)
            await stream.trim({})
            await stream.trim(before)
            assert set(positions(await hear(stream, "new", 40))) >= set(range(40, 80))
            await stream.append(said(80, 82))
            assert set(positions(await hear(stream, "new", 2))) >= {80, 81}

    run(work())


def test_a_consumer_that_is_killed_loses_nothing(place: Any) -> None:
    """A process reads, commits now and then, and is ended by SIGKILL; the next goes on."""

    async def fill() -> None:
        async with opened(place) as stream:
            await stream.append(said(0, 1_000))

    run(fill())
    peer = json.dumps({} if place.peer is None else asdict(place.peer))
    command = [place.backend, peer, place.name, str(place.file)]
    heard: set[int] = set()
    for wanted in (350, 1_000):
        listen(command, heard, wanted)
    assert heard == set(range(1_000))


def listen(command: list[str], heard: set[int], wanted: int) -> None:
    """Hear what a reader says until there are so many different ones; then it is killed."""
    script = Path(__file__).with_name("reader.py")
    reader = subprocess.Popen(
        [sys.executable, str(script), *command], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    guard = threading.Timer(30, reader.kill)
    guard.start()
    try:
        while len(heard) < wanted and (line := reader.stdout.readline()):
            heard.add(int(line))
    finally:
        guard.cancel()
        reader.kill()
        heard |= {int(line) for line in reader.stdout if line.endswith("\n")}  # said before
        reader.stdout.close()
        reader.wait()
