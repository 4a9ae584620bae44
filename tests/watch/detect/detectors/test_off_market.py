"""Off market: a price too far from the quote for its pair."""

from collections.abc import Callable

import pytest

from tallystick.watch.detect.detectors import OffMarket
from tallystick.watch.detect.observation import OrderSeen


@pytest.fixture
def trained(make_order: Callable[..., OrderSeen]) -> OffMarket:
    """A detector that has seen 100 limits within 10 basis points, and 100 fills within 1."""
    detector = OffMarket()
    for n in range(100):
        detector.observe(make_order(n, price=1.0825 * (1 + (n % 21 - 10) / 10_000)))
        detector.observe(make_order(n, kind="order_filled", fill_price=1.0825))
    return detector


@pytest.mark.parametrize(
    ("price", "words"),
    [(1.1366, "5 % above the market"), (1.0284, "5 % below the market")],
)
def test_a_far_limit_is_odd_on_both_sides(
    trained: OffMarket, make_order: Callable[..., OrderSeen], price: float, words: str
) -> None:
    """The sentence says how far, and what is usual."""
    score = trained.observe(make_order(100, price=price, state="new"))
    assert score is not None
    assert score.reason is not None
    assert score.reason.sentence.startswith(
        f"demo's limit to buy EUR/USD at {price} is {words}; "
        "EUR/USD limits are usually within 0.1 % of it ("
    )
    assert abs(score.reason.contributions[0].came) == pytest.approx(500, abs=1)


def test_a_fill_far_from_the_quote_is_odd(
    trained: OffMarket, make_order: Callable[..., OrderSeen]
) -> None:
    """A resting order executed off the market is the desk's error, and is seen."""
    score = trained.observe(make_order(100, kind="order_filled", fill_price=1.19))
    assert score is not None
    assert score.reason is not None
    assert "demo's EUR/USD fill at 1.19 is 9.9 % above the market" in score.reason.sentence


def test_a_near_price_is_never_odd(
    trained: OffMarket, make_order: Callable[..., OrderSeen]
) -> None:
    """Below DISTANCE_BPS_MIN nobody is woken, however tight the pair is."""
    score = trained.observe(make_order(100, price=1.0825 * 1.0024))
    assert score is not None
    assert score.reason is None


def test_orders_without_a_price_or_quote_are_not_scored(
    trained: OffMarket, make_order: Callable[..., OrderSeen]
) -> None:
    """Market orders have no price to be far away."""
    assert trained.observe(make_order(100)) is None
