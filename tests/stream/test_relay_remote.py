"""The relay and its consumers on every backend: in the ledger's order, whatever the stream does."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Event, Message, Streams, consume, kafka, open_stream
from tallystick.stream.dead import DeadLetter, dead_letters, replay_numbers
from tallystick.stream.log_relay import LogRelay
from tallystick.stream.message import message_of
from tallystick.stream.open import BACKENDS, PLACES_FILE
from tallystick.stream.relay import Relay
from tallystick.stream.stream import BEGIN, NOBODY

SECONDS_MAX = 40
"""How long anything here may take; nothing waits for it."""
CLOCK = SystemClock()


class Site:
    """A ledger, and streams that can be opened again as the next process would."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))

    def open(self) -> tuple[Streams, Relay]:
        """The streams and a relay."""
        streams = open_stream(self.address, self.folder, CLOCK, self.ledger.origin)
        return streams, Relay(self.ledger, streams, CLOCK)

    async def grow(self, count: int) -> None:
        """Append so many entries, of five accounts in turn and some of none."""
        first = self.ledger.size
        entries = []
        for n in range(first, first + count):
            account = "" if n % 7 == 0 else f',"account":"acc-{n % 5}"'
            entries.append(
                Sealable(f'{{"at":"2026-11-22T04:08:16Z","kind":"k","n":{n}{account}}}'.encode())
            )
        await self.ledger.append(first, entries)


@pytest.fixture(params=BACKENDS)
def site(
    request: pytest.FixtureRequest, tmp_path: Path, stream_address: Callable[[str], str]
) -> Site:
    """An empty ledger and empty streams."""
    return Site(stream_address(request.param), tmp_path)


class Listener:
    """A consumer that remembers what it was given."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.bodies: list[bytes] = []

    async def __call__(self, messages: list[Message]) -> None:
        """Take messages."""
        self.positions += [message.position for message in messages]
        self.bodies += [message.body for message in messages]


async def while_running(works: list[Coroutine[Any, Any, None]], done: Callable[[], bool]) -> None:
    """Let these run until it is so."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        for _ in range(SECONDS_MAX * 100):
            for task in tasks:
                if task.done():
                    task.result()
            if done():
                return
            await CLOCK.sleep(0.01)
        raise AssertionError("it did not come to be")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_consumers_hear_the_ledger_in_its_order(site: Site) -> None:
    """Before and after a restart, bytes for bytes, each entry once."""
    first, second = Listener(), Listener()

    async def run() -> None:
        streams, relay = site.open()
        await site.grow(1_500)
        await while_running(
            [relay.run(), relay.feed("detect", first)],
            lambda: len(first.positions) == 1_500 and relay.behind == 0,
        )
        await streams.close()
        streams, relay = site.open()
        assert streams.said == 1_500
        await site.grow(300)
        await while_running(
            [relay.run(), relay.feed("detect", second)], lambda: len(second.positions) == 300
        )
        await streams.close()

    asyncio.run(run())
    assert first.positions == list(range(1_500))
    assert second.positions == list(range(1_500, 1_800))
    assert first.bodies + second.bodies == [row.entry for row in site.ledger.rows(0, 1_800)]


def test_a_consumer_that_knows_its_place_begins_there(site: Site) -> None:
    """One at the end does not hear the past; one that is behind hears what it lacks."""
    new, old = Listener(), Listener()

    async def run() -> None:
        streams, relay = site.open()
        await site.grow(600)
        await relay.publish()
        works = [relay.run(), relay.feed("live", new, 600), relay.feed("slow", old, 550)]

        async def later() -> None:
            await CLOCK.sleep(0.3)
            await site.grow(10)

        await while_running(
            [*works, later(), asyncio.Event().wait()],  # type: ignore[list-item]
            lambda: len(new.positions) == 10 and len(old.positions) == 60,
        )
        await streams.close()

    asyncio.run(run())
    assert new.positions == list(range(600, 610))
    assert old.positions == list(range(550, 610))


