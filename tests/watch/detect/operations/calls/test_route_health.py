"""Route health: routes that fail, and routes that crawl."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import CallSeen, Observation
from tallystick.watch.detect.operations.calls.route_health import RouteHealth
from tallystick.watch.detect.score import Finding

Judge = Callable[..., tuple[list[float], list[Finding]]]


@pytest.fixture
def found(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> Callable[..., list[Finding]]:
    """Findings about these (status, duration_us) after an hour of ordinary calls."""

    def find(odd: list[tuple[int, float]], usual: int = 600, apart: float = 1.0) -> list[Finding]:
        calls: list[Observation] = [
            make_call(start_seconds + n, duration_us=500.0 + 10 * (n % 40)) for n in range(usual)
        ]
        calls += [
            make_call(start_seconds + usual + n * apart, status=status, duration_us=took)
            for n, (status, took) in enumerate(odd)
        ]
        return [each for each in judged(RouteHealth(), calls)[1] if each.row >= usual]

    return find


def test_a_run_of_failures_is_odd(found: Callable[..., list[Finding]]) -> None:
    """The third answer in a row of 500 and above after none is told, with what was usual."""
    first = found([(503, 500.0)] * 5)[0]
    assert first.row == 602
    assert (first.detector, first.family, first.entity) == (
        "route_errors", "operations", "POST /v1/orders",
    )  # fmt: skip
    sentence = first.reason.sentence
    assert sentence.startswith("POST /v1/orders: 3 of the last 3 calls failed; usually about ")
    assert first.reason.nearest is not None
    assert first.reason.nearest.text == "POST /v1/orders answered in 0.89 ms at 12:09:59"


def test_a_quarter_that_fails_is_odd(found: Callable[..., list[Finding]]) -> None:
    """Every fourth call fails: told after a handful of them."""
    findings = found([(500 if n % 4 == 0 else 200, 600.0) for n in range(60)])
    assert findings[0].detector == "route_errors"
    assert findings[0].row < 600 + 20


def test_a_clients_errors_are_not_ours(found: Callable[..., list[Finding]]) -> None:
    """Answers of 4xx say nothing about the route, nor does a client that went away."""
    assert not found([(422, 600.0)] * 50 + [(0, 6e7)] * 50)


def test_one_slow_call_is_nothing_a_run_is_something(
    found: Callable[..., list[Finding]],
) -> None:
    """The first call of 600 ms is not told, a run of them is; with the route's own quantiles."""
    assert not found([(200, 600_000.0)])
    first = found([(200, 600_000.0)] * 10)[0]
    assert (first.detector, first.row) == ("route_latency", 603)
    assert "4 of the last 4 calls were slow, half of them over 600 ms" in first.reason.sentence
    assert "usually half within 0.71 ms, 99 % within 0.9 ms" in first.reason.sentence


def test_a_stall_of_a_moment_is_one_slow_call(found: Callable[..., list[Finding]]) -> None:
    """Forty calls that waited for one and the same pause are told no more than one."""
    assert not found([(200, 300_000.0)] * 40, apart=1e-4)


def test_calls_faster_than_the_floor_are_never_slow(found: Callable[..., list[Finding]]) -> None:
    """Ten times slower than usual, but still under SLOW_US_MIN: nobody is woken."""
    assert not found([(200, 8_000.0)] * 50)


def test_nothing_is_said_of_a_route_that_is_new(found: Callable[..., list[Finding]]) -> None:
    """Twenty calls come first."""
    assert not found([(500, 600.0)] * 15, usual=4)


def test_what_is_usual_of_one_route_is_not_of_another(
    make_call: Callable[..., CallSeen], judged: Judge, start_seconds: float
) -> None:
    """A route that always takes a second is as healthy as one that takes a millisecond."""
    calls = [
        make_call(
            start_seconds + n,
            route="GET /fast" if n % 2 else "GET /slow",
            duration_us=1_000.0 if n % 2 else 1e6,
        )
        for n in range(2_000)
    ]
    p_values, findings = judged(RouteHealth(), calls)
    assert not findings
    assert p_values[-1] == 1.0
