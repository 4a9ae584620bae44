"""The drift monitor: features that are not what they were, calibrations that wore out."""

import math
import random
from collections.abc import Iterable

import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.drift.monitor import (
    LOOKS,
    STREAMS_MAX,
    WINDOW,
    WINDOWS_MAX,
    DriftMonitor,
)
from tallystick.watch.detect.drift.state import DriftState
from tallystick.watch.detect.observation import CallSeen, Observation, OrderSeen, QuoteSeen

START_SECONDS = 1_790_000_000


def calls(durations: Iterable[float]) -> list[Observation]:
    """API calls that took so long, a second apart."""
    return [
        CallSeen(rfc3339((START_SECONDS + n) * NS_PER_SECOND), START_SECONDS + n, "GET /", 200,
                 duration, None)
        for n, duration in enumerate(durations)
    ]  # fmt: skip


def durations(rng: random.Random, count: int, usual: float = 1_000.0) -> list[float]:
    """Log-normal durations in microseconds."""
    return [rng.lognormvariate(math.log(usual), 0.5) for _ in range(count)]


def state(monitor: DriftMonitor, stream: str) -> DriftState:
    """How one stream stands."""
    (found,) = (each for each in monitor.state() if each.stream == stream)
    return found


@pytest.fixture
def rng() -> random.Random:
    """Seeded."""
    return random.Random(3)  # noqa: S311  a seeded test


def test_what_stays_as_it_was_does_not_drift(rng: random.Random) -> None:
    """Twenty windows from one distribution, in batches of any size."""
    monitor = DriftMonitor()
    values = calls(durations(rng, 20 * WINDOW))
    while values:
        cut = rng.randrange(1, 3_000)
        monitor.features(values[:cut])
        del values[:cut]
    said = state(monitor, "call_duration_us")
    assert (said.kind, said.observed, said.drifting) == ("feature", 20 * WINDOW, False)
    assert said.distance < said.limit
    assert said.drifted_at is None


def test_a_shifted_feature_drifts_until_it_is_the_reference(rng: random.Random) -> None:
    """Twice as slow: it is said since when; after some windows that is what is usual."""
    monitor = DriftMonitor()
    monitor.features(calls(durations(rng, 2 * WINDOW)))
    late = calls(durations(rng, WINDOW, 2_000))
    monitor.features(late)
    said = state(monitor, "call_duration_us")
    assert said.drifting
    assert said.distance > 0.4
    assert said.drifted_at == late[-1].at
    for _ in range(WINDOWS_MAX + 3):
        monitor.features(calls(durations(rng, WINDOW, 2_000)))
    said = state(monitor, "call_duration_us")
    assert (said.drifting, said.shifts) == (False, 1)


def test_features_of_each_kind(rng: random.Random) -> None:
    """Orders, calls and quotes have theirs; what is not finite is left out."""
    monitor = DriftMonitor()
    at, seconds = rfc3339(START_SECONDS * NS_PER_SECOND), float(START_SECONDS)
    fine = OrderSeen(
        1, at, seconds, "decided", "O-1", "acme", "EUR/USD", "buy", "filled", 1e6, None, 1.08, 1.08
    )
    monitor.features(
        [
            fine,
            OrderSeen(2, at, seconds, "decided", "O-2", "acme", "EUR/USD", "buy", "new",
                      math.inf, None, None, None),
            OrderSeen(3, at, seconds, "cancelled", "O-3", "acme", "EUR/USD", "buy", "cancelled",
                      7.0, None, None, None),
            QuoteSeen(at, seconds, "EUR/USD", 1.08, 1.0801, "s"),
            QuoteSeen(at, seconds, "EUR/USD", 0.0, 1.0801, "s"),
            *calls([rng.random()]),
        ]
    )  # fmt: skip
    assert {each.stream: each.observed for each in monitor.state()} == {
        "call_duration_us": 1,
        "order_distance_bps": 1,
        "order_quantity": 1,
        "quote_spread_bps": 1,
    }
    monitor.features([])


@pytest.mark.parametrize("other", [1.0, 6.0])
def test_a_constant_feature(other: float) -> None:
    """Ties are no trouble; another constant is a drift, on either side."""
    monitor = DriftMonitor()
    monitor.features(calls([5.0] * (3 * WINDOW)))
    assert not state(monitor, "call_duration_us").drifting
    monitor.features(calls([other] * WINDOW))
    assert state(monitor, "call_duration_us").drifting


def test_a_calibration_that_holds(rng: random.Random) -> None:
    """Uniform p-values stay at one in a hundred below 0.01; what was not judged is not counted."""
    monitor = DriftMonitor()
    for _ in range(60):
        monitor.p_values("order_size", [*(rng.random() for _ in range(1_000)), math.nan])
    said = state(monitor, "order_size")
    assert (said.kind, said.observed, said.drifting) == ("calibration", 60_000, False)
    assert said.share == pytest.approx(0.01, abs=0.003)


@pytest.mark.parametrize("power", [3.0, 0.15])
def test_a_calibration_that_wore_out(rng: random.Random, power: float) -> None:
    """Ten times too many small p-values, or hardly any, is a drift; and it may end again."""
    monitor = DriftMonitor()
    monitor.features(calls([1.0]))
    monitor.p_values("order_size", [rng.random() for _ in range(LOOKS)])
    monitor.p_values("order_size", [rng.random() ** power for _ in range(LOOKS)])
    said = state(monitor, "order_size")
    assert said.drifting
    assert said.drifted_at == calls([1.0])[0].at
    assert abs(said.distance) > said.limit
    for _ in range(12):
        monitor.p_values("order_size", [rng.random() for _ in range(LOOKS)])
    assert not state(monitor, "order_size").drifting


def test_a_few_small_p_values_are_no_drift() -> None:
    """Chance is allowed for where little was judged."""
    monitor = DriftMonitor()
    monitor.p_values("d", [0.5] * LOOKS)
    monitor.p_values("d", [1e-9] * 2 + [0.5] * 20)
    said = state(monitor, "d")
    assert said.observed == LOOKS + 22
    monitor.p_values("e", [])
    assert state(monitor, "e").share == 0.0


def test_it_is_bounded(rng: random.Random) -> None:
    """So many streams, and no more."""
    monitor = DriftMonitor()
    for number in range(STREAMS_MAX + 50):
        monitor.p_values(f"d{number:04}", [rng.random()])
    assert len(monitor.state()) == STREAMS_MAX


def test_a_restart_changes_nothing(rng: random.Random) -> None:
    """What is restored goes on as what never stopped."""
    monitor = DriftMonitor()
    monitor.features(calls(durations(rng, 3_000)))
    monitor.p_values("d", [rng.random() for _ in range(15_000)])
    again = DriftMonitor()
    again.restore(monitor.snapshot())
    more = calls(durations(rng, 5_000, 4_000))
    for each in (monitor, again):
        each.features(more)
        each.p_values("d", [1e-5] * 500)
    assert again.snapshot() == monitor.snapshot()
    assert again.state() == monitor.state()


@pytest.mark.parametrize("data", [b"", b"x", b"\x80"])
def test_it_refuses_a_snapshot_of_something_else(data: bytes) -> None:
    """An error."""
    with pytest.raises(ValueError, match=r"."):
        DriftMonitor().restore(data)
