"""Windows: what ten seconds give for each series."""

import math
from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import CallSeen, LogSeen, OrderSeen, QuoteSeen
from tallystick.watch.detect.operations.series.windows import (
    IDLE_WINDOWS_MAX,
    KNOWN_WINDOWS,
    SAMPLES_MAX,
    Windows,
)

AT = 1_790_683_200.0


def _close(windows: Windows, *, market_open: bool = True, whole: bool = True) -> dict[str, float]:
    return {
        f"{point.feature} {point.of}": math.expm1(point.value) if point.logarithmic else point.value
        for point in windows.close(market_open, whole)
    }


def test_a_route_gives_four_numbers(make_call: Callable[..., CallSeen]) -> None:
    """Requests, error share, median and 99 % quantile in milliseconds."""
    windows = Windows(10)
    for n in range(20):
        windows.add(make_call(AT, status=500 if n < 5 else 200, duration_us=1_000.0 * (n + 1)))
    assert _close(windows) == {
        "route_requests POST /v1/orders": 20,
        "route_error_share POST /v1/orders": 0.25,
        "route_p50 POST /v1/orders": pytest.approx(10.5),
        "route_p99 POST /v1/orders": pytest.approx(20.0),
    }


def test_few_calls_have_no_quantiles(make_call: Callable[..., CallSeen]) -> None:
    """Nine calls are counted, and no more; the next window says that none came."""
    windows = Windows(10)
    for _ in range(9):
        windows.add(make_call(AT))
    assert _close(windows) == {"route_requests POST /v1/orders": 9}
    assert _close(windows) == {"route_requests POST /v1/orders": 0}


def test_pairs_give_quotes_and_orders(
    make_quote: Callable[..., QuoteSeen], make_order: Callable[..., OrderSeen]
) -> None:
    """Quotes and their median spread in bps, orders and their volume; no quotes when closed."""
    windows = Windows(10)
    for bid, ask in ((1.0, 1.0002), (1.0, 1.0002), (1.1, 1.0)):
        windows.add(make_quote(AT, bid=bid, ask=ask))
    for position in range(3):
        windows.add(make_order(AT, position, "EUR/USD", 400.0))
    assert _close(windows) == {
        "pair_quotes EUR/USD": pytest.approx(3),
        "pair_spread EUR/USD": pytest.approx(2.0),
        "pair_orders EUR/USD": 3,
        "pair_volume EUR/USD": pytest.approx(1_200.0),
    }
    assert set(_close(windows, market_open=False)) == {
        "pair_orders EUR/USD",
        "pair_volume EUR/USD",
    }


def test_services_give_lines(make_lines: Callable[..., LogSeen]) -> None:
    """All rows of a service in an index together."""
    windows = Windows(10)
    windows.add(make_lines(AT, "gateway", "main", 30))
    windows.add(make_lines(AT, "gateway", "main", 12))
    windows.add(make_lines(AT, "gateway", "audit", 2**80))
    assert _close(windows) == {
        "service_lines main gateway": pytest.approx(42),
        "service_lines audit gateway": pytest.approx(1e9),
    }


def test_a_window_that_is_no_whole_one_gives_nothing(make_call: Callable[..., CallSeen]) -> None:
    """What was counted in it is gone."""
    windows = Windows(10)
    for _ in range(5):
        windows.add(make_call(AT))
    assert _close(windows, whole=False) == {}
    assert _close(windows) == {"route_requests POST /v1/orders": 0}


def test_what_does_not_come_any_more_is_forgotten(make_call: Callable[..., CallSeen]) -> None:
    """After an hour without calls a route has no series; too many things push out the first."""
    windows = Windows(2)
    for route in ("a", "b", "c"):
        for _ in range(3):
            windows.add(make_call(AT, route=route))
    assert set(_close(windows)) == {"route_requests b", "route_requests c"}
    for _ in range(IDLE_WINDOWS_MAX + 1):
        _close(windows)
    assert len(windows) == 0


def test_what_comes_seldom_has_no_series(make_call: Callable[..., CallSeen]) -> None:
    """Once in three windows is too seldom; once it comes often it has one again."""
    windows = Windows(10)
    given = []
    for window in range(160):
        for _ in range(8 if window >= 90 else window % 3 == 0):
            windows.add(make_call(AT))
        given.append(bool(_close(windows)))
    assert not any(given[10:90])
    assert all(given[-10:])


def test_a_thing_is_known_after_an_hour(make_call: Callable[..., CallSeen]) -> None:
    """Until then its points are learnt, and not judged."""
    windows = Windows(10)
    known = []
    for _ in range(KNOWN_WINDOWS + 1):
        for _ in range(5):
            windows.add(make_call(AT))
        known.append([point.known for point in windows.close(market_open=True, whole=True)])
    assert known == [[False]] * (KNOWN_WINDOWS - 1) + [[True]] * 2


def test_a_busy_window_is_bounded(make_call: Callable[..., CallSeen]) -> None:
    """Calls are all counted, durations only so many; what is no number is none."""
    windows = Windows(2)
    windows.add(make_call(AT, duration_us=math.nan))
    windows.add(make_call(AT, duration_us=math.inf))
    for _ in range(SAMPLES_MAX + 10):
        windows.add(make_call(AT))
    ((_, thing),) = windows.save()
    assert (thing.count, len(thing.samples)) == (SAMPLES_MAX + 12, SAMPLES_MAX)
