"""A slow challenger in a thread of its own: the champion never waits for it."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tallystick.stream.message import Message
from tallystick.watch.detect.models.beside import BATCHES_WAITING_MAX, Beside
from tallystick.watch.detect.observation import Observation, TimeSeen
from tallystick.watch.detect.score import Finding, Judged, Reason
from tallystick.watch.detect.watcher import Watcher

ONE = TimeSeen("2026-03-02T00:00:00.000000Z", 1_772_000_000.0)


class Slow:
    """Finds something in each batch, once it is let."""

    names = ("order_size",)
    observes: tuple[type[Observation], ...] = (TimeSeen,)

    def __init__(self) -> None:
        self.go = threading.Event()

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Wait, then find."""
        assert self.go.wait(20)
        reason = Reason("less", "more", "It was more.", ())
        found = [Finding(0, "order_size", "fraud", "x", 1e-9, 0.0, reason)]
        return Judged([1e-9] * len(batch), found)

    def snapshot(self) -> bytes:
        """Nothing."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing."""


@pytest.fixture
def slow() -> Iterator[tuple[Slow, Beside]]:
    """A detector that waits, and the watcher beside."""
    detector = Slow()
    beside = Beside(Watcher([detector], "a" * 12))
    yield detector, beside
    detector.go.set()
    beside.close()
    assert not beside._thread.is_alive()


def until(question: Callable[[], object]) -> None:
    """Ask until it is so; there is a thread at work."""
    pause = threading.Event()
    for _ in range(2_000):
        if question():
            return
        pause.wait(0.01)
    pytest.fail("not within 20 s")


def test_nobody_waits_for_it_and_nothing_is_lost(slow: tuple[Slow, Beside]) -> None:
    """What it finds comes with a later call."""
    detector, beside = slow
    for _ in range(10):
        assert beside.see([ONE]) == []
    detector.go.set()
    found: list[object] = []
    until(lambda: found.extend(beside.take([Message(0, b"raw")])) or len(found) == 10)
    assert beside.dropped == 0
    assert (beside.model, beside.unreadable) == ("a" * 12, 0)
    assert beside.observed == 10
    until(lambda: beside.position == 1)


def test_what_it_cannot_take_is_dropped_and_counted(slow: tuple[Slow, Beside]) -> None:
    """Memory is bounded."""
    _, beside = slow
    for _ in range(BATCHES_WAITING_MAX + 50):
        beside.see([ONE])
    assert 48 <= beside.dropped <= 50


def test_it_keeps_nothing_over_a_restart(slow: tuple[Slow, Beside]) -> None:
    """It begins anew, from where it is told."""
    _, beside = slow
    beside.restore(beside.snapshot())
    beside.position = 7
    assert beside.position == 7
