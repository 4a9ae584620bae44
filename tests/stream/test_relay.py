"""The relay: all that is durable reaches the bus and each consumer, in order, at least once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Corrupt, Refused
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Message, embedded, open_stream
from tallystick.stream.operate import move
from tallystick.stream.relay import COMMIT_NS, FEED_MESSAGES_MAX, GATHER_SECONDS, Relay

TURNS_MAX = 10_000
"""Turns of the event loop that anything here may take."""


class Stage:
    """A ledger, a bus on disk, and a relay that can be begun anew."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
        self._folder = folder
        self.streams = open_stream("embedded", folder, self.clock, self.ledger.origin)
        self.relay = Relay(self.ledger, self.streams, self.clock)

    @property
    def stream(self) -> embedded.EmbeddedStream:
        """The stream of the entries."""
        assert self.streams.local is not None
        return self.streams.local

    async def restart(self) -> None:
        """New stream objects and a relay on what was kept."""
        await self.streams.close()
        self.streams = open_stream("embedded", self._folder, self.clock, self.ledger.origin)
        self.relay = Relay(self.ledger, self.streams, self.clock)

    async def grow(self, count: int) -> None:
        """Append so many entries."""
        first = self.ledger.size
        entries = [Sealable(b'{"n":%d}' % n) for n in range(first, first + count)]
        await self.ledger.append(first, entries)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the relay's loop under way."""
        async with under_way(self.relay.run()):
            yield


