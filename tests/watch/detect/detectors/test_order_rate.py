"""Order rate: bursts against the account's own habit."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.detectors import OrderRate
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.score import Score


def _scores(
    make_order: Callable[..., OrderSeen], times: list[float], start: float
) -> list[Score | None]:
    detector = OrderRate()
    return [detector.observe(make_order(n, at_seconds=start + t)) for n, t in enumerate(times)]


@pytest.mark.parametrize("per_second", [0.05, 1.0, 20.0])
def test_a_burst_is_odd_at_any_habit(
    make_order: Callable[..., OrderSeen], start_seconds: float, per_second: float
) -> None:
    """40 orders plus four times the habit, within 2 s, are odd for the idle and the busy."""
    steady = [n / per_second for n in range(max(100, int(60 * per_second)))]
    more = int(40 + 8 * per_second)
    burst = [steady[-1] + 2 * (n + 1) / more for n in range(more)]
    scores = _scores(make_order, steady + burst, start_seconds)
    assert not any(score and score.reason for score in scores[: len(steady)])
    odd = [score for score in scores[len(steady) :] if score and score.reason]
    assert odd
    assert odd[-1].p_value < 1e-6


def test_a_steady_flow_at_any_speed_is_not(
    make_order: Callable[..., OrderSeen], start_seconds: float
) -> None:
    """A client that always sends 100 a second is not odd for it."""
    scores = _scores(make_order, [n / 100 for n in range(3_000)], start_seconds)
    assert any(scores)
    assert not any(score and score.reason for score in scores)


def test_a_few_quick_orders_are_no_burst(
    make_order: Callable[..., OrderSeen], start_seconds: float
) -> None:
    """Fewer than BURST_ORDERS_MIN orders wake nobody."""
    times = [60.0 * n for n in range(50)] + [2_941.0 + 0.01 * n for n in range(8)]
    assert not any(s and s.reason for s in _scores(make_order, times, start_seconds))


def test_a_clock_that_goes_back_is_borne(
    make_order: Callable[..., OrderSeen], start_seconds: float
) -> None:
    """Stamps out of order count as now."""
    scores = _scores(make_order, [100.0 - n % 3 for n in range(200)], start_seconds)
    assert scores[-1] is None or 0 < scores[-1].p_value <= 1


def test_the_sentence_names_the_habit(
    make_order: Callable[..., OrderSeen], start_seconds: float
) -> None:
    """What came and what is usual, in orders."""
    times = [10.0 * n for n in range(60)] + [600 + 0.02 * n for n in range(60)]
    odd = [s.reason for s in _scores(make_order, times, start_seconds) if s and s.reason]
    assert odd[-1].sentence.startswith("demo sent about 5")
    assert "orders in 5 seconds; it usually sends up to 4 (" in odd[-1].sentence
