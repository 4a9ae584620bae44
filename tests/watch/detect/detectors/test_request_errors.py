"""Request errors: routes that fail or crawl."""

from tallystick.watch.detect.detectors import RequestErrors
from tallystick.watch.detect.observation import CallSeen
from tallystick.watch.detect.score import Reason


def _reasons(calls: list[tuple[int, float]]) -> list[Reason | None]:
    detector = RequestErrors()
    reasons = []
    for n, (status, duration_us) in enumerate(calls):
        call = CallSeen("2026-11-22T04:30:00Z", float(n), "GET /x", status, duration_us, None)
        score = detector.observe(call)
        reasons.append(score.reason if score else None)
    return reasons


USUAL = [(200, 500.0 + 10 * (n % 40)) for n in range(200)]


def test_a_run_of_failures_is_odd() -> None:
    """Five answers of 500 and above after none."""
    reasons = _reasons(USUAL + [(503, 500.0)] * 5)
    assert reasons[-1] is not None
    assert reasons[-1].sentence.startswith("GET /x: 5 of the last 5 calls failed; usually about ")


def test_a_clients_errors_are_not_ours() -> None:
    """Answers of 4xx say nothing about the route."""
    assert not any(_reasons(USUAL + [(422, 500.0)] * 50))


def test_one_slow_call_is_nothing_a_run_is_something() -> None:
    """Ten calls a thousand times slower than usual are told, the first one is not."""
    reasons = _reasons(USUAL + [(200, 600_000.0)] * 10)
    assert reasons[200] is None
    odd = [reason for reason in reasons if reason]
    assert odd[0].sentence.startswith("GET /x: 4 of the last 4 calls were slow, this one took 600")
    assert "usually a call takes between 0.52 and 0.89 ms" in odd[0].sentence


def test_calls_faster_than_the_floor_are_never_slow() -> None:
    """Ten times slower than usual, but still under SLOW_US_MIN: nobody is woken."""
    assert not any(_reasons(USUAL + [(200, 8_000.0)] * 50))
