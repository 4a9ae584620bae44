"""The embedded bus: its settings, and how it lets go of old messages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.stream import EmbeddedBus, Message, embedded


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBus]:
    """A bus that keeps 100 messages behind its slowest consumer, and 5 in memory."""
    monkeypatch.setattr(embedded, "KEEP_MESSAGES", 100)
    monkeypatch.setattr(embedded, "TAIL_MESSAGES", 5)
    bus = EmbeddedBus(tmp_path / "stream.db")
    yield bus
    bus.close()


def publish(bus: EmbeddedBus, count: int) -> None:
    """So many more messages, ten at a time."""
    end = bus.end() + count
    while (first := bus.end()) < end:
        bus.publish([Message(n, b"%d" % n) for n in range(first, min(end, first + 10))])


def oldest(bus: EmbeddedBus) -> int:
    """The position of the oldest message that can be read."""
    return bus.read(0, 1)[0].position


def test_the_settings_take_hold(bus: EmbeddedBus) -> None:
    """It need not wait for the disk (the ledger has it all), but for who folds its log."""
    assert bus._connection.execute("PRAGMA journal_mode").get == "wal"
    assert bus._connection.execute("PRAGMA synchronous").get == 1
    assert bus._connection.execute("PRAGMA wal_autocheckpoint").get == 0
    assert bus._connection.execute("PRAGMA busy_timeout").get == embedded.BUSY_MS_MAX


def test_nothing_is_let_go_while_nobody_has_read(bus: EmbeddedBus) -> None:
    """Without a consumer there is no telling what will be wanted."""
    publish(bus, 500)
    assert oldest(bus) == 0


def test_the_slowest_consumer_keeps_its_messages(bus: EmbeddedBus) -> None:
    """Everything from 100 before the slowest cursor on stays; what is older goes."""
    publish(bus, 300)
    bus.commit("fast", 300)
    bus.commit("slow", 50)
    publish(bus, 200)
    assert oldest(bus) == 0
    bus.commit("slow", 250)
    publish(bus, 200)
    assert oldest(bus) == 150
    assert [message.position for message in bus.read(250, 1_000)] == list(range(250, 700))


def test_reading_from_before_the_oldest_begins_there(bus: EmbeddedBus, tmp_path: Path) -> None:
    """A newcomer is not left waiting; it sees by the positions that older ones are gone."""
    publish(bus, 300)
    bus.commit("only", 300)
    publish(bus, 100)
    assert oldest(bus) == 200
    assert [message.position for message in bus.read(20, 15)] == list(range(200, 215))
    again = EmbeddedBus(tmp_path / "stream.db")
    assert (again.end(), oldest(again)) == (400, 200)
    again.close()


def test_memory_and_file_say_the_same(bus: EmbeddedBus) -> None:
    """The newest messages come from memory; where the two meet makes no difference."""
    publish(bus, 33)
    kept = [message.position for message in bus._tail]
    assert kept[-5:] == [28, 29, 30, 31, 32]
    assert len(kept) <= 10
    for start in range(35):
        wanted = [Message(n, b"%d" % n) for n in range(start, 33)]
        assert bus.read(start, 100) == wanted
        assert bus.read(start, 3) == wanted[:3]
