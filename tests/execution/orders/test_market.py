"""Market orders take the quote."""

from typing import Any

import pytest

from tallystick.execution.orders import ORDERS


@pytest.mark.parametrize("time_in_force", ["FOK", "IOC"])
@pytest.mark.parametrize(("side", "points"), [("buy", 108_251), ("sell", 108_249)])
def test_market_orders_fill_whole_at_the_quote(
    words: Any, side: str, points: int, time_in_force: str
) -> None:
    """Against 1.08249 / 1.08251.

    buy  1_000_000 EURUSD market   fills at 1.08251
    sell 1_000_000 EURUSD market   fills at 1.08249
    """
    request = words.request(side=side, time_in_force=time_in_force)

    execution = ORDERS["market"](request, words.quote())

    assert (execution.state, execution.price) == ("filled", points)
    assert execution.rejection is None
