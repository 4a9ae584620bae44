"""From log lines, quotes and clocks to observations."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import CallSeen, TimeSeen, UnreadableError
from tallystick.watch.detect.operations.reading import (
    call_seen,
    log_seen,
    quote_seen,
    ticking,
    time_seen,
)

LINE = {
    "timestamp": "2026-11-22T04:30:00.000001Z",
    "event_name": "api.request_answered",
    "http.request.method": "POST",
    "http.route": "/v1/orders",
    "http.response.status_code": 201,
    "duration_us": 850,
    "account": "demo",
    "client.address": "203.0.113.0/24",
    "auth.key": "0123456789ab",
}
AT_NS = 1_795_321_800_000_001_000


def test_a_call_is_read() -> None:
    """Method and route make the route; who called, from where and with which key are there."""
    assert call_seen(LINE) == CallSeen(
        "2026-11-22T04:30:00.000001Z",
        AT_NS / 1e9,
        "POST /v1/orders",
        201,
        850,
        "demo",
        "203.0.113.0/24",
        "0123456789ab",
    )


def test_a_call_of_nobody_is_read() -> None:
    """Account, network and key may be missing: lines of before have none."""
    bare = {name: value for name, value in LINE.items() if name not in {"account", "auth.key"}}
    del bare["client.address"]
    seen = call_seen(bare)
    assert seen is not None
    assert (seen.account, seen.address, seen.key) == (None, None, None)


def test_a_stamp_in_nanoseconds_is_read() -> None:
    """The same moment either way."""
    assert call_seen({**LINE, "timestamp": AT_NS}) == call_seen(LINE)


def test_other_lines_are_no_calls() -> None:
    """Another event is nobody's call."""
    assert call_seen({**LINE, "event_name": "ledger.sealed"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": None},
        {"timestamp": True},
        {"timestamp": "yesterday"},
        {"timestamp": 10**40},
        {"http.route": 1},
        {"http.request.method": None},
        {"http.response.status_code": "201"},
        {"http.response.status_code": True},
        {"duration_us": "fast"},
        {"duration_us": -1},
        {"duration_us": float("nan")},
        {"duration_us": 1e15},
        {"account": 7},
        {"client.address": 7},
        {"auth.key": ["x"]},
    ],
    ids=lambda change: next(f"{name}={str(value)[:9]}" for name, value in change.items()),
)
def test_a_broken_line_is_refused(change: dict[str, object]) -> None:
    """A call's line that does not say what it must is unreadable."""
    with pytest.raises(UnreadableError):
        call_seen({**LINE, **change})


def test_points_become_prices() -> None:
    """A quote in points, a count of lines, a second."""
    quote = quote_seen("EUR/USD", 108_250, 108_262, 5, AT_NS, "oanda")
    assert (quote.bid, quote.ask, quote.at) == (1.0825, 1.08262, LINE["timestamp"])
    assert log_seen("main", "gateway", 3, AT_NS).lines == 3
    assert time_seen(AT_NS).at_seconds == AT_NS / 1e9


def test_a_replay_ticks_by_the_stamps(make_call: Callable[..., CallSeen]) -> None:
    """A tick before the first of each second, also of those in which nothing came."""
    calls = [make_call(at) for at in (100.2, 100.9, 103.1, 102.0)]
    seen = list(ticking(calls))
    ticks = [each.at_seconds for each in seen if isinstance(each, TimeSeen)]
    assert ticks == [100, 101, 102, 103]
    assert seen[1] == calls[0]
    assert [each for each in seen if isinstance(each, CallSeen)] == calls


def test_a_replay_skips_long_pauses(make_call: Callable[..., CallSeen]) -> None:
    """After a year without anything an hour is ticked, and broken stamps tick nothing."""
    seen = list(ticking([make_call(0.0), make_call(3e7), make_call(float("1e12"))]))
    assert len(seen) < 3_700
