"""The watcher takes each entry once, hands rows to those that look at them, and names anomalies."""

from collections.abc import Callable, Sequence

import pytest

from tallystick.errors import Corrupt
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen, TimeSeen
from tallystick.watch.detect.score import Finding, Judged, Reason
from tallystick.watch.detect.watcher import Watcher, anomaly_id

SURPRISE = Reason("less", "more", "More came than was expected.", ())


class Odd:
    """Finds every observation of its kinds whose account is `odd`; keeps what it was shown."""

    def __init__(self, *observes: type[Observation], refractory: float = 10.0) -> None:
        """Look at these kinds."""
        self.names = ("odd",)
        self.observes = observes
        self.refractory = refractory
        self.batches: list[Sequence[Observation]] = []

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Say what is odd."""
        self.batches.append(batch)
        findings = [
            Finding(row, "odd", "fraud", "odd one", 1e-7, self.refractory, SURPRISE)
            for row, each in enumerate(batch)
            if getattr(each, "account", None) == "odd"
        ]
        return Judged([float("nan")] * len(batch), findings)

    def snapshot(self) -> bytes:
        """How many batches it saw."""
        return b"%d" % len(self.batches)

    def restore(self, data: bytes) -> None:
        """Refuses what is no number."""
        self.batches = [()] * int(data)


def call(at_seconds: float, account: str = "acme") -> CallSeen:
    """One call."""
    return CallSeen("2026-11-22T10:00:00Z", at_seconds, "GET /v1/orders", 200, 900.0, account)


def entry(make_entry: Callable[..., bytes], position: int, account: str, at: float) -> Message:
    """One order decided."""
    return Message(position, make_entry(position, at_seconds=at, account=account))


def test_an_entry_is_taken_once(make_entry: Callable[..., bytes], start_seconds: float) -> None:
    """Redelivered entries are dropped by position; the anomaly leads to the order."""
    watcher = Watcher([Odd(OrderSeen)], "m1")
    messages = [
        entry(make_entry, n, "odd" if n == 2 else "acme", start_seconds + n) for n in range(4)
    ]
    (found,) = watcher.take(messages)

    assert watcher.take(messages) == []
    assert (watcher.position, watcher.observed) == (4, 4)
    assert (found.id, found.position, found.positions) == ("odd-2", 2, (2,))
    assert (found.order_id, found.account, found.model) == ("O-2", "odd", "m1")
    assert (found.expected, found.came, found.held) == ("less", "more", None)


def test_each_detector_sees_its_kinds_only() -> None:
    """Rows are chosen by type, and findings come back in the order of what happened."""
    calls, times, both = Odd(CallSeen), Odd(TimeSeen), Odd(CallSeen, TimeSeen)
    late = TimeSeen("2026-11-22T10:00:01Z", 2.0)
    batch = [late, call(3.0, "odd"), late]
    found = Watcher([calls, times, both]).see(batch)

    assert [len(each.batches[0]) for each in (calls, times, both)] == [1, 2, 3]
    assert len(found) == 1  # both found the call: one anomaly of one name, entity and moment
    assert found[0].position is None
    assert found[0].id == anomaly_id("odd", None, "2026-11-22T10:00:00Z|odd one")


def test_what_came_is_silent_for_its_refractory_period() -> None:
    """Ten seconds of the stream's own time; a clock that went back does not prolong it."""
    watcher = Watcher([Odd(CallSeen)])
    times = [100.0, 105.0, 109.9, 110.0, 50.0, 55.0]
    found = [len(watcher.see([call(at, "odd")])) for at in times]

    assert found == [1, 0, 0, 1, 1, 0]


def test_a_disabled_name_is_not_reported() -> None:
    """It learns on, and says nothing."""
    odd = Odd(CallSeen)
    assert Watcher([odd], disabled=["odd"]).see([call(1.0, "odd")]) == []
    assert len(odd.batches) == 1


def test_a_restart_goes_on() -> None:
    """Position, refractory periods and what each detector learnt are kept."""
    watcher = Watcher([Odd(CallSeen)])
    watcher.see([call(100.0, "odd")])
    watcher.position = 7
    again = Watcher([Odd(CallSeen), Odd(TimeSeen)])
    again.restore(watcher.snapshot())

    assert again.position == 7
    assert again.see([call(101.0, "odd")]) == []
    assert len(again.see([call(111.0, "odd")])) == 1


@pytest.mark.parametrize("data", [b"", b"\x00", b"no state"])
def test_a_snapshot_that_cannot_be_read_is_refused(data: bytes) -> None:
    """With a sentence, as Corrupt."""
    with pytest.raises(Corrupt, match="saved state cannot be read"):
        Watcher([]).restore(data)


def test_unreadable_entries_are_counted_and_passed(
    make_entry: Callable[..., bytes], start_seconds: float
) -> None:
    """One broken entry does not stop the watch."""
    watcher = Watcher([Odd(OrderSeen)])
    found = watcher.take([Message(0, b"{\xff"), entry(make_entry, 1, "odd", start_seconds)])

    assert (watcher.unreadable, watcher.position, len(found)) == (1, 2, 1)
