"""Metric shift: series that run otherwise than they do."""

import random
from collections.abc import Callable

import pytest

from tallystick.watch.detect.observation import CallSeen, Observation, TimeSeen
from tallystick.watch.detect.operations.series.metric_shift import MetricShift
from tallystick.watch.detect.score import Finding

WINDOWS = 1_700
Judge = Callable[..., tuple[list[float], list[Finding]]]


@pytest.fixture
def house(
    make_call: Callable[..., CallSeen], make_tick: Callable[[float], TimeSeen], start_seconds: float
) -> Callable[..., list[Observation]]:
    """Four routes in windows of ten seconds; `odd` is what happens to the third from `WINDOWS` on.

    Calls a window, and times the duration.
    """

    def build(calls: int, slower: float) -> list[Observation]:
        chance = random.Random(5)  # noqa: S311  a seeded house, no secret
        seen: list[Observation] = [make_tick(start_seconds)]
        for window in range(WINDOWS + 30):
            at = start_seconds + 10 * window
            for route in range(4):
                odd = window >= WINDOWS and route == 2
                number = calls if odd else 12 + chance.randrange(9)
                for _ in range(number):
                    took = 2_000.0 * chance.lognormvariate(0, 0.3) * (slower if odd else 1.0)
                    seen.append(make_call(at + 1, route=f"GET /{route}", duration_us=took))
            seen.append(make_tick(at + 10))
        return seen

    return build


def _of_the_third(findings: list[Finding]) -> set[str]:
    assert all(finding.entity.startswith("GET /2 ") for finding in findings)
    return {finding.entity.removeprefix("GET /2 ") for finding in findings}


def test_nothing_shifts(house: Callable[..., list[Observation]], judged: Judge) -> None:
    """Ordinary windows are no finding; a tick that ends one has a p-value, no other row has."""
    seen = house(16, 1.0)
    p_values, findings = judged(MetricShift(), seen)
    assert not findings
    known = [row for row, p_value in enumerate(p_values) if p_value == p_value]  # noqa: PLR0124
    assert known
    assert all(isinstance(seen[row], TimeSeen) for row in known)


def test_eight_times_the_requests(house: Callable[..., list[Observation]], judged: Judge) -> None:
    """Told, with what was usual and the moment that was most like it."""
    findings = judged(MetricShift(), house(130, 1.0))[1]
    assert "requests" in _of_the_third(findings)
    first = next(each for each in findings if each.entity.endswith(" requests"))
    assert (first.detector, first.family) == ("metric_shift", "operations")
    assert first.reason.sentence.startswith("GET /2: requests shifted to 1")
    assert " requests in 10 s; at this time usually about " in first.reason.sentence
    assert first.reason.contributions[0].feature == "route_requests"
    assert first.reason.contributions[0].came > 50


def test_twelve_times_the_latency(house: Callable[..., list[Observation]], judged: Judge) -> None:
    """The median is told in milliseconds."""
    findings = judged(MetricShift(), house(16, 12.0))[1]
    assert "median latency" in _of_the_third(findings)
    first = next(each for each in findings if each.entity.endswith("median latency"))
    assert 5.0 < first.reason.contributions[0].came < 60.0
    assert first.reason.contributions[0].unit == "ms"


def test_without_a_tick_each_second_nothing_is_said(
    make_call: Callable[..., CallSeen],
    make_tick: Callable[[float], TimeSeen],
    judged: Judge,
    start_seconds: float,
) -> None:
    """Windows of a minute are not compared with those of ten seconds, nor time that goes back."""
    seen: list[Observation] = []
    for n in range(100):
        seen += [make_call(start_seconds), make_tick(start_seconds + 60 * n * (-1) ** n)]
    p_values, findings = judged(MetricShift(), seen)
    assert not findings
    assert all(p_value != p_value for p_value in p_values)  # noqa: PLR0124  NaN
