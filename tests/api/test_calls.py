"""Calls: the line of a placed order is the line that every other call gets, and counts alike."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from tallystick.api.calls import BUCKETS_SECONDS, ORDERS_ROUTE, Calls, OrderLine, Who, network_of
from tallystick.clock import ManualClock
from tallystick.wiring import logs


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What structlog hands to the sink."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines: list[dict[str, Any]] = []
    before = structlog.get_config()
    logs.configure(lines.append, ManualClock(), "info")
    yield lines
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("account", ["demo", None])
def test_the_short_way_says_the_same(heard: list[dict[str, Any]], account: str | None) -> None:
    """As JSON the two lines have the same members; the counts are the same as well."""
    said: list[tuple[OrderLine, int]] = []
    clock = ManualClock()
    short = Calls(clock, lambda line, at_ns: said.append((line, at_ns)))
    usual = Calls(clock)
    for calls in (short, usual):
        who = Who(account, "k-1", "10.0.0.0/24")
        calls.placed(clock.monotonic_ns() - 7_654_321, who, "O-7", "filled", 7)

    (line, at_ns), (other,) = said[0], heard
    assert msgspec.json.decode(msgspec.json.encode(line)) == other
    assert at_ns == clock.now_ns()
    counts = [calls.counts["POST", ORDERS_ROUTE, 201] for calls in (short, usual)]
    assert [(each.calls, each.total_us) for each in counts] == [(1, 7_654)] * 2
    assert counts[0].buckets == counts[1].buckets


def test_a_duration_stands_in_the_first_bucket_that_holds_it() -> None:
    """Upper bounds are inclusive, as Prometheus has them."""
    clock = ManualClock()
    calls = Calls(clock)
    for seconds in BUCKETS_SECONDS:
        start_ns = calls.start_ns()
        clock.advance(seconds)
        calls.answered("GET", "/x", 200, start_ns, {})
        clock.advance(1)
    assert calls.counts["GET", "/x", 200].buckets == [1] * len(BUCKETS_SECONDS) + [0]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:7:1::5", "2001:db8:7::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("testclient", None),
    ],
)
def test_a_client_is_known_by_its_network(host: str, network: str | None) -> None:
    """Shortened, so that the log does not say who it was."""
    assert network_of((host, 5_000)) == network
    assert network_of(None) is None