class Listener:
    """A consumer that remembers what it was given."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.most = 0

    @property
    def positions(self) -> list[int]:
        """The positions, in the order in which they came."""
        return [message.position for message in self.heard]

    async def __call__(self, messages: list[Message]) -> None:
        """Take messages."""
        self.most = max(self.most, len(messages))
        self.heard += messages


@asynccontextmanager
async def under_way(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """A loop that runs meanwhile, and is cancelled afterwards."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(done: Callable[[], bool]) -> None:
    """Let others run until it is so."""
    for _ in range(TURNS_MAX):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to be")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """An empty ledger and an empty bus."""
    stage = Stage(tmp_path)
    yield stage
    asyncio.run(stage.streams.close())
    stage.ledger.close()


def test_the_bus_says_what_the_ledger_has(stage: Stage) -> None:
    """Entries from before the start and from after it, byte for byte, at their positions."""

    async def run() -> None:
        await stage.grow(3_000)
        async with stage.running():
            await until(lambda: stage.stream.end == 3_000)
            await stage.grow(2)
            await until(lambda: stage.stream.end == 3_002)

    asyncio.run(run())
    rows = stage.ledger.rows(0, 5_000)
    assert stage.stream.at(0, 5_000)[1] == [Message(n, row.entry) for n, row in enumerate(rows)]


def test_entries_gather_before_they_are_said(stage: Stage) -> None:
    """After a commit the relay waits a moment of its clock: one row of the bus for many entries."""

    async def run() -> int:
        async with stage.running():
            await stage.grow(1)
            await until(lambda: stage.stream.end == 1)
            before_ns = stage.clock.monotonic_ns()
            await stage.grow(1)
            await until(lambda: stage.stream.end == 2)
            return stage.clock.monotonic_ns() - before_ns

    assert asyncio.run(run()) == GATHER_SECONDS * NS_PER_SECOND


def test_it_resumes_by_position(stage: Stage) -> None:
    """What was committed while no relay ran is said by the next one; nothing is said twice."""

    async def run() -> None:
        await stage.grow(5)
        await stage.relay.publish()
        await stage.grow(4)
        await stage.restart()
        await stage.relay.publish()

    asyncio.run(run())
    assert [message.position for message in stage.stream.at(0, 100)[1]] == list(range(9))


def test_a_stream_ahead_of_the_ledger_is_refused(stage: Stage) -> None:
    """The ledger was put back to an older state, or is another one: its entries would be lost."""
    asyncio.run(stage.grow(5))
    asyncio.run(stage.relay.publish())
    other = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
    with pytest.raises(Corrupt, match="stream has 5 entries and the ledger only 0"):
        Relay(other, stage.streams, stage.clock)


def test_consumers_hear_everything_in_order(stage: Stage) -> None:
    """Each at its own pace, in handfuls; also those that come before there is anything."""
    early, late = Listener(), Listener()

    async def run() -> None:
        async with stage.running(), under_way(stage.relay.feed("early", early)):
            await stage.grow(1_000)
            await until(lambda: len(early.heard) == 1_000)
            async with under_way(stage.relay.feed("late", late)):
                await stage.grow(10)
                await until(lambda: len(early.heard) == len(late.heard) == 1_010)

    asyncio.run(run())
    assert early.positions == late.positions == list(range(1_010))
    assert max(early.most, late.most) <= FEED_MESSAGES_MAX
    assert stage.relay._published == []


def test_a_consumer_goes_on_where_it_was(stage: Stage) -> None:
    """After an orderly end nothing is heard twice."""
    first, second = Listener(), Listener()

    async def run() -> None:
        await stage.grow(300)
        await stage.relay.publish()
        async with under_way(stage.relay.feed("detect", first)):
            await until(lambda: len(first.heard) == 300)
        await stage.grow(20)
        await stage.restart()
        await stage.relay.publish()
        async with under_way(stage.relay.feed("detect", second)):
            await until(lambda: len(second.heard) == 20)

    asyncio.run(run())
    assert second.positions == list(range(300, 320))


def test_a_consumer_that_rests_keeps_its_place_and_is_moved(stage: Stage) -> None:
    """While nothing new is said: where it stands is known, and where it is put it goes on."""
    listener = Listener()

    async def run() -> None:
        await stage.grow(40)
        await stage.relay.publish()
        cursors = stage.streams.cursors
        async with under_way(stage.relay.feed("detect", listener)):
            await until(lambda: cursors.peek("detect") == 40)
            await move(stage.streams, stage.ledger, "detect", 30)
            await until(lambda: len(listener.heard) == 50)

    asyncio.run(run())
    assert listener.positions == [*range(40), *range(30, 40)]


def test_nobody_is_moved_who_never_was(stage: Stage) -> None:
    """A slip in a name makes no consumer that holds everything back."""

    async def run() -> None:
        await stage.grow(1)
        await stage.relay.publish()
        async with under_way(stage.relay.feed("detect", Listener())):
            await until(lambda: "detect" in stage.streams.cursors.names())
        with pytest.raises(Refused, match=r"Nobody reads as 'detct'; those who do are .*detect"):
            await move(stage.streams, stage.ledger, "detct", "begin")
        assert "detct" not in stage.streams.cursors.names()

    asyncio.run(run())


def test_a_consumer_may_keep_its_own_place(stage: Stage) -> None:
    """It is fed from where it says, wherever the bus thinks that it was."""
    listener = Listener()
    stage.stream.cursors.move("detect", 290)

    async def run() -> None:
        await stage.grow(300)
        await stage.relay.publish()
        async with under_way(stage.relay.feed("detect", listener, 280)):
            await until(lambda: len(listener.heard) == 20)

    asyncio.run(run())
    assert listener.positions == list(range(280, 300))


def test_a_consumer_that_raises_sees_the_messages_again(stage: Stage) -> None:
    """Its loop ends with its error; the next one begins with the messages it could not take."""
    listener = Listener()

    async def picky(messages: list[Message]) -> None:
        if messages[-1].position >= 300:
            raise ValueError("too much")
        await listener(messages)

    async def run() -> None:
        await stage.grow(600)
        await stage.relay.publish()
        with pytest.raises(ValueError, match="too much"):
            await stage.relay.feed("detect", picky)
        taken = 300 // FEED_MESSAGES_MAX * FEED_MESSAGES_MAX
        assert stage.stream.cursors.peek("detect") == len(listener.heard) == taken
        async with under_way(stage.relay.feed("detect", listener)):
            await until(lambda: len(listener.heard) == 600)

    asyncio.run(run())
    assert listener.positions == list(range(600))
    assert stage.relay._published == []


def test_a_crash_repeats_at_most_what_came_since_the_cursor_was_kept(stage: Stage) -> None:
    """The cursor is kept once a second of the clock, never ahead of what was dealt with."""
    listener = Listener()
    peek = stage.stream.cursors.peek

    def never_ahead(heard: int) -> bool:
        assert peek("detect") <= len(listener.heard)
        return len(listener.heard) == heard

    async def run() -> None:
        async with stage.running(), under_way(stage.relay.feed("detect", listener)):
            await stage.grow(1)
            await until(lambda: never_ahead(1))
            await until(lambda: peek("detect") == 1)
            await stage.grow(1)
            await until(lambda: never_ahead(2))
            stage.clock.advance(COMMIT_NS / NS_PER_SECOND)
            await stage.grow(1)
            await until(lambda: never_ahead(3))
            await until(lambda: peek("detect") == 3)

    asyncio.run(run())


def test_what_the_bus_let_go_of_comes_from_the_ledger(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer hears everything from the beginning, though the bus has only the newest."""
    monkeypatch.setattr(embedded, "KEEP_MESSAGES", 100)
    monkeypatch.setattr(embedded, "TAIL_MESSAGES", 10)
    asyncio.run(stage.restart())
    listener, newcomer = Listener(), Listener()

    async def run() -> None:
        async with stage.running(), under_way(stage.relay.feed("detect", listener)):
            for size in range(200, 1_201, 200):
                await stage.grow(200)
                await until(lambda: len(listener.heard) == size)  # noqa: B023  runs here
                stage.clock.advance(COMMIT_NS / NS_PER_SECOND)
            assert stage.stream.at(0, 1)[1][0].position > 600
            async with under_way(stage.relay.feed("newcomer", newcomer)):
                await until(lambda: len(newcomer.heard) == 1_200)

    asyncio.run(run())
    assert newcomer.heard == listener.heard
    assert newcomer.positions == list(range(1_200))
    assert newcomer.most <= FEED_MESSAGES_MAX
