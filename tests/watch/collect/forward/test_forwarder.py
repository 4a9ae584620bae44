"""The forwarder: at least once, in order, its place kept after the peer has said yes."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from tallystick.clock import SystemClock
from tallystick.errors import PermanentError, TemporaryError
from tallystick.watch.collect.forward import Cursors, Forwarder, Numbered

Numbers = Callable[..., list[Numbered]]


class Kept:
    """A log store in memory: numbered lines and those who are told."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, bytes]] = []
        self.told: list[Callable[[int], None]] = []
        self.end = 1

    def add(self, lines: Sequence[Numbered]) -> None:
        """More lines."""
        self.lines += [tuple(each) for each in lines]
        self.end = lines[-1].seq + 1
        for told in self.told:
            told(self.end)

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """As the store reads."""
        return [each for each in self.lines if each[0] >= start][:limit]

    def follow(self, told: Callable[[int], None]) -> Callable[[], None]:
        """As the store tells."""
        self.told.append(told)
        return lambda: self.told.remove(told)


class Peer:
    """A destination that fails as it is told."""

    lines_max = 10
    bytes_max = 1_000

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures: list[Exception] = []
        self.never: set[int] = set()
        self.closed = False

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Take a batch, or not."""
        if self.failures:
            raise self.failures.pop(0)
        if any(each.seq in self.never for each in lines):
            raise PermanentError("There is a line in it that cannot be taken.")
        self.batches.append([each.seq for each in lines])
        return 0

    async def close(self) -> None:
        """It was closed."""
        self.closed = True

    @property
    def seqs(self) -> list[int]:
        """All that it has."""
        return [seq for batch in self.batches for seq in batch]


class Impatient(SystemClock):
    """A clock whose sleeps are short and are remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Remember, and go on."""
        self.slept.append(seconds)
        await asyncio.sleep(0)


def _forwarder(
    store: Kept, peer: Peer, folder: Path, clock: Impatient | None = None, **more: Sequence[str]
) -> Forwarder:
    chance = random.Random(1)  # noqa: S311  a seed, to be repeatable
    cursors = Cursors(folder / "forward.json")
    return Forwarder("peer", store, peer, cursors, clock or Impatient(), chance, **more)


async def _all(forwarder: Forwarder) -> None:
    while await forwarder.step():
        pass


def test_batches_keep_the_order_and_both_limits(tmp_path: Path, numbered: Numbers) -> None:
    """At most so many lines and so many bytes; a line that is longer goes alone."""
    store, peer = Kept(), Peer()
    forwarder = _forwarder(store, peer, tmp_path)
    store.add([*numbered(1, 25), *numbered(26, 1, body="x" * 2_000), *numbered(27, 3)])

    asyncio.run(_all(forwarder))

    assert peer.seqs == list(range(1, 30))
    assert [26] in peer.batches
    assert max(map(len, peer.batches)) <= 10
    assert forwarder.lag == 0
    assert forwarder.sent == 29


def test_a_new_forwarder_begins_with_what_comes_from_now_on(
    tmp_path: Path, numbered: Numbers
) -> None:
    """Years of logs are not poured out because somebody names a destination."""
    store, peer = Kept(), Peer()
    store.add(numbered(1, 5))
    forwarder = _forwarder(store, peer, tmp_path)
    store.add(numbered(6, 2))

    asyncio.run(_all(forwarder))

    assert peer.seqs == [6, 7]


def test_a_failed_batch_is_sent_again_after_longer_and_longer(
    tmp_path: Path, numbered: Numbers
) -> None:
    """The same lines, never later ones first; `Retry-After` is obeyed."""
    store, peer, clock = Kept(), Peer(), Impatient()
    forwarder = _forwarder(store, peer, tmp_path, clock)
    store.add(numbered(1, 3))
    busy = TemporaryError("busy")
    busy.retry_after_seconds = 40
    peer.failures = [TemporaryError("away"), TemporaryError("away"), busy]

    asyncio.run(_all(forwarder))

    assert peer.seqs == [1, 2, 3]
    assert 0.25 <= clock.slept[0] <= 0.5 <= clock.slept[1] <= 1.0
    assert clock.slept[2] == 40
    assert forwarder.failure is None


def test_a_line_that_is_never_taken_stands_alone_and_is_counted(
    tmp_path: Path, numbered: Numbers
) -> None:
    """The batch is halved until only that line is left out."""
    store, peer = Kept(), Peer()
    forwarder = _forwarder(store, peer, tmp_path)
    store.add(numbered(1, 10))
    peer.never = {4, 9}

    asyncio.run(_all(forwarder))

    assert peer.seqs == [1, 2, 3, 5, 6, 7, 8, 10]
    assert (forwarder.sent, forwarder.refused, forwarder.lag) == (8, 2, 0)


def test_only_the_indexes_that_are_named(tmp_path: Path, numbered: Numbers) -> None:
    """A line without an index is one of our own."""
    store, peer = Kept(), Peer()
    forwarder = _forwarder(store, peer, tmp_path, indexes=("tallystick", "web"))
    index = "com.splunk.index"
    store.add(
        [*numbered(1, 2), *numbered(3, 2, **{index: "main"}), *numbered(5, 1, **{index: "web"})]
    )

    asyncio.run(_all(forwarder))

    assert peer.seqs == [1, 2, 5]
    assert forwarder.lag == 0


def test_a_stop_in_the_middle_sends_some_again_and_loses_none(
    tmp_path: Path, numbered: Numbers
) -> None:
    """Cancelled at many moments and begun anew: everything arrives, in order but for repeats."""
    store = Kept()
    received: list[int] = []

    async def life(stop_after: int) -> None:
        peer = Peer()
        forwarder = _forwarder(store, peer, tmp_path)
        running = asyncio.create_task(forwarder.run())
        while not store.told or (len(peer.batches) < stop_after and forwarder.lag):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert peer.closed
        assert store.told == []
        received.extend(peer.seqs)

    asyncio.run(life(0))  # it is known from here on
    store.add(numbered(1, 100))
    for stop_after in (1, 2, 3, 100):
        asyncio.run(life(stop_after))

    assert sorted(set(received)) == list(range(1, 101))
    assert [seq for n, seq in enumerate(received) if seq not in received[:n]] == list(range(1, 101))


def test_new_lines_wake_it(tmp_path: Path, numbered: Numbers) -> None:
    """A forwarder that has nothing to do waits for the store, not for time."""
    store, peer = Kept(), Peer()

    async def story() -> None:
        forwarder = _forwarder(store, peer, tmp_path)
        running = asyncio.create_task(forwarder.run())
        while not store.told:  # noqa: ASYNC110  it follows in its own time
            await asyncio.sleep(0)
        await asyncio.to_thread(store.add, numbered(1, 2))
        async with asyncio.timeout(20):
            while forwarder.lag:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())
    assert peer.seqs == [1, 2]