def test_a_relay_that_forgot_says_it_again_under_the_same_ids(site: Site) -> None:
    """Consumers hear each entry once all the same."""
    listener = Listener()

    async def run() -> list[int]:
        streams, relay = site.open()
        if not streams.remote:
            await streams.close()
            pytest.skip("the embedded stream is its own memory")
        await site.grow(200)
        await relay.publish()
        await streams.close()
        for file in site.folder.glob(f"{PLACES_FILE}*"):
            file.unlink()
        streams, relay = site.open()
        assert streams.said == 0
        await site.grow(1)
        await while_running(
            [relay.run(), relay.feed("detect", listener)], lambda: len(listener.positions) == 201
        )
        there = await everything(streams, 401)
        await streams.close()
        return there

    there = asyncio.run(run())
    assert listener.positions == list(range(201))
    assert sorted(there) == sorted([*range(200), *range(201)])


async def everything(streams: Streams, count: int) -> list[int]:
    """The positions of all messages of the entries' stream."""
    await streams.entries.seek(NOBODY, BEGIN)
    found: list[int] = []
    for _ in range(50):
        for batch in await streams.entries.read(NOBODY, 1_000, wait_seconds=0.3):
            found += [message.position for message in batch.messages]
        if len(found) >= count:
            break
    return found


def test_what_the_stream_lost_comes_from_the_ledger(site: Site) -> None:
    """Its messages were never there, or somebody deleted them: no consumer notices."""
    listener = Listener()

    async def run() -> None:
        streams, relay = site.open()
        if not streams.remote:
            await streams.close()
            pytest.skip("see test_relay.py")
        await site.grow(700)
        streams.acknowledged(650)  # a stream that was made anew
        await while_running(
            [relay.run(), relay.feed("detect", listener)], lambda: len(listener.positions) == 700
        )
        await streams.close()

    asyncio.run(run())
    assert listener.positions == list(range(700))


def test_strangers_on_the_stream_become_dead_letters(site: Site) -> None:
    """Bytes that are no message of ours are set aside with a reason; the rest is heard."""
    listener = Listener()

    async def run() -> None:
        streams, relay = site.open()
        if not streams.remote:
            await streams.close()
            pytest.skip("nobody else writes the embedded stream")
        origin = site.ledger.origin
        strangers = [
            Event("not-a-number", origin, "x.y", b'{"a":1}', partitionkey="acc-1"),
            Event("5", "elsewhere", "x.y", b'{"a":2}', partitionkey="acc-1"),
            Event("900000", origin, "x.y", b'{"a":3}', partitionkey="acc-1"),
        ]
        await streams.entries.append([message_of(event) for event in strangers])
        await site.grow(20)
        letters: list[DeadLetter] = []

        async def look() -> None:
            while len(letters) < 3:
                letters[:] = await dead_letters(streams.dead)
            await asyncio.Event().wait()

        await while_running(
            [relay.run(), relay.feed("detect", listener), look()],
            lambda: len(listener.positions) == 20 and len(letters) == 3,
        )
        ids = [letter.event.id for letter in letters]
        assert sorted(ids) == ["5", "900000", "not-a-number"]
        assert {(one.group, one.event.type) for one in letters} == {("detect", "x.y")}
        assert letters[0].reason == "It is no message of this ledger."
        await streams.close()

    asyncio.run(run())
    assert listener.positions == list(range(20))


