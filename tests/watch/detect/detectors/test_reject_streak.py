"""Reject streak: rejections piling up for one account."""

from collections.abc import Callable

from tallystick.watch.detect.detectors import RejectStreak
from tallystick.watch.detect.observation import OrderSeen


def test_a_streak_is_odd_and_said_in_orders(make_order: Callable[..., OrderSeen]) -> None:
    """After 100 orders with few rejected, six rejections in a row are told."""
    detector = RejectStreak()
    for n in range(100):
        detector.observe(make_order(n, state="rejected" if n % 50 == 9 else "filled"))
    scores = [detector.observe(make_order(100 + n, state="rejected")) for n in range(6)]
    odd = [score.reason for score in scores if score and score.reason]
    assert odd
    assert odd[-1].sentence.startswith("demo had 6 of the last 6 orders rejected; usually 3.")
    assert odd[-1].contributions[0].came == 1


def test_another_account_is_not_blamed(make_order: Callable[..., OrderSeen]) -> None:
    """Streaks are counted for each account."""
    detector = RejectStreak()
    for n in range(100):
        detector.observe(make_order(n, account="a"))
        detector.observe(make_order(n, account="b"))
    for n in range(6):
        detector.observe(make_order(n, account="a", state="rejected"))
    score = detector.observe(make_order(9, account="b", state="rejected"))
    assert score is not None
    assert score.reason is None


def test_an_account_that_is_always_rejected_half_the_time_is_usual(
    make_order: Callable[..., OrderSeen],
) -> None:
    """What always was so is not odd."""
    detector = RejectStreak()
    scores = [
        detector.observe(make_order(n, state="rejected" if n % 2 else "filled"))
        for n in range(2_000)
    ]
    assert not any(score and score.reason for score in scores[500:])
