"""Queues: received messages are hidden, come again, and are gone when acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Overloaded, Refused
from tallystick.stream.rules import queues as module
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.queues import Queues

NOW = 10**18


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Queues]:
    """Queues in a fresh file."""
    database = Database(tmp_path / "rules.db")
    yield Queues(database)
    database.close()


def after(seconds: float) -> int:
    """So much later."""
    return NOW + round(seconds * NS_PER_SECOND)


def test_a_received_message_is_hidden_until_its_time_is_over(queues: Queues) -> None:
    """Then it comes again, to whoever asks, with a new receipt; the old one is worth nothing."""
    queues.send("q", "a", b"1", NOW)
    (first,) = queues.receive("q", NOW, 10, 30)
    assert queues.receive("q", after(29), 10, 30) == []
    (second,) = queues.receive("q", after(30), 10, 30)
    assert (first.id, first.receives, second.receives) == ("a", 1, 2)
    assert queues.acknowledge("q", [first.receipt]) == 0
    assert queues.acknowledge("q", [second.receipt, "nonsense"]) == 1
    assert queues.receive("q", after(99), 10, 30) == []
    assert queues.acknowledge("q", [second.receipt]) == 0


def test_a_message_sent_twice_is_there_once(queues: Queues) -> None:
    """Also when it was dealt with in between: its id is remembered."""
    queues.send("q", "a", b"1", NOW)
    queues.send("q", "a", b"1", NOW)
    (message,) = queues.receive("q", NOW, 10)
    queues.acknowledge("q", [message.receipt])
    queues.send("q", "a", b"1", NOW)
    assert queues.receive("q", after(100), 10) == []
    queues.send("other", "a", b"1", NOW)
    assert len(queues.receive("other", NOW, 10)) == 1


def test_a_message_can_be_given_back_or_kept_longer(queues: Queues) -> None:
    """SQS's ChangeMessageVisibility."""
    queues.send("q", "a", b"1", NOW)
    (message,) = queues.receive("q", NOW, 1, 30)
    assert queues.hide("q", [message.receipt], NOW, 60) == 1
    assert queues.receive("q", after(59)) == []
    assert queues.hide("q", [message.receipt], NOW, 0) == 1
    assert len(queues.receive("q", NOW)) == 1
    assert queues.hide("q", ["nonsense"], NOW, 0) == 0


def test_the_oldest_come_first_and_all_are_told(queues: Queues) -> None:
    """Their number, those hidden, and the age of the oldest."""
    for number in range(5):
        queues.send("q", str(number), b"%d" % number, NOW + number)
    assert [each.id for each in queues.receive("q", NOW + 9, 2)] == ["0", "1"]
    (item,) = queues.all(NOW + 9)
    assert (item.name, item.messages, item.hidden) == ("q", 5, 2)
    assert item.oldest_at == "2001-09-09T01:46:40.000000Z"


def test_a_full_queue_makes_its_target_wait(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory and disk are bounded."""
    monkeypatch.setattr(module, "MESSAGES_MAX", 2)
    queues.send("q", "a", b"1", NOW)
    queues.send("q", "b", b"1", NOW)
    with pytest.raises(Overloaded, match="is full"):
        queues.send("q", "c", b"1", NOW)


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 81, "-a"])
def test_names(queues: Queues, name: str) -> None:
    """SQS's, without surprises."""
    with pytest.raises(Refused, match="1 to 80"):
        queues.receive(name, NOW)
