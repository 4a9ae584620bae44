"""Order size: too large for this account in this pair."""

from collections.abc import Callable

from tallystick.watch.detect.detectors import OrderSize
from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.score import Score


def _last(
    make_order: Callable[..., OrderSeen], quantities: list[float], **members: object
) -> Score | None:
    detector = OrderSize()
    score = None
    for n, quantity in enumerate(quantities):
        score = detector.observe(make_order(n, quantity=quantity, **members))
    return score


def test_a_hundredfold_order_is_odd(make_order: Callable[..., OrderSeen]) -> None:
    """The contribution carries the numbers behind the sentence."""
    score = _last(make_order, [1_000_000 + 50_000 * (n % 10) for n in range(60)] + [1e8])
    assert score is not None
    assert score.reason is not None
    (part,) = score.reason.contributions
    assert (part.feature, part.unit, part.came) == ("quantity", "EUR", 1e8)
    assert 1e6 <= part.expected_low < part.expected_high <= 1.5e6
    assert part.surprise > 5


def test_a_tiny_order_is_not(make_order: Callable[..., OrderSeen]) -> None:
    """Only large orders are a risk."""
    score = _last(make_order, [1_000_000.0] * 60 + [1.0])
    assert score is not None
    assert score.p_value > 0.9


def test_twice_the_usual_is_fine_for_an_account_that_never_varies(
    make_order: Callable[..., OrderSeen],
) -> None:
    """A profile without spread is not brittle."""
    score = _last(make_order, [1_000_000.0] * 60 + [2_000_000.0])
    assert score is not None
    assert score.reason is None


def test_another_pair_is_another_habit(make_order: Callable[..., OrderSeen]) -> None:
    """What is usual in one pair says nothing about another."""
    detector = OrderSize()
    for n in range(60):
        detector.observe(make_order(n, quantity=1_000_000))
    assert detector.observe(make_order(60, pair="USD/JPY", quantity=1e9)) is None


def test_a_new_habit_is_accepted(make_order: Callable[..., OrderSeen]) -> None:
    """The fourth order of a new size is no news any more."""
    score = _last(make_order, [1_000_000.0] * 60 + [1e8] * 4)
    assert score is not None
    assert score.reason is None


def test_fills_of_resting_orders_are_not_orders(make_order: Callable[..., OrderSeen]) -> None:
    """An order is counted when it is decided, not again when it is filled."""
    assert _last(make_order, [1_000_000.0] * 60, kind="order_filled") is None


def test_a_rejected_order_was_only_tried(make_order: Callable[..., OrderSeen]) -> None:
    """The sentence does not claim a purchase that did not happen."""
    detector = OrderSize()
    for n in range(60):
        detector.observe(make_order(n))
    score = detector.observe(make_order(60, quantity=3e8, state="rejected"))
    assert score is not None
    assert score.reason is not None
    assert score.reason.sentence.startswith(
        "demo tried to buy 300,000,000 EUR/USD; its orders in EUR/USD are usually about 1,000,000 ("
    )