def test_poison_is_set_aside_and_can_be_sent_again(site: Site) -> None:
    """After some attempts, with the reason and as it was; the others go on; then it is replayed."""
    heard: list[int] = []
    attempts: list[int] = []
    healed = False

    async def handler(message: Message) -> None:
        if message.position == 13 and not healed:
            attempts.append(message.position)
            raise ValueError("thirteen is too much")
        if message.position == 4 and attempts.count(4) < 2:
            attempts.append(4)
            raise TemporaryError("come back later")
        heard.append(message.position)

    class Quick(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds / 50)

    async def run() -> None:
        nonlocal healed
        streams, relay = site.open()
        await site.grow(30)
        await relay.publish()
        await while_running(
            [consume(streams, "rules", handler, Quick(), attempts_max=3)],
            lambda: len(heard) >= 29,
        )
        assert sorted(set(heard)) == [n for n in range(30) if n != 13]
        assert attempts.count(13) == 3
        letters = await dead_letters(streams.dead, "rules")
        assert await dead_letters(streams.dead, "other") == []
        (letter,) = letters
        assert (letter.group, letter.attempts) == ("rules", 3)
        assert letter.reason == "ValueError: thirteen is too much"
        assert letter.event.data == site.ledger.rows(13, 1)[0].entry
        assert (letter.event.id, letter.event.subject) == ("13", "acc-3")
        healed = True
        assert await replay_numbers(streams.dead, [letter.number]) == [letter]
        await while_running(
            [consume(streams, "rules", handler, Quick(), attempts_max=3)], lambda: 13 in heard
        )
        await streams.close()

    asyncio.run(run())


def test_consumers_hear_the_ledger_while_the_brokers_are_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detection does not stop because a stream does; the relay says it all later."""
    monkeypatch.setattr(kafka, "ANSWER_SECONDS_MAX", 0.2)
    site = Site("kafka://127.0.0.1:9/fx", tmp_path)
    listener = Listener()

    async def run() -> None:
        streams, relay = site.open()
        await site.grow(3_000)
        await while_running(
            [relay.feed("detect", listener)], lambda: len(listener.positions) == 3_000
        )
        with pytest.raises(TemporaryError, match="Kafka"):
            await relay.publish()
        assert relay.behind == 3_000
        assert streams.cursors.peek("detect") == 3_000
        await streams.close()

    asyncio.run(run())
    assert listener.positions == list(range(3_000))


class Lines:
    """A log store's lines, some of which expired."""

    def __init__(self) -> None:
        self.lines: dict[int, bytes] = {}
        self.end = 1
        self._told: list[Callable[[int], None]] = []

    def read(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Lines from `start` on."""
        return [(n, line) for n, line in sorted(self.lines.items()) if n >= start][:limit]

    def follow(self, told: Callable[[int], None]) -> Callable[[], None]:
        """Tell of appends."""
        self._told.append(told)
        return lambda: self._told.remove(told)

    def append(self, count: int) -> None:
        """So many lines."""
        for n in range(self.end, self.end + count):
            if n % 10 != 5:
                self.lines[n] = b'{"timestamp":"2026-11-22T04:08:16Z","body":"%d"}' % n
        self.end += count
        for told in self._told:
            told(self.end)


def test_log_lines_are_said_where_somebody_else_can_hear_them(site: Site) -> None:
    """Each line that is kept, once, by its number; nothing on the embedded stream."""
    lines = Lines()

    async def run() -> None:
        streams, _ = site.open()
        logs = LogRelay(lines, streams, CLOCK)
        lines.append(40)
        if streams.logs is None:
            await logs.run()
            assert logs.behind == 0
            await streams.close()
            return
        await while_running([logs.run()], lambda: logs.behind == 0)
        lines.append(20)
        assert logs.behind == 20
        again = LogRelay(lines, streams, CLOCK)
        await while_running([again.run()], lambda: again.behind == 0)
        found: dict[int, str] = {}
        for _ in range(50):
            for batch in await streams.logs.read(NOBODY, 100, wait_seconds=0.2):
                for message in batch.messages:
                    assert message.position not in found
                    assert message.event is not None
                    found[message.position] = message.event.type
                    assert message.body == lines.lines[message.position]
            if len(found) == len(lines.lines):
                break
        assert set(found) == set(lines.lines)
        assert set(found.values()) == {"tallystick.log"}
        assert not lines._told
        with suppress(TemporaryError):
            await streams.close()

    asyncio.run(run())
