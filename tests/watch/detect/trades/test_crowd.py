"""Very many accounts, and what they take."""

import random

from tallystick.watch.detect.observation import CallSeen, OrderSeen
from tallystick.watch.detect.trades.crowd import ROUNDS, crowd, measure
from tallystick.watch.detect.trades.watching import Watched, read
from tallystick.watch.detect.watcher import Watcher


def test_every_account_of_a_crowd_trades_with_a_key_and_network_of_its_own() -> None:
    """As many orders as rounds, each with its call; no two share a key or a network."""
    source = random.Random(1)  # noqa: S311  a simulation
    seen = read(crowd(300, source), Watched())
    orders = [one for one in seen if isinstance(one, OrderSeen)]
    calls = [one for one in seen if isinstance(one, CallSeen)]

    assert len({one.account for one in orders}) == 300
    assert len(orders) == 300 * ROUNDS - sum(one.status != 201 for one in calls)
    assert len({one.key for one in calls}) == len({one.address for one in calls}) == 300


def test_memory_is_measured_before_and_after() -> None:
    """The two readings are the caller's; the snapshot's size is told too."""
    readings = iter((1_000, 5_000))
    source = random.Random(1)  # noqa: S311  a simulation
    result = measure(50, source, lambda: Watcher([]), lambda: 0.0, lambda: next(readings))

    assert (result.rss_before, result.rss_after) == (1_000, 5_000)
    assert result.entities == 50
    assert result.events >= 50 * 2 * ROUNDS
    assert result.snapshot_bytes > 0
